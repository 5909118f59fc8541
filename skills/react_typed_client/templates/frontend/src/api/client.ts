import createClient from "openapi-fetch";

import { apiError } from "./errors";
import type { components, paths } from "./schema";
import { authorizedFetch } from "./token";

export type Schemas = components["schemas"];

/** Every call of the API, typed by `schema.d.ts`, which `npm run api` makes from the backend's OpenAPI document. */
export const client = createClient<paths>({ fetch: authorizedFetch });

type Answer<T> = { data?: T; error?: unknown; response: Response };

/** Return an answer's body, or throw an `ApiError`. */
export async function unwrap<T>(call: Promise<Answer<T>>): Promise<T> {
  const { data, error, response } = await call;
  if (!response.ok) throw apiError(response.status, error);
  return data as T;
}
