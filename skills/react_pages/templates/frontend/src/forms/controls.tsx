import type { HTMLInputTypeAttribute, ReactNode } from "react";

import type { FieldProps } from "./use-form";

export const CONTROL =
  "w-full min-w-0 rounded-xl border border-field-line bg-field px-3.5 py-2.5 text-base text-ink shadow-inner shadow-black/3 " +
  "transition-colors placeholder:text-muted/70 hover:border-accent aria-invalid:border-danger sm:text-sm";

/** A select leaves room for its arrow. */
export const SELECT = `${CONTROL} pr-9`;

type Described = Pick<FieldProps<unknown>, "id" | "hint" | "required" | "error">;

/** The attributes that tie a control to its hint and its error. */
function described({ id, hint, required, error }: Described) {
  const describedBy = [hint && `${id}-hint`, error && `${id}-error`].filter(Boolean).join(" ");
  return {
    id,
    "aria-required": required,
    "aria-invalid": error !== undefined,
    "aria-describedby": describedBy || undefined,
  };
}

type FrameProps = Pick<FieldProps<unknown>, "id" | "label" | "hint" | "required" | "error"> & { children: ReactNode };

function Frame({ id, label, hint, required, error, children }: FrameProps) {
  return (
    <div className="grid content-start gap-1.5">
      <label htmlFor={id} className="text-sm font-medium">
        {label}
        {!required && <span className="font-normal text-muted"> (optional)</span>}
      </label>
      {children}
      <Notes id={id} hint={hint} error={error} />
    </div>
  );
}

function Notes({ id, hint, error }: Pick<FieldProps<unknown>, "id" | "hint" | "error">) {
  return (
    <>
      {hint && (
        <p id={`${id}-hint`} className="text-xs text-muted">
          {hint}
        </p>
      )}
      {error && (
        <p id={`${id}-error`} className="text-sm text-danger">
          {error}
        </p>
      )}
    </>
  );
}

type InputProps = FieldProps<string> & {
  type?: HTMLInputTypeAttribute;
  inputMode?: "numeric" | "decimal";
  autoComplete?: string;
};

/** One line: text, a number (as text, so that nothing typed is lost), a date, a time, an email address, a link. */
export function InputField({ type = "text", inputMode, autoComplete = "off", ...field }: InputProps) {
  return (
    <Frame {...field}>
      <input
        {...described(field)}
        type={type}
        inputMode={inputMode}
        autoComplete={autoComplete}
        className={CONTROL}
        value={field.value}
        onChange={(event) => field.onChange(event.target.value)}
      />
    </Frame>
  );
}

export function TextAreaField({ code = false, ...field }: FieldProps<string> & { code?: boolean }) {
  return (
    <Frame {...field}>
      <textarea
        {...described(field)}
        rows={6}
        spellCheck={!code}
        className={`${CONTROL} ${code ? "font-mono" : ""}`}
        value={field.value}
        onChange={(event) => field.onChange(event.target.value)}
      />
    </Frame>
  );
}

export type Choice = { value: string; label: string };

/** A yes or no that may also be left open. */
export const YES_OR_NO: readonly Choice[] = [
  { value: "true", label: "Yes" },
  { value: "false", label: "No" },
];

/** One of some choices. Without a value there is an empty choice, and always if the field is optional. */
export function SelectField({ choices, ...field }: FieldProps<string> & { choices: readonly Choice[] }) {
  return (
    <Frame {...field}>
      <select
        {...described(field)}
        className={SELECT}
        value={field.value}
        onChange={(event) => field.onChange(event.target.value)}
      >
        {(!field.required || field.value === "") && <option value="">{field.required ? "Choose…" : "None"}</option>}
        {choices.map(({ value, label }) => (
          <option key={value} value={value}>
            {label}
          </option>
        ))}
      </select>
    </Frame>
  );
}

export function CheckboxField(field: FieldProps<boolean>) {
  return (
    <div className="grid content-start gap-1.5">
      <label className="flex min-h-10 items-center gap-3 text-sm font-medium">
        <input
          {...described({ ...field, required: false })}
          type="checkbox"
          className="size-5 accent-accent"
          checked={field.value}
          onChange={(event) => field.onChange(event.target.checked)}
        />
        {field.label}
      </label>
      <Notes {...field} />
    </div>
  );
}

type ChecklistProps = FieldProps<number[]> & {
  choices: readonly { id: number; label: string }[];
  children?: ReactNode;
};

/** Any number of some records. */
export function ChecklistField({ choices, children, ...field }: ChecklistProps) {
  const { id: _, "aria-required": __, ...description } = described(field);
  return (
    <fieldset id={field.id} tabIndex={-1} {...description} className="grid gap-1.5">
      <legend className="mb-1.5 text-sm font-medium">{field.label}</legend>
      <div className="grid max-h-64 gap-x-4 overflow-y-auto rounded-xl border border-field-line bg-field px-3.5 py-2 sm:grid-cols-2">
        {choices.map(({ id, label }) => (
          <label key={id} className="flex min-h-9 min-w-0 items-center gap-3 text-sm">
            <input
              type="checkbox"
              className="size-4.5 shrink-0 accent-accent"
              checked={field.value.includes(id)}
              onChange={(event) =>
                field.onChange(event.target.checked ? [...field.value, id] : field.value.filter((one) => one !== id))
              }
            />
            <span className="truncate">{label}</span>
          </label>
        ))}
        {choices.length === 0 && <p className="py-1.5 text-sm text-muted">There is nothing to choose from yet.</p>}
      </div>
      {children}
      <Notes {...field} />
    </fieldset>
  );
}
