import type { UseQueryResult } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { useParams } from "react-router";

import { ApiError } from "../api/errors";
import { NotFoundPage } from "../pages/NotFoundPage";
import { ErrorState, Loading } from "./states";

/** The record id in the address, or 0 (which no record has) if it is none. */
export function useRecordId(): number {
  const id = Number(useParams().id);
  return Number.isSafeInteger(id) && id > 0 ? id : 0;
}

type Props<T> = { query: UseQueryResult<T>; children: (record: T) => ReactNode };

/** A page about one record: waits for it, and says so if it does not exist or cannot be had. */
export function RecordPage<T>({ query, children }: Props<T>) {
  if (query.isPending) return <Loading />;
  if (!query.isError) return children(query.data);
  const isMissing = query.error instanceof ApiError && [400, 404].includes(query.error.status);
  return isMissing ? <NotFoundPage /> : <ErrorState error={query.error} onRetry={() => void query.refetch()} />;
}
