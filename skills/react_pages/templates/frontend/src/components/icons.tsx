import type { ReactNode } from "react";

/** Drawn beside text that says the same, so hidden from assistive technology. */
function Icon({ children }: { children: ReactNode }) {
  return (
    <svg
      aria-hidden="true"
      viewBox="0 0 20 20"
      className="size-[1.15em] shrink-0"
      fill="none"
      stroke="currentColor"
      strokeWidth="1.6"
      strokeLinecap="round"
      strokeLinejoin="round"
    >
      {children}
    </svg>
  );
}

export const PlusIcon = () => <Icon><path d="M10 4v12M4 10h12" /></Icon>;
export const PencilIcon = () => <Icon><path d="m4 16 .8-3.4L13.4 4 16 6.6 7.4 15.2zM11.6 5.8l2.6 2.6" /></Icon>;
export const TrashIcon = () => <Icon><path d="M4 6h12M8 6V4h4v2M6 6l.7 10h6.6L14 6" /></Icon>;
export const FilterIcon = () => <Icon><path d="M3.5 5h13M6 10h8M8.5 15h3" /></Icon>;
export const CheckIcon = () => <Icon><path d="m4.5 10.5 3.6 3.6 7.4-8" /></Icon>;
export const BackIcon = () => <Icon><path d="m12 4.5-5.5 5.5 5.5 5.5" /></Icon>;
export const NextIcon = () => <Icon><path d="m8 4.5 5.5 5.5L8 15.5" /></Icon>;
export const MoonIcon = () => <Icon><path d="M16 11.8A6.6 6.6 0 0 1 8.2 4a6.4 6.4 0 1 0 7.8 7.8Z" /></Icon>;
export const LeafIcon = () => <Icon><path d="M5 15.5C5 8.5 9 4.8 16.2 4.200c0 7-3.2 11-9 11M4 17c1.3-4 3.6-6.6 6.8-8" /></Icon>;
export const SunIcon = () => (
  <Icon>
    <circle cx="10" cy="10" r="3.2" />
    <path d="M10 2.800v1.600M10 15.600v1.600M2.8 10h1.600M15.6 10h1.600M4.9 4.9 6 6M14 14l1.1 1.100M4.9 15.1 6 14M14 6l1.1-1.1" />
  </Icon>
);
