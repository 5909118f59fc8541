import type { ComponentProps } from "react";
import { Link } from "react-router";

type Variant = "primary" | "quiet" | "danger";

const SHAPE =
  "inline-flex min-h-10 items-center justify-center gap-2 rounded-full px-4 text-sm font-medium whitespace-nowrap " +
  "transition-colors disabled:cursor-not-allowed disabled:opacity-55";

const LOOK: Record<Variant, string> = {
  primary: "bg-accent text-on-accent shadow-sm hover:bg-accent-strong",
  quiet: "border border-line bg-field text-ink hover:bg-hover",
  danger: "border border-danger/40 bg-danger-tint text-danger hover:border-danger",
};

type ButtonProps = ComponentProps<"button"> & { variant?: Variant };

export function Button({ variant = "primary", type = "button", className = "", ...rest }: ButtonProps) {
  return <button type={type} className={`${SHAPE} ${LOOK[variant]} ${className}`} {...rest} />;
}

type ButtonLinkProps = ComponentProps<typeof Link> & { variant?: Variant };

export function ButtonLink({ variant = "primary", className = "", ...rest }: ButtonLinkProps) {
  return <Link className={`${SHAPE} ${LOOK[variant]} ${className}`} {...rest} />;
}
