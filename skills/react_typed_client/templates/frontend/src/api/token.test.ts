import { expect, test, vi } from "vitest";

import { answer, fakeApi, refusal } from "../test/fake-api";
import { authorizedFetch, onSessionEnded, renewAccessToken, setAccessToken } from "./token";

const request = () => new Request("/api/v1/things");
const expired = () => refusal(401, "UNAUTHORIZED", "The token has expired.");

test("calls refused at the same time share one renewal and are each tried again", async () => {
  setAccessToken("old");
  const calls = fakeApi({
    "POST /api/v1/auth/refresh": () => answer(200, { access_token: "new", token_type: "bearer", expires_in: 900 }),
    "GET /api/v1/things": ({ token }) => (token === "Bearer new" ? answer(200, []) : expired()),
  });

  const responses = await Promise.all([authorizedFetch(request()), authorizedFetch(request())]);

  expect(responses.map(({ status }) => status)).toEqual([200, 200]);
  expect(calls.filter(({ path }) => path.endsWith("/refresh"))).toHaveLength(1);
});

test("the body of a call that is tried again is sent again", async () => {
  setAccessToken("old");
  const calls = fakeApi({
    "POST /api/v1/auth/refresh": () => answer(200, { access_token: "new", token_type: "bearer", expires_in: 900 }),
    "POST /api/v1/things": ({ token }) => (token === "Bearer new" ? answer(201, {}) : expired()),
  });

  await authorizedFetch(new Request("/api/v1/things", { method: "POST", body: '{"name":"a"}' }));

  expect(calls.filter(({ path }) => path.endsWith("/things")).map(({ body }) => body)).toEqual([
    { name: "a" },
    { name: "a" },
  ]);
});

test("a session that cannot be renewed ends", async () => {
  setAccessToken("old");
  fakeApi({ "POST /api/v1/auth/refresh": expired, "GET /api/v1/things": expired });
  const ended = vi.fn();
  const stopListening = onSessionEnded(ended);

  const response = await authorizedFetch(request());
  stopListening();

  expect(response.status).toBe(401);
  expect(ended).toHaveBeenCalledOnce();
});

test("a server that fails to renew does not end the session", async () => {
  setAccessToken("old");
  fakeApi({
    "POST /api/v1/auth/refresh": () => refusal(429, "RATE_LIMITED", "Too many attempts."),
    "GET /api/v1/things": expired,
  });
  const ended = vi.fn();
  const stopListening = onSessionEnded(ended);

  await expect(authorizedFetch(request())).rejects.toMatchObject({ status: 429, code: "RATE_LIMITED" });
  stopListening();

  expect(ended).not.toHaveBeenCalled();
});

test("signing out while a renewal is under way wins over it", async () => {
  let arrive: (response: Response) => void = () => {};
  const calls = fakeApi({
    "POST /api/v1/auth/refresh": () => new Promise<Response>((resolve) => (arrive = resolve)),
    "GET /api/v1/things": () => answer(200, []),
  });
  const renewal = renewAccessToken();
  await vi.waitFor(() => expect(calls).toHaveLength(1));

  setAccessToken(null);
  arrive(answer(200, { access_token: "late", token_type: "bearer", expires_in: 900 }));

  expect(await renewal).toBe(false);
  await authorizedFetch(request());
  expect(calls.at(-1)?.token).toBeNull();
});
