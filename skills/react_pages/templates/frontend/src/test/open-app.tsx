import { QueryClient } from "@tanstack/react-query";
import { fireEvent, render, screen, waitFor } from "@testing-library/react";
import { createMemoryRouter } from "react-router";

import { App } from "../App";
import { routes } from "../routes";

/** Open the whole app at an address. Nothing is retried, so that errors show at once. */
export function openApp(address: string) {
  const router = createMemoryRouter(routes, { initialEntries: [address] });
  const queries = new QueryClient({ defaultOptions: { queries: { retry: false } } });
  render(<App router={router} queries={queries} />);
  return { router, queries };
}

/** What people fill in; the navigation and other parts of a page may have the same label as a field. */
export const CONTROLS_ONLY = { selector: "input, select, textarea" };

/** Fill in controls by their labels; a select waits until it offers the value. */
export async function fill(values: Record<string, string>): Promise<void> {
  for (const [label, value] of Object.entries(values)) {
    const control = await screen.findByLabelText<HTMLInputElement | HTMLSelectElement>(label, CONTROLS_ONLY);
    if (control instanceof HTMLSelectElement) {
      await waitFor(() => {
        if (![...control.options].some((option) => option.value === value)) throw new Error(`no choice ${value}`);
      });
    }
    fireEvent.change(control, { target: { value } });
  }
}

export function press(name: string | RegExp): void {
  fireEvent.click(screen.getByRole("button", { name }));
}
