/** What a control's text must be before it is sent. The server checks again, and more. */
export type Rule<T> = (value: T) => string | null;

const DECIMAL = /^[+-]?(\d+)(?:\.(\d+))?$/;
const UUID = /^[0-9a-f]{8}(-?[0-9a-f]{4}){3}-?[0-9a-f]{12}$/i;

type Length = { min?: number; max?: number };
type Bounds = { min?: string; max?: string };

/** Characters are counted as the server does: an emoji is one. */
export function length({ min = 0, max = Infinity }: Length): Rule<string> {
  return (value) => {
    const count = [...value].length;
    if (count < min) return `Use at least ${characters(min)}.`;
    return count > max ? `Use at most ${characters(max)}; these are ${count}.` : null;
  };
}

export function integer(bounds: Bounds = {}): Rule<string> {
  return (value) => {
    const isWhole = /^[+-]?\d+$/.test(value.trim()) && Number.isSafeInteger(Number(value));
    return isWhole ? outside(value, bounds) : "Enter a whole number.";
  };
}

export function float(bounds: Bounds = {}): Rule<string> {
  return (value) => {
    const isNumber = value.trim() !== "" && Number.isFinite(Number(value));
    return isNumber ? outside(value, bounds) : "Enter a number.";
  };
}

/** A decimal number of at most `precision` digits, `scale` of them after the point. */
export function decimal(precision: number, scale: number, bounds: Bounds = {}): Rule<string> {
  return (value) => {
    const [, whole = "", fraction = ""] = DECIMAL.exec(value.trim()) ?? [];
    if (!whole) return "Enter a number such as 12.50.";
    if (fraction.length > scale) return `Use at most ${scale} digits after the point.`;
    if (whole.replace(/^0+/, "").length > precision - scale) {
      return `Use at most ${precision - scale} digits before the point.`;
    }
    return outside(value, bounds);
  };
}

export const uuid: Rule<string> = (value) =>
  UUID.test(value.trim()) ? null : "Enter a UUID such as 3f2b8c1e-0d4a-4c6b-9a57-1f0e2d3c4b5a.";

export const json: Rule<string> = (value) => {
  try {
    JSON.parse(value);
    return null;
  } catch (error) {
    return `Enter valid JSON: ${error instanceof Error ? error.message : "it cannot be read"}`;
  }
};

/** The ids of records that cannot be listed, separated by commas. */
export const ids: Rule<string> = (value) =>
  /^\s*\d+(\s*,\s*\d+)*\s*$/.test(value) ? null : "Enter ids, separated by commas: 3, 14.";

function outside(value: string, { min, max }: Bounds): string | null {
  if (min !== undefined && Number(value) < Number(min)) return `Enter ${min} or more.`;
  if (max !== undefined && Number(value) > Number(max)) return `Enter ${max} or less.`;
  return null;
}

function characters(count: number): string {
  return count === 1 ? "1 character" : `${count} characters`;
}
