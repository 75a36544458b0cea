"use client";

import { CircleAlert, RotateCcw, X } from "lucide-react";
import { useWords } from "./interface";

/** An error in words. */
export function ErrorNotice({ text, retry, dismiss }: { text: string; retry?: () => void; dismiss?: () => void }) {
  const words = useWords();
  return (
    <div className="notice error" role="alert">
      <CircleAlert size={18} aria-hidden />
      <div>{text}</div>
      {retry && (
        <button type="button" className="inline" onClick={retry}>
          <RotateCcw size={15} aria-hidden />
          {words.retry}
        </button>
      )}
      {dismiss && (
        <button type="button" className="inline" aria-label={words.close} onClick={dismiss}>
          <X size={16} aria-hidden />
        </button>
      )}
    </div>
  );
}
