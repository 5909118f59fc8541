import type { ReactNode } from "react";
import { useSearchParams } from "react-router";

import { ButtonLink } from "./Button";
import { BackIcon, NextIcon } from "./icons";

type Props = { page: { items: readonly unknown[]; total: number; limit: number; offset: number } };

/** Which records are shown, and the way to the others. The position is in the address, so that it can be shared. */
export function Pager({ page: { items, total, limit, offset } }: Props) {
  const [params] = useSearchParams();
  const linkTo = (start: number) => {
    const next = new URLSearchParams(params);
    if (start > 0) next.set("offset", String(start));
    else next.delete("offset");
    return `?${next}`;
  };
  const end = offset + items.length;
  return (
    <nav aria-label="Pages" className="flex flex-wrap items-center justify-between gap-3 border-t border-line px-5 py-3 md:px-6">
      <p className="text-sm text-muted">
        {offset + 1}–{end} of {total}
      </p>
      <div className="flex gap-2">
        {offset > 0 && (
          <Step to={linkTo(Math.max(0, offset - limit))}>
            <BackIcon />
            Previous
          </Step>
        )}
        {end < total && (
          <Step to={linkTo(offset + limit)}>
            Next
            <NextIcon />
          </Step>
        )}
      </div>
    </nav>
  );
}

function Step({ to, children }: { to: string; children: ReactNode }) {
  return (
    <ButtonLink variant="quiet" to={to}>
      {children}
    </ButtonLink>
  );
}
