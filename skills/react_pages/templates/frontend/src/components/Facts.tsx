import type { ReactNode } from "react";

/** A record's fields, with their labels. */
export function Facts({ children }: { children: ReactNode }) {
  return <dl className="glass grid gap-x-8 gap-y-6 rounded-3xl p-5 sm:grid-cols-2 sm:p-8">{children}</dl>;
}

type FactProps = { label: string; wide?: boolean; children: ReactNode };

export function Fact({ label, wide = false, children }: FactProps) {
  return (
    <div className={`min-w-0 space-y-1 ${wide ? "sm:col-span-2" : ""}`}>
      <dt className="text-xs font-medium tracking-wide text-muted uppercase">{label}</dt>
      <dd>{children}</dd>
    </div>
  );
}
