"use client";

import { useState } from "react";
import { inWords } from "@/lib/words";
import { useWords } from "./interface";
import { Modal } from "./modal";
import { ErrorNotice } from "./notice";

type Props = { title: string; text: string; act: () => Promise<void>; close: () => void };

/** Asks before something is deleted, and stays with the error where that failed. */
export function Confirm({ title, text, act, close }: Props) {
  const words = useWords();
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  async function confirmed() {
    setBusy(true);
    try {
      await act();
      close();
    } catch (failure) {
      setError(failure);
      setBusy(false);
    }
  }
  return (
    <Modal label={title} close={close}>
      <div className="stack">
        <div>
          <h2>{title}</h2>
          <p className="muted">{text}</p>
        </div>
        {error !== null && <ErrorNotice text={inWords(error, words)} />}
        <div className="row end">
          <button type="button" className="button" onClick={close}>
            {words.cancel}
          </button>
          <button type="button" className="button danger" disabled={busy} onClick={confirmed}>
            {words.confirm.yes}
          </button>
        </div>
      </div>
    </Modal>
  );
}
