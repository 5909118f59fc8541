import { cleanup } from "@testing-library/react";
import { afterEach, beforeEach, vi } from "vitest";

import { setAccessToken } from "../api/token";

// Files share one environment, which is what makes the suite fast: each test leaves it as it found it.
beforeEach(() => {
  vi.stubGlobal("fetch", () => Promise.reject(new Error("this test has no API: call fakeApi() first")));
});

afterEach(() => {
  cleanup();
  setAccessToken(null);
  vi.unstubAllGlobals();
});
