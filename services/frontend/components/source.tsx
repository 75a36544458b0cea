"use client";

import { Download, X } from "lucide-react";
import { useState } from "react";
import { documents, type Source } from "@/lib/api";
import { inWords } from "@/lib/words";
import { useWords } from "./interface";
import { Modal } from "./modal";
import { ErrorNotice } from "./notice";

/** A cited passage, at the side of the answer (on a phone from below). */
export function SourceDrawer({ source, number, close }: { source: Source; number: number; close: () => void }) {
  const words = useWords();
  const [error, setError] = useState<unknown>(null);
  return (
    <Modal className="drawer" label={words.chat.openSource(number, source.title)} close={close}>
      <header>
        <div>
          <p className="muted small">
            {words.source.label(number)} · {words.source.similarity(source.score.toFixed(2))}
          </p>
          <h2>{source.title}</h2>
        </div>
        <button type="button" className="button quiet icon" aria-label={words.close} onClick={close}>
          <X size={20} aria-hidden />
        </button>
      </header>
      <blockquote>{source.text}</blockquote>
      {error !== null && <ErrorNotice text={inWords(error, words)} />}
      <button
        type="button"
        className="button"
        onClick={() => {
          setError(null);
          documents.download(source.document_id, source.title).catch(setError);
        }}
      >
        <Download size={17} aria-hidden />
        {words.source.download}
      </button>
    </Modal>
  );
}
