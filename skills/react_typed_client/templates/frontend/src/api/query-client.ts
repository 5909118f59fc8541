import { QueryClient } from "@tanstack/react-query";

import { ApiError } from "./errors";

const RETRIES = 2;

/** Retry what may pass on its own (no answer, a server fault), never what was refused. */
function mayPass(failures: number, error: unknown): boolean {
  const refused = error instanceof ApiError && error.status >= 400 && error.status < 500;
  return failures < RETRIES && !refused;
}

export function createQueryClient(): QueryClient {
  return new QueryClient({
    defaultOptions: { queries: { retry: mayPass, staleTime: 5_000 } },
  });
}
