import { type QueryClient, QueryClientProvider } from "@tanstack/react-query";
import type { ComponentProps } from "react";
import { RouterProvider } from "react-router";

import { SessionProvider } from "./auth/session";
import { ErrorState, Loading } from "./components/states";

type Props = {
  router: ComponentProps<typeof RouterProvider>["router"];
  queries: QueryClient;
};

export function App({ router, queries }: Props) {
  return (
    <QueryClientProvider client={queries}>
      <SessionProvider
        starting={<Loading label="Starting" />}
        unreachable={(error, retry) => (
          <main className="mx-auto max-w-xl p-6">
            <ErrorState error={error} onRetry={retry} />
          </main>
        )}
      >
        <RouterProvider router={router} />
      </SessionProvider>
    </QueryClientProvider>
  );
}
