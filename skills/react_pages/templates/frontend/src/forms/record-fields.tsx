import type { InfiniteData, UseInfiniteQueryResult } from "@tanstack/react-query";

import { messageOf } from "../api/errors";
import { Button } from "../components/Button";
import { ChecklistField, type Choice, SelectField } from "./controls";
import type { FieldProps } from "./use-form";

type Listed = { id: number };
export type Options<T extends Listed> = UseInfiniteQueryResult<InfiniteData<{ items: T[]; total: number }>>;

type Source<T extends Listed> = { options: Options<T>; nameOf: (record: T) => string };

export function recordsIn<T extends Listed>(options: Options<T>): T[] {
  return options.data?.pages.flatMap((page) => page.items) ?? [];
}

/** The records as a select's choices, with one for the chosen record if it is not loaded yet. */
export function recordChoices<T extends Listed>({ options, nameOf }: Source<T>, value: string): Choice[] {
  const choices = recordsIn(options).map((record) => ({ value: String(record.id), label: nameOf(record) }));
  const isListed = value === "" || choices.some((choice) => choice.value === value);
  return isListed ? choices : [{ value, label: `#${value}` }, ...choices];
}

/** One record of another kind. */
export function RecordField<T extends Listed>({ options, nameOf, ...field }: FieldProps<string> & Source<T>) {
  return (
    <div className="grid content-start gap-1.5">
      <SelectField {...field} choices={recordChoices({ options, nameOf }, field.value)} />
      <More options={options} />
    </div>
  );
}

type RecordsProps<T extends Listed> = FieldProps<number[]> & Source<T>;

/** Any number of records of another kind. */
export function RecordsField<T extends Listed>({ options, nameOf, ...field }: RecordsProps<T>) {
  const listed = recordsIn(options).map((record) => ({ id: record.id, label: nameOf(record) }));
  const unlisted = field.value.filter((id) => !listed.some((choice) => choice.id === id));
  return (
    <ChecklistField {...field} choices={[...unlisted.map((id) => ({ id, label: `#${id}` })), ...listed]}>
      <More options={options} />
    </ChecklistField>
  );
}

function More<T extends Listed>({ options }: { options: Options<T> }) {
  if (options.isError) {
    return (
      <p role="alert" className="text-sm text-danger">
        The choices cannot be loaded: {messageOf(options.error)}
      </p>
    );
  }
  const total = options.data?.pages[0]?.total ?? 0;
  if (!options.hasNextPage) return null;
  return (
    <p className="flex flex-wrap items-center gap-2 text-xs text-muted">
      {recordsIn(options).length} of {total} shown
      <Button variant="quiet" disabled={options.isFetchingNextPage} onClick={() => void options.fetchNextPage()}>
        Show more
      </Button>
    </p>
  );
}
