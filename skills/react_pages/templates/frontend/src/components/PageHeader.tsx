import type { ReactNode } from "react";
import { Link } from "react-router";

import { APP_TITLE } from "../app-info";
import { BackIcon } from "./icons";

type Props = {
  title: string;
  description?: string;
  back?: { to: string; label: string };
  children?: ReactNode;
};

/** The page's heading, the tab's title, and the page's actions as children. */
export function PageHeader({ title, description, back, children }: Props) {
  return (
    <header className="flex flex-wrap items-end justify-between gap-x-6 gap-y-4">
      <title>{`${title} · ${APP_TITLE}`}</title>
      <div className="min-w-0 space-y-1">
        {back && (
          <Link to={back.to} className="inline-flex items-center gap-1 text-sm text-muted hover:text-ink">
            <BackIcon />
            {back.label}
          </Link>
        )}
        <h1 className="text-3xl font-semibold tracking-tight break-words sm:text-4xl">{title}</h1>
        {description && <p className="max-w-prose text-muted">{description}</p>}
      </div>
      {children && <div className="flex flex-wrap gap-2">{children}</div>}
    </header>
  );
}
