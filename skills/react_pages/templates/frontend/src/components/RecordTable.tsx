import type { UseQueryResult } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { Link, useSearchParams } from "react-router";

import { Button } from "./Button";
import { Pager } from "./Pager";
import { EmptyState, ErrorState, Loading } from "./states";

type Listed = { id: number };
type Page<T> = { items: T[]; total: number; limit: number; offset: number };

export type Column<T> = { header: string; cell: (record: T) => ReactNode };

// A narrow screen shows each cell with its label, the first one as the card's heading.
const CELL =
  "flex min-w-0 justify-between gap-6 before:shrink-0 before:text-muted before:content-[attr(data-label)] " +
  "first:text-base first:before:hidden md:table-cell md:max-w-80 md:px-4 md:py-3.5 md:first:pl-6 md:first:text-sm " +
  "md:last:pr-6 md:before:hidden";

type Props<T extends Listed> = {
  page: UseQueryResult<Page<T>>;
  label: string;
  columns: readonly Column<T>[];
  actions?: (record: T) => ReactNode;
  /** Shown if there is no record at all. */
  empty: ReactNode;
};

/** One page of records with its loading, error and empty states. On a narrow screen each row is a card. */
export function RecordTable<T extends Listed>({ page, label, columns, actions, empty }: Props<T>) {
  if (page.isPending) return <Panel><Loading /></Panel>;
  if (page.isError) return <ErrorState error={page.error} onRetry={() => void page.refetch()} />;
  const { items, total } = page.data;
  if (items.length === 0) return <Panel>{total > 0 ? <PastTheEnd /> : <NoRecords>{empty}</NoRecords>}</Panel>;
  return (
    <Panel>
      {/* The roles stay when a narrow screen lays the table out as cards. */}
      <table role="table" aria-label={label} aria-busy={page.isPlaceholderData} className="block w-full text-sm md:table">
        <thead role="rowgroup" className="sr-only md:not-sr-only md:table-header-group">
          <tr role="row" className="border-b border-line text-left text-xs tracking-wide text-muted uppercase">
            {columns.map(({ header }) => (
              <th key={header} role="columnheader" scope="col" className="px-4 py-3.5 font-medium first:pl-6 last:pr-6">
                {header}
              </th>
            ))}
            {actions && (
              <th role="columnheader" scope="col" className="px-4 pr-6">
                <span className="sr-only">Actions</span>
              </th>
            )}
          </tr>
        </thead>
        <tbody role="rowgroup" className="block divide-y divide-line md:table-row-group">
          {items.map((record) => (
            <tr
              key={record.id}
              role="row"
              className="grid gap-2 px-5 py-4 transition-colors hover:bg-hover md:table-row md:p-0"
            >
              {columns.map(({ header, cell }) => (
                <td
                  key={header}
                  role="cell"
                  data-label={header}
                  className={CELL}
                >
                  {cell(record)}
                </td>
              ))}
              {actions && (
                <td role="cell" className="md:table-cell md:px-4 md:py-2 md:pr-6">
                  <div className="flex justify-end gap-1.5">{actions(record)}</div>
                </td>
              )}
            </tr>
          ))}
        </tbody>
      </table>
      <Pager page={page.data} />
    </Panel>
  );
}

type RecordLinkProps = { to: string; children: ReactNode };

/** The cell that leads to the record. */
export function RecordLink({ to, children }: RecordLinkProps) {
  return (
    <Link to={to} className="min-w-0 font-medium break-words underline-offset-4 hover:text-accent hover:underline">
      {children}
    </Link>
  );
}

function Panel({ children }: { children: ReactNode }) {
  return <section className="glass overflow-hidden rounded-3xl">{children}</section>;
}

function NoRecords({ children }: { children: ReactNode }) {
  const [params] = useSearchParams();
  const isFiltered = [...params.keys()].some((name) => name !== "sort" && name !== "offset");
  return isFiltered ? <EmptyState title="Nothing matches these filters" /> : children;
}

function PastTheEnd() {
  const [params, setParams] = useSearchParams();
  const first = new URLSearchParams(params);
  first.delete("offset");
  return (
    <EmptyState title="There is nothing on this page">
      <Button variant="quiet" onClick={() => setParams(first)}>
        Go to the first page
      </Button>
    </EmptyState>
  );
}
