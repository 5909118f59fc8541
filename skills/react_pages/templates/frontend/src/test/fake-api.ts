import { vi } from "vitest";

export type Call = { method: string; path: string; query: URLSearchParams; body: unknown; token: string | null };
type Answer = (call: Call) => Response | Promise<Response>;

/** An answer with a JSON body, or an empty one. */
export function answer(status: number, body?: unknown): Response {
  if (body === undefined) return new Response(null, { status });
  return new Response(JSON.stringify(body), { status, headers: { "Content-Type": "application/json" } });
}

/** An answer in the API's error format. */
export function refusal(status: number, code: string, message: string, details: object[] = []): Response {
  return answer(status, { error: { code, message, details, request_id: "request-1" } });
}

/** A page that holds all the records there are. */
export function pageOf(items: readonly unknown[]): Response {
  return answer(200, { items, total: items.length, limit: 20, offset: 0 });
}

export const USER = {
  id: 7,
  email: "ada@example.com",
  name: "Ada",
  role: "user",
  created_at: "2026-01-01T00:00:00Z",
  updated_at: "2026-01-01T00:00:00Z",
};

export const TOKEN = { access_token: "token-1", token_type: "bearer", expires_in: 900 };

/** Answers for a visitor who is signed in as `USER`. */
export const SIGNED_IN: Record<string, Answer> = {
  "POST /api/v1/auth/refresh": () => answer(200, TOKEN),
  "GET /api/v1/auth/me": () => answer(200, USER),
};

/** Answers for a visitor without a session. */
export const VISITOR: Record<string, Answer> = {
  "POST /api/v1/auth/refresh": () => refusal(401, "UNAUTHORIZED", "Sign in first."),
};

/**
 * Stand in for the server: answers by `METHOD /path`, 404 for anything else. Returns the calls as they come in.
 */
export function fakeApi(answers: Record<string, Answer>): Call[] {
  const calls: Call[] = [];
  vi.stubGlobal("fetch", async (request: Request) => {
    const url = new URL(request.url);
    const text = await request.text();
    const call = {
      method: request.method,
      path: url.pathname,
      query: url.searchParams,
      body: text ? JSON.parse(text) : null,
      token: request.headers.get("Authorization"),
    };
    calls.push(call);
    const found = answers[`${call.method} ${call.path}`];
    return found ? found(call) : refusal(404, "NOT_FOUND", `Nothing answers ${call.method} ${call.path}.`);
  });
  return calls;
}
