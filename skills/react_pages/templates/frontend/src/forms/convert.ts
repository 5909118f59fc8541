/** Between what the API speaks and what controls hold: text, with the empty text for nothing. */

/** An instant (`2026-05-01T08:00:00Z`) as the local time that a `datetime-local` control shows. */
export function toLocal(instant: string | null | undefined): string {
  const date = new Date(instant ?? "");
  if (Number.isNaN(date.getTime())) return "";
  const pad = (part: number) => String(part).padStart(2, "0");
  const day = `${String(date.getFullYear()).padStart(4, "0")}-${pad(date.getMonth() + 1)}-${pad(date.getDate())}`;
  const seconds = date.getSeconds() ? `:${pad(date.getSeconds())}` : "";
  return `${day}T${pad(date.getHours())}:${pad(date.getMinutes())}${seconds}`;
}

/** A `datetime-local` control's local time as an instant in UTC. */
export function toInstant(local: string): string {
  return new Date(local).toISOString();
}

/** A time (`08:30:00.000`) as a `time` control shows it. */
export function toClock(time: string | null | undefined): string {
  return (time ?? "").slice(0, 8).replace(/^(\d\d:\d\d):00$/, "$1");
}

export function toText(value: string | number | null | undefined): string {
  return value === null || value === undefined ? "" : String(value);
}

export function toJson(value: unknown): string {
  return value === null || value === undefined ? "" : JSON.stringify(value, null, 2);
}

export function toIds(text: string): number[] {
  return text.split(",").filter((part) => part.trim() !== "").map(Number);
}

/** An optional yes or no, as a select holds it. */
export function toChoice(value: boolean | null | undefined): string {
  return value === null || value === undefined ? "" : String(value);
}

/** Keep those properties of `request` whose control changed: a partial update leaves the others alone. */
export function changes<Request extends object, Draft extends object>(
  request: Request,
  before: Draft,
  after: Draft,
): Partial<Request> {
  const touched = ([name]: [string, unknown]) =>
    JSON.stringify(before[name as keyof Draft]) !== JSON.stringify(after[name as keyof Draft]);
  return Object.fromEntries(Object.entries(request).filter(touched)) as Partial<Request>;
}
