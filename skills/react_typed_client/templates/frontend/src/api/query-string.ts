/** Read what a page's address asks the API for. What is absent is left to the API's defaults. */
import { PAGE_SIZE } from "./paging";

export function pagingIn(params: URLSearchParams): { limit: number; offset: number } {
  const offset = Number(params.get("offset") ?? 0);
  return { limit: PAGE_SIZE, offset: Number.isSafeInteger(offset) && offset > 0 ? offset : 0 };
}

/** A parameter as the API types it; whether its value is allowed is for the API to say. */
export function textIn<T extends string = string>(params: URLSearchParams, name: string): T | undefined {
  return (params.get(name) || undefined) as T | undefined;
}

export function numberIn(params: URLSearchParams, name: string): number | undefined {
  const text = params.get(name);
  return text && Number.isFinite(Number(text)) ? Number(text) : undefined;
}

export function booleanIn(params: URLSearchParams, name: string): boolean | undefined {
  const text = params.get(name);
  return text === "true" ? true : text === "false" ? false : undefined;
}
