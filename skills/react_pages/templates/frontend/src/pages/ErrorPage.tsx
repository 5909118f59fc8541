import { useRouteError } from "react-router";

import { Button } from "../components/Button";

/** Shown in place of a page that failed. The error itself goes to the console, where React puts it. */
export function ErrorPage() {
  const error = useRouteError();
  return (
    <main className="grid min-h-dvh place-items-center p-6">
      <div role="alert" className="glass grid max-w-lg justify-items-center gap-4 rounded-3xl p-10 text-center">
        <h1 className="text-2xl font-semibold">This page has failed</h1>
        <p className="text-muted">
          Nothing you have saved is lost. {error instanceof Error && `The reason: ${error.message}`}
        </p>
        <Button onClick={() => window.location.reload()}>Load it again</Button>
      </div>
    </main>
  );
}
