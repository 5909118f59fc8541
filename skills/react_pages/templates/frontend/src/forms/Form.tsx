import type { ReactNode } from "react";

import { Button, ButtonLink } from "../components/Button";
import type { FormState, Problem } from "./use-form";

type Props<Draft> = {
  form: FormState<Draft>;
  submitLabel: string;
  cancelTo?: string;
  children: ReactNode;
};

export function Form<Draft>({ form, submitLabel, cancelTo, children }: Props<Draft>) {
  return (
    <form
      ref={form.element}
      noValidate
      className="glass grid w-full max-w-3xl gap-6 rounded-3xl p-5 sm:p-8"
      onSubmit={(event) => {
        event.preventDefault();
        void form.submit();
      }}
    >
      <ErrorSummary problems={form.problems} failures={form.failures} />
      {children}
      <div className="flex flex-wrap gap-2">
        <Button type="submit" disabled={form.busy}>
          {form.busy ? "Saving…" : submitLabel}
        </Button>
        {cancelTo && (
          <ButtonLink variant="quiet" to={cancelTo}>
            Cancel
          </ButtonLink>
        )}
      </div>
    </form>
  );
}

type SummaryProps = { problems: readonly Problem[]; failures: readonly string[] };

function ErrorSummary({ problems, failures }: SummaryProps) {
  if (problems.length + failures.length === 0) return null;
  return (
    <div role="alert" tabIndex={-1} className="rounded-2xl border border-danger/30 bg-danger-tint px-4 py-3 text-danger">
      <p className="font-medium">This did not work:</p>
      <ul className="mt-1 list-inside list-disc text-sm">
        {failures.map((failure) => (
          <li key={failure}>{failure}</li>
        ))}
        {problems.map(({ id, label, message }) => (
          <li key={id}>
            <a
              href={`#${id}`}
              className="underline underline-offset-2"
              onClick={(event) => {
                event.preventDefault();
                document.getElementById(id)?.focus();
              }}
            >
              {label}: {message}
            </a>
          </li>
        ))}
      </ul>
    </div>
  );
}
