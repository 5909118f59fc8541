import { useId, useRef, useState } from "react";

import { messageOf } from "../api/errors";
import { Button } from "./Button";
import { TrashIcon } from "./icons";

type Props = { name: string; onDelete: () => Promise<unknown>; compact?: boolean };

/** Deletes after asking. A native modal dialog keeps the keyboard inside and closes on Escape. */
export function DeleteButton({ name, onDelete, compact = false }: Props) {
  const dialog = useRef<HTMLDialogElement>(null);
  const titleId = useId();
  const [problem, setProblem] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);

  async function confirm() {
    setBusy(true);
    setProblem(null);
    try {
      await onDelete();
      dialog.current?.close();
    } catch (error) {
      setProblem(messageOf(error));
    } finally {
      setBusy(false);
    }
  }

  return (
    <>
      <Button
        variant={compact ? "quiet" : "danger"}
        aria-label={`Delete ${name}`}
        className={compact ? "px-3" : ""}
        onClick={() => dialog.current?.showModal()}
      >
        <TrashIcon />
        {!compact && "Delete"}
      </Button>
      <dialog
        ref={dialog}
        aria-labelledby={titleId}
        className="m-auto w-[min(28rem,calc(100%-2rem))] rounded-3xl border border-edge bg-canvas p-6 text-ink shadow-dialog"
        onClose={() => setProblem(null)}
      >
        <h2 id={titleId} className="text-xl font-semibold break-words">
          Delete “{name}”?
        </h2>
        <p className="mt-2 text-sm text-muted">This cannot be undone.</p>
        {problem && (
          <p role="alert" className="mt-3 rounded-xl bg-danger-tint px-3 py-2 text-sm text-danger">
            {problem}
          </p>
        )}
        <div className="mt-6 flex flex-wrap justify-end gap-2">
          <Button variant="quiet" onClick={() => dialog.current?.close()}>
            Keep it
          </Button>
          <Button variant="danger" disabled={busy} onClick={() => void confirm()}>
            {busy ? "Deleting…" : "Delete"}
          </Button>
        </div>
      </dialog>
    </>
  );
}
