"use client";

import { type ReactNode, useLayoutEffect, useRef } from "react";

/** A modal dialog that is open while it is there: focus stays within, Escape and a click beside it close it. */
export function Modal({ label, className, close, children }: { label: string; className?: string; close: () => void; children: ReactNode }) {
  const dialog = useRef<HTMLDialogElement>(null);
  // Of the layout: it must close before React takes it away, or the focus does not go back to where it was.
  useLayoutEffect(() => {
    const shown = dialog.current;
    shown?.showModal();
    return () => shown?.close();
  }, []);
  return (
    <dialog
      ref={dialog}
      aria-label={label}
      className={className}
      onCancel={(event) => {
        event.preventDefault();
        close();
      }}
      onClick={(event) => event.target === dialog.current && close()}
    >
      {children}
    </dialog>
  );
}
