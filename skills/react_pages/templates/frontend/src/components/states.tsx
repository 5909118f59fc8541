import type { ReactNode } from "react";

import { ApiError, messageOf } from "../api/errors";
import { Button } from "./Button";
import { LeafIcon } from "./icons";

export function Loading({ label = "Loading" }: { label?: string }) {
  return (
    <div role="status" className="flex items-center justify-center gap-3 p-12 text-muted">
      <span aria-hidden="true" className="size-5 animate-spin rounded-full border-2 border-line border-t-accent" />
      {label}…
    </div>
  );
}

type ErrorStateProps = { error: unknown; onRetry?: () => void };

export function ErrorState({ error, onRetry }: ErrorStateProps) {
  const details = error instanceof ApiError ? error.details : [];
  const requestId = error instanceof ApiError ? error.requestId : null;
  return (
    <div role="alert" className="glass grid justify-items-center gap-3 rounded-3xl p-10 text-center">
      <h2 className="text-xl font-semibold">This did not work</h2>
      <p className="max-w-prose text-muted">{messageOf(error)}</p>
      {details.map(({ field, message }) => (
        <p key={`${field} ${message}`} className="text-sm text-danger">
          {field}: {message}
        </p>
      ))}
      {requestId && <p className="text-xs text-muted">Request {requestId}</p>}
      {onRetry && (
        <Button variant="quiet" onClick={onRetry}>
          Try again
        </Button>
      )}
    </div>
  );
}

type EmptyStateProps = { title: string; children?: ReactNode };

export function EmptyState({ title, children }: EmptyStateProps) {
  return (
    <div className="grid justify-items-center gap-3 px-6 py-14 text-center">
      <span className="grid size-14 place-items-center rounded-full bg-tint text-2xl text-on-tint">
        <LeafIcon />
      </span>
      <h2 className="text-xl font-semibold">{title}</h2>
      {children}
    </div>
  );
}
