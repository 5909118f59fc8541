import "./styles.css";

import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { createBrowserRouter } from "react-router";

import { createQueryClient } from "./api/query-client";
import { App } from "./App";
import { routes } from "./routes";

const root = document.getElementById("root");
if (!root) throw new Error("index.html has no element #root");

createRoot(root).render(
  <StrictMode>
    <App router={createBrowserRouter(routes)} queries={createQueryClient()} />
  </StrictMode>,
);
