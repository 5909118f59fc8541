import { type RefObject, useEffect, useId, useRef, useState } from "react";

import { ApiError, messageOf } from "../api/errors";
import type { Rule } from "./rules";

export type FieldSettings<T> = { label: string; hint?: string; required?: boolean; rule?: Rule<T> };

/** The fields of a form by the names the API gives them; `Draft` is what their controls hold. */
export type Fields<Draft> = { [Name in keyof Draft]: FieldSettings<Draft[Name]> };

/** What a control needs to show one field. */
export type FieldProps<T> = {
  id: string;
  label: string;
  hint?: string;
  required: boolean;
  error?: string;
  value: T;
  onChange: (value: T) => void;
};

export type Problem = { id: string; label: string; message: string };

export type FormState<Draft> = {
  field: <Name extends keyof Draft & string>(name: Name) => FieldProps<Draft[Name]>;
  /** What is wrong with single fields, in the order of the fields. */
  problems: readonly Problem[];
  /** What is wrong with the whole, as the server said it. */
  failures: readonly string[];
  busy: boolean;
  element: RefObject<HTMLFormElement | null>;
  submit: () => Promise<void>;
};

type Errors<Draft> = Partial<Record<keyof Draft & string, string>>;

type Options<Draft> = {
  initial: () => Draft;
  fields: Fields<Draft>;
  /** Send the draft; an `ApiError` it throws is shown at the fields it names. */
  send: (draft: Draft, initial: Draft) => Promise<void>;
};

export function useForm<Draft extends object>({ initial, fields, send }: Options<Draft>): FormState<Draft> {
  const formId = useId();
  const element = useRef<HTMLFormElement>(null);
  const [before] = useState(initial);
  const [draft, setDraft] = useState(before);
  const [errors, setErrors] = useState<Errors<Draft>>({});
  const [failures, setFailures] = useState<readonly string[]>([]);
  const [busy, setBusy] = useState(false);
  const [refusals, setRefusals] = useState(0);
  const names = Object.keys(fields) as (keyof Draft & string)[];
  const idOf = (name: string) => `${formId}-${name}`;

  // Each refusal leads to the first field in question, or else to the summary.
  useEffect(() => {
    if (refusals === 0) return;
    const find = (selector: string) => element.current?.querySelector<HTMLElement>(selector);
    (find('[aria-invalid="true"]') ?? find('[role="alert"]'))?.focus();
  }, [refusals]);

  function refuse(fieldErrors: Errors<Draft>, whole: readonly string[]) {
    setErrors(fieldErrors);
    setFailures(whole);
    setRefusals((count) => count + 1);
  }

  async function submit() {
    if (busy) return;
    const found = check(fields, names, draft);
    if (Object.keys(found).length > 0) return refuse(found, []);
    setErrors({});
    setFailures([]);
    setBusy(true);
    try {
      await send(draft, before);
    } catch (error) {
      const refused = sort(error, names);
      refuse(refused.errors, refused.failures);
    } finally {
      setBusy(false);
    }
  }

  return {
    field: (name) => ({
      id: idOf(name),
      label: fields[name].label,
      hint: fields[name].hint,
      required: fields[name].required ?? false,
      error: errors[name],
      value: draft[name],
      onChange: (value) => setDraft((current) => ({ ...current, [name]: value })),
    }),
    problems: names.flatMap((name) => {
      const message = errors[name];
      return message ? [{ id: idOf(name), label: fields[name].label, message }] : [];
    }),
    failures,
    busy,
    element,
    submit,
  };
}

function check<Draft>(fields: Fields<Draft>, names: (keyof Draft & string)[], draft: Draft): Errors<Draft> {
  const errors: Errors<Draft> = {};
  for (const name of names) {
    const { required, rule } = fields[name];
    const value = draft[name];
    const isEmpty = value === "";
    const message = isEmpty ? (required ? "This is required." : null) : (rule?.(value) ?? null);
    if (message) errors[name] = message;
  }
  return errors;
}

/** Tell the fields that the server names from what it says about the whole. */
function sort<Draft>(error: unknown, names: (keyof Draft & string)[]) {
  const errors: Errors<Draft> = {};
  const failures: string[] = [];
  for (const { field, message } of error instanceof ApiError ? error.details : []) {
    const name = names.find((known) => field === known || field.startsWith(`${known}.`));
    if (!name) failures.push(field ? `${field}: ${message}` : message);
    else errors[name] ??= message;
  }
  if (Object.keys(errors).length === 0) failures.unshift(messageOf(error));
  return { errors, failures };
}
