"use client";

import { ArrowUp, Square } from "lucide-react";
import { type KeyboardEvent, useRef, useState } from "react";
import { inWords } from "@/lib/words";
import { useWords } from "./interface";
import { Microphone } from "./microphone";
import { ErrorNotice } from "./notice";

const LONGEST = 4000; // characters, as the API says

/** Where a question is typed or dictated. Enter sends, Shift+Enter begins a line. */
export function Composer({ busy, send, stop }: { busy: boolean; send: (query: string) => void; stop: () => void }) {
  const words = useWords();
  const [text, setText] = useState("");
  const [error, setError] = useState<unknown>(null);
  const box = useRef<HTMLTextAreaElement>(null);
  const ready = text.trim() !== "" && !busy;

  function submit() {
    if (!ready) return;
    send(text.trim());
    setText("");
    setError(null);
    box.current?.focus();
  }
  function key(event: KeyboardEvent) {
    if (event.key !== "Enter" || event.shiftKey || event.nativeEvent.isComposing) return; // Enter also chooses a Chinese word
    event.preventDefault();
    submit();
  }
  function dictated(said: string) {
    setText((before) => (before.trim() ? `${before.trimEnd()} ${said}` : said).slice(0, LONGEST));
    box.current?.focus();
  }
  return (
    <div className="composer-area">
      {error !== null && (
        <ErrorNotice text={error === "empty" ? words.microphone.empty : inWords(error, words)} dismiss={() => setError(null)} />
      )}
      <form
        className="composer"
        onSubmit={(event) => {
          event.preventDefault();
          submit();
        }}
      >
        <textarea
          ref={box}
          rows={1}
          maxLength={LONGEST}
          value={text}
          placeholder={words.chat.placeholder}
          aria-label={words.chat.placeholder}
          enterKeyHint="send"
          onChange={(event) => setText(event.target.value)}
          onKeyDown={key}
        />
        <Microphone disabled={busy} heard={dictated} failed={setError} />
        {busy ? (
          <button type="button" className="button primary icon" aria-label={words.chat.stop} title={words.chat.stop} onClick={stop}>
            <Square size={15} fill="currentColor" aria-hidden />
          </button>
        ) : (
          <button type="submit" className="button primary icon" aria-label={words.chat.send} title={words.chat.send} disabled={!ready}>
            <ArrowUp size={20} aria-hidden />
          </button>
        )}
      </form>
    </div>
  );
}
