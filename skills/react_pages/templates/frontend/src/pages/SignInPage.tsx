import { Link, Navigate, useLocation } from "react-router";

import { useSession } from "../auth/session";
import { PageHeader } from "../components/PageHeader";
import { InputField } from "../forms/controls";
import { Form } from "../forms/Form";
import { type Fields, useForm } from "../forms/use-form";

type Draft = { email: string; password: string };

const FIELDS: Fields<Draft> = {
  email: { label: "Email", required: true },
  password: { label: "Password", required: true },
};

export function SignInPage() {
  const { user, signIn } = useSession();
  const { state } = useLocation();
  const form = useForm<Draft>({
    initial: () => ({ email: "", password: "" }),
    fields: FIELDS,
    send: (draft) => signIn(draft),
  });
  if (user) return <Navigate to={from(state)} replace />;
  return (
    <div className="mx-auto grid w-full max-w-md gap-6 sm:pt-8">
      <PageHeader title="Sign in" description="Good to see you again." />
      <Form form={form} submitLabel="Sign in">
        <InputField {...form.field("email")} type="email" autoComplete="email" />
        <InputField {...form.field("password")} type="password" autoComplete="current-password" />
      </Form>
      <p className="text-center text-sm text-muted">
        New here?{" "}
        <Link to="/sign-up" state={state} className="font-medium text-accent underline underline-offset-2">
          Create an account
        </Link>
      </p>
    </div>
  );
}

/** Where the guard stopped the visitor; only a path of this app. */
export function from(state: unknown): string {
  const path = typeof state === "object" && state !== null && "from" in state ? state.from : null;
  return typeof path === "string" && /^\/(?!\/)/.test(path) ? path : "/";
}
