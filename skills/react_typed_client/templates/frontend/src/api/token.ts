/**
 * The access token, in memory only: a script that reads storage finds nothing. It is renewed with the HttpOnly refresh
 * cookie, once at start and whenever the API answers 401.
 */
import { apiError, unreachable } from "./errors";
import type { components } from "./schema";

type TokenResponse = components["schemas"]["TokenResponse"];

let accessToken: string | null = null;
let renewal: Promise<boolean> | null = null;
const onEnded = new Set<() => void>();

export function setAccessToken(token: string | null): void {
  accessToken = token;
  renewal = null;
}

/** Be told when the session ends because the server no longer renews it. Returns how to stop listening. */
export function onSessionEnded(listener: () => void): () => void {
  onEnded.add(listener);
  return () => onEnded.delete(listener);
}

/**
 * Renew the access token. Calls made meanwhile share one request. Resolves to whether there is a session.
 *
 * Throws `ApiError` if the server cannot tell (unreachable, overloaded): the session may still be good.
 */
export function renewAccessToken(): Promise<boolean> {
  if (renewal) return renewal;
  const mine: Promise<boolean> = requestToken().then(
    (token) => {
      // Signing in or out meanwhile wins over an older renewal.
      if (renewal === mine) setAccessToken(token);
      return accessToken !== null;
    },
    (error: unknown) => {
      if (renewal === mine) renewal = null;
      throw error;
    },
  );
  renewal = mine;
  return mine;
}

/** `fetch` with the access token; a 401 is answered by renewing it and trying once more. */
export async function authorizedFetch(request: Request): Promise<Response> {
  const token = accessToken;
  if (token === null) return send(request);
  const again = request.clone();
  const response = await send(withToken(request, token));
  if (response.status !== 401) return response;
  // Another call may have renewed it already.
  if (accessToken === token && !(await renewAccessToken())) {
    onEnded.forEach((listener) => listener());
    return response;
  }
  return accessToken === null ? response : send(withToken(again, accessToken));
}

async function requestToken(): Promise<string | null> {
  const response = await send(new Request("/api/v1/auth/refresh", { method: "POST" }));
  if (response.status === 401) return null;
  const body: unknown = await response.json().catch(() => null);
  if (!response.ok) throw apiError(response.status, body);
  return (body as TokenResponse).access_token;
}

async function send(request: Request): Promise<Response> {
  try {
    return await fetch(request);
  } catch (error) {
    if (error instanceof Error && error.name === "AbortError") throw error;
    throw unreachable();
  }
}

function withToken(request: Request, token: string): Request {
  request.headers.set("Authorization", `Bearer ${token}`);
  return request;
}
