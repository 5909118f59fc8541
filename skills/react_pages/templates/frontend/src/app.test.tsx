import { fireEvent, screen, waitFor } from "@testing-library/react";
import { expect, test, vi } from "vitest";

import { answer, fakeApi, refusal, SIGNED_IN, TOKEN, USER, VISITOR } from "./test/fake-api";
import { fill, openApp, press } from "./test/open-app";

test("a visitor signs in and is greeted", async () => {
  const calls = fakeApi({
    ...VISITOR,
    "POST /api/v1/auth/login": () => answer(200, TOKEN),
    "GET /api/v1/auth/me": () => answer(200, USER),
  });
  openApp("/sign-in");
  await fill({ Email: "ada@example.com", Password: "correct horse" });
  press("Sign in");

  expect(await screen.findByText("Welcome, Ada")).toBeTruthy();
  expect(calls.find(({ path }) => path.endsWith("/me"))?.token).toBe("Bearer token-1");
});

test("a wrong password is said once, at the top of the form", async () => {
  fakeApi({ ...VISITOR, "POST /api/v1/auth/login": () => refusal(401, "UNAUTHORIZED", "Email or password is wrong.") });
  openApp("/sign-in");
  await fill({ Email: "ada@example.com", Password: "wrong" });
  press("Sign in");

  const summary = await screen.findByRole("alert");
  expect(summary.textContent).toContain("Email or password is wrong.");
  await waitFor(() => expect(document.activeElement).toBe(summary));
});

test("signing out forgets what was loaded and ends the session on the server", async () => {
  const calls = fakeApi({ ...SIGNED_IN, "POST /api/v1/auth/logout": () => answer(204) });
  const { queries } = openApp("/");
  await screen.findByText("Welcome, Ada");
  queries.setQueryData(["secret"], "of Ada");
  press("Sign out");

  expect(await screen.findByRole("link", { name: "Create an account" })).toBeTruthy();
  expect(queries.getQueryData(["secret"])).toBeUndefined();
  expect(calls.filter(({ path }) => path.endsWith("/logout"))).toHaveLength(1);
});

test("another tab's change of user is followed", async () => {
  const answers = { ...SIGNED_IN };
  fakeApi(answers);
  openApp("/");
  await screen.findByText("Welcome, Ada");

  answers["GET /api/v1/auth/me"] = () => answer(200, { ...USER, id: 8, name: "Grace" });
  const otherTab = new BroadcastChannel("session");
  otherTab.postMessage("changed");

  expect(await screen.findByText("Welcome, Grace")).toBeTruthy();
  otherTab.close();
});

test("an address that leads nowhere says so", async () => {
  fakeApi(SIGNED_IN);
  openApp("/nowhere/at/all");

  expect(await screen.findByRole("heading", { name: "Not found" })).toBeTruthy();
});

test("a server that cannot be reached is said, and asked again", async () => {
  openApp("/");
  expect((await screen.findByRole("alert")).textContent).toContain("cannot be reached");

  fakeApi(SIGNED_IN);
  press("Try again");

  expect(await screen.findByText("Welcome, Ada")).toBeTruthy();
});

test("the theme toggle changes the theme and remembers it", async () => {
  const stored = vi.spyOn(Storage.prototype, "setItem");
  fakeApi(VISITOR);
  openApp("/");
  fireEvent.click(await screen.findByRole("button", { name: /^Use the (dark|light) theme$/ }));

  const chosen = document.documentElement.dataset.theme;
  expect(["dark", "light"]).toContain(chosen);
  expect(stored).toHaveBeenCalledWith("theme", chosen);
  stored.mockRestore();
  delete document.documentElement.dataset.theme;
});
