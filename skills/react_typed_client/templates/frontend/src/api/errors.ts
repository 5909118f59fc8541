import type { components } from "./schema";

export type FieldError = { field: string; message: string };

type ErrorResponse = components["schemas"]["ErrorResponse"];

/** A call that failed. `status` is 0 and `code` is `UNREACHABLE` if no answer came. */
export class ApiError extends Error {
  override readonly name = "ApiError";

  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly details: readonly FieldError[] = [],
    readonly requestId: string | null = null,
  ) {
    super(message);
  }
}

/** Read the API's error document; an answer from elsewhere (a proxy's HTML page) still gets a message. */
export function apiError(status: number, body: unknown): ApiError {
  if (!isErrorResponse(body)) {
    return new ApiError(status, "UNEXPECTED", `The server answered with status ${status}.`);
  }
  const { code, message, details, request_id } = body.error;
  return new ApiError(status, code, message, details ?? [], request_id);
}

export function unreachable(): ApiError {
  return new ApiError(0, "UNREACHABLE", "The server cannot be reached. Check your connection and try again.");
}

/** Say what went wrong, for people. */
export function messageOf(error: unknown): string {
  return error instanceof ApiError ? error.message : "Something unexpected went wrong.";
}

function isErrorResponse(body: unknown): body is ErrorResponse {
  const error = typeof body === "object" && body !== null && "error" in body ? body.error : null;
  return typeof error === "object" && error !== null && "code" in error && "message" in error;
}
