import { useId } from "react";
import { useSearchParams } from "react-router";

import { type Choice, SELECT } from "../forms/controls";

/** The order, kept in the address. Without one the API lists the newest first. */
export function SortSelect({ choices }: { choices: readonly Choice[] }) {
  const id = useId();
  const [params, setParams] = useSearchParams();

  function sortBy(value: string) {
    const next = new URLSearchParams(params);
    next.delete("offset");
    if (value) next.set("sort", value);
    else next.delete("sort");
    setParams(next);
  }

  return (
    <div className="flex items-center gap-2">
      <label htmlFor={id} className="text-sm whitespace-nowrap text-muted">
        Sort by
      </label>
      <select
        id={id}
        className={`${SELECT} min-w-44 rounded-full!`}
        value={params.get("sort") ?? ""}
        onChange={(event) => sortBy(event.target.value)}
      >
        <option value="">Newest first</option>
        {choices.map(({ value, label }) => (
          <option key={value} value={value}>
            {label}
          </option>
        ))}
      </select>
    </div>
  );
}
