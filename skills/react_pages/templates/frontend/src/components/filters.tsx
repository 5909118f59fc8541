import { type FormEvent, type ReactNode, useId } from "react";
import { useSearchParams } from "react-router";

import { useSession } from "../auth/session";
import { type Choice, CONTROL, SELECT, YES_OR_NO } from "../forms/controls";
import { toInstant, toLocal } from "../forms/convert";
import { Button } from "./Button";
import { FilterIcon } from "./icons";

/** Filters live in the address: they survive a reload, and a link carries them. `names` are those the panel sets. */
export function FilterPanel({ names, children }: { names: readonly string[]; children: ReactNode }) {
  const [params, setParams] = useSearchParams();
  const active = names.filter((name) => params.has(name)).length;

  function apply(values: Record<string, string>) {
    const next = new URLSearchParams(params);
    for (const name of [...names, "offset"]) next.delete(name);
    for (const [name, value] of Object.entries(values)) next.set(name, value);
    setParams(next);
  }

  function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    apply(valuesIn(event.currentTarget));
  }

  return (
    <details className="glass min-w-0 basis-full rounded-3xl sm:flex-1 sm:basis-0" open={active > 0}>
      <summary className="flex min-h-11 list-none items-center gap-2 rounded-3xl px-5 text-sm font-medium">
        <FilterIcon />
        Filters
        {active > 0 && <span className="rounded-full bg-tint px-2 text-xs text-on-tint">{active}</span>}
      </summary>
      {/* A new key when the address changes: the controls then show what it says. */}
      <form key={params.toString()} className="grid gap-4 px-5 pt-2 pb-5 sm:grid-cols-2 lg:grid-cols-3" onSubmit={submit}>
        {children}
        <div className="flex gap-2 sm:col-span-full">
          <Button type="submit">Apply</Button>
          {active > 0 && (
            <Button variant="quiet" onClick={() => apply({})}>
              Clear
            </Button>
          )}
        </div>
      </form>
    </details>
  );
}

function valuesIn(form: HTMLFormElement): Record<string, string> {
  const values: Record<string, string> = {};
  for (const control of form.elements) {
    const isControl = control instanceof HTMLInputElement || control instanceof HTMLSelectElement;
    if (!isControl || control.value === "") continue;
    values[control.name] = control.type === "datetime-local" ? toInstant(control.value) : control.value.trim();
  }
  return values;
}

type FilterProps = { name: string; label: string };

function Labelled({ id, label, children }: { id: string; label: string; children: ReactNode }) {
  return (
    <div className="grid min-w-0 content-start gap-1.5">
      <label htmlFor={id} className="text-xs font-medium text-muted">
        {label}
      </label>
      {children}
    </div>
  );
}

export function SelectFilter({ name, label, choices }: FilterProps & { choices: readonly Choice[] }) {
  const id = useId();
  const [params] = useSearchParams();
  return (
    <Labelled id={id} label={label}>
      {/* Keyed by the choices: they may arrive after the value they contain. */}
      <select key={choices.length} id={id} name={name} className={SELECT} defaultValue={params.get(name) ?? ""}>
        <option value="">Any</option>
        {choices.map((choice) => (
          <option key={choice.value} value={choice.value}>
            {choice.label}
          </option>
        ))}
      </select>
    </Labelled>
  );
}

export function BooleanFilter(props: FilterProps) {
  return <SelectFilter {...props} choices={YES_OR_NO} />;
}

/** A user: the reader, or whomever the address names. The API tells nobody who the others are. */
export function UserFilter({ name, label }: FilterProps) {
  const { user } = useSession();
  const [params] = useSearchParams();
  const chosen = params.get(name);
  const choices = user ? [{ value: String(user.id), label: "Me" }] : [];
  const isOther = chosen !== null && chosen !== String(user?.id);
  return (
    <SelectFilter
      name={name}
      label={label}
      choices={isOther ? [...choices, { value: chosen, label: `User ${chosen}` }] : choices}
    />
  );
}

type InputFilterProps = FilterProps & { type?: "text" | "number" | "date" | "time" | "datetime-local" };

export function InputFilter({ name, label, type = "text" }: InputFilterProps) {
  const id = useId();
  const [params] = useSearchParams();
  const value = params.get(name) ?? "";
  return (
    <Labelled id={id} label={label}>
      <input
        id={id}
        name={name}
        type={type}
        step="any"
        className={CONTROL}
        defaultValue={type === "datetime-local" ? toLocal(value) : value}
      />
    </Labelled>
  );
}

type RangeFilterProps = { from: string; to: string; label: string; type: InputFilterProps["type"] };

export function RangeFilter({ from, to, label, type }: RangeFilterProps) {
  const isLong = type === "date" || type === "datetime-local";
  return (
    <div className={`grid gap-2 ${isLong ? "min-[30rem]:grid-cols-2 sm:col-span-2" : "grid-cols-2"}`}>
      <InputFilter name={from} label={`${label} from`} type={type} />
      <InputFilter name={to} label={`${label} to`} type={type} />
    </div>
  );
}
