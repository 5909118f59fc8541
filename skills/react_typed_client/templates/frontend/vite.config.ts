import tailwindcss from "@tailwindcss/vite";
import react from "@vitejs/plugin-react";
import { loadEnv } from "vite";
import { defineConfig } from "vitest/config";

export default defineConfig(({ mode }) => {
  const { API_URL = "http://localhost:8000" } = loadEnv(mode, ".", "API_");
  // The app and its API share one origin, here as in production. The Host header stays the browser's: the API
  // compares it with Origin before it renews a session.
  const proxy = { "/api": { target: API_URL, changeOrigin: false } };
  return {
    plugins: [react(), tailwindcss()],
    server: { proxy },
    preview: { proxy },
    test: {
      environment: "happy-dom",
      isolate: false,
      setupFiles: "src/test/setup.ts",
    },
  };
});
