import type { ReactNode } from "react";

import { useSession } from "../auth/session";
import type { Choice } from "../forms/controls";
import { CheckIcon } from "./icons";

type Maybe<T> = { value: T | null | undefined };

export function Nothing() {
  return (
    <span className="text-muted">
      <span aria-hidden="true">—</span>
      <span className="sr-only">Nothing</span>
    </span>
  );
}

export function TextValue({ value }: Maybe<string | number>) {
  if (value === null || value === undefined || value === "") return <Nothing />;
  return <span className="break-words whitespace-pre-line">{value}</span>;
}

export function BooleanValue({ value }: Maybe<boolean>) {
  if (value === null || value === undefined) return <Nothing />;
  if (!value) return <span className="text-muted">No</span>;
  return (
    <span className="inline-flex items-center gap-1 align-bottom text-accent">
      <CheckIcon />
      Yes
    </span>
  );
}

export function ChoiceValue({ value, choices }: Maybe<string> & { choices: readonly Choice[] }) {
  if (!value) return <Nothing />;
  return (
    <span className="inline-block rounded-full bg-tint px-2.5 py-0.5 text-xs font-medium text-on-tint">
      {choices.find((choice) => choice.value === value)?.label ?? value}
    </span>
  );
}

/** A day: the same one wherever it is read. */
export function DateValue({ value }: Maybe<string>) {
  if (!value) return <Nothing />;
  const day = new Date(`${value}T00:00:00Z`);
  return <time dateTime={value}>{format(day, value, { dateStyle: "medium", timeZone: "UTC" })}</time>;
}

export function TimeValue({ value }: Maybe<string>) {
  if (!value) return <Nothing />;
  return <time dateTime={value}>{value.slice(0, 8).replace(/^(\d\d:\d\d):00$/, "$1")}</time>;
}

/** An instant, in the reader's time zone. */
export function DateTimeValue({ value }: Maybe<string>) {
  if (!value) return <Nothing />;
  return <time dateTime={value}>{format(new Date(value), value, { dateStyle: "medium", timeStyle: "short" })}</time>;
}

export function EmailValue({ value }: Maybe<string>) {
  if (!value) return <Nothing />;
  return <Anchor href={`mailto:${value}`}>{value}</Anchor>;
}

/** A link, if it leads to the web: any other scheme is shown as text. */
export function UrlValue({ value }: Maybe<string>) {
  if (!value) return <Nothing />;
  return /^https?:\/\//i.test(value) ? <Anchor href={value}>{value}</Anchor> : <TextValue value={value} />;
}

export function JsonValue({ value }: { value: unknown }) {
  if (value === null || value === undefined) return <Nothing />;
  return (
    <pre className="overflow-x-auto rounded-xl bg-field p-3 font-mono text-xs">{JSON.stringify(value, null, 2)}</pre>
  );
}

/** A user. The API tells nobody who the others are, so they are numbers. */
export function UserValue({ value }: Maybe<number>) {
  const { user } = useSession();
  if (value === null || value === undefined) return <Nothing />;
  return <span>{value === user?.id ? "You" : `User ${value}`}</span>;
}

/** Several values in a row. */
export function Several({ children }: { children: ReactNode[] }) {
  if (children.length === 0) return <Nothing />;
  return <span className="flex flex-wrap gap-x-3 gap-y-1">{children}</span>;
}

function Anchor({ href, children }: { href: string; children: ReactNode }) {
  return (
    <a href={href} rel="noreferrer" className="break-all text-accent underline underline-offset-2">
      {children}
    </a>
  );
}

function format(date: Date, fallback: string, options: Intl.DateTimeFormatOptions): string {
  return Number.isNaN(date.getTime()) ? fallback : new Intl.DateTimeFormat(undefined, options).format(date);
}
