import { CircleAlert, Languages, Monitor, Moon, RefreshCw, RotateCcw, Sun } from "lucide-react";
import { type ReactNode, useCallback, useEffect, useLayoutEffect, useRef, useState } from "react";
import { inWords } from "@common/errors";
import { THEMES, useInterface } from "./interface";

const ICONS = { system: Monitor, light: Sun, dark: Moon };

export function Brand({ note }: { note?: string }) {
  return (
    <span className="brand">
      <svg viewBox="0 0 32 32" width="28" height="28" aria-hidden>
        <rect width="32" height="32" rx="9" fill="currentColor" />
        <path d="M8 14v4M13.3 10v12M18.7 12.5v7M24 14.5v3" stroke="var(--on-accent)" strokeWidth="2.6" strokeLinecap="round" />
      </svg>
      VoiceHelper
      {note && <span className="note">{note}</span>}
    </span>
  );
}

export function Preferences() {
  const { language, theme, words, setLanguage, setTheme } = useInterface();
  const next = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length] ?? "system";
  const Icon = ICONS[theme];
  const label = `${words.theme.label}: ${words.theme[theme]}`;
  return (
    <>
      <button type="button" className="button quiet" lang={words.otherTag} onClick={() => setLanguage(language === "en" ? "zh" : "en")}>
        <Languages size={18} aria-hidden />
        {words.language}
      </button>
      <button type="button" className="button quiet icon" title={label} aria-label={label} onClick={() => setTheme(next)}>
        <Icon size={18} aria-hidden />
      </button>
    </>
  );
}

export function ErrorNotice({ error, retry }: { error: unknown; retry?: () => void }) {
  const { words } = useInterface();
  return (
    <div className="notice error" role="alert">
      <CircleAlert size={18} aria-hidden />
      <div>{typeof error === "string" ? error : inWords(error, words.errors)}</div>
      {retry && (
        <button type="button" className="button" onClick={retry}>
          <RotateCcw size={15} aria-hidden />
          {words.retry}
        </button>
      )}
    </div>
  );
}

type ViewProps = { title: string; lead: string; refresh?: () => void; action?: ReactNode; children: ReactNode };

/** A view's heading, with what it is for and a way to look again, or to do something. */
export function View({ title, lead, refresh, action, children }: ViewProps) {
  const { words } = useInterface();
  return (
    <section aria-label={title}>
      <header className="head">
        <div>
          <h1>{title}</h1>
          <p className="muted">{lead}</p>
        </div>
        {refresh && (
          <button type="button" className="button" onClick={refresh}>
            <RefreshCw size={16} aria-hidden />
            <span>{words.refresh}</span>
          </button>
        )}
        {action}
      </header>
      {children}
    </section>
  );
}

/** What `load` gives, loaded again every `seconds`; what was there stays while a later look fails. */
export function useLoaded<Value>(load: () => Promise<Value>, seconds?: number) {
  const [value, setValue] = useState<Value | null>(null);
  const [error, setError] = useState<unknown>(null);
  const latest = useRef(0);
  const reload = useCallback(async () => {
    const mine = ++latest.current;
    try {
      const found = await load();
      if (mine !== latest.current) return;
      setValue(found);
      setError(null);
    } catch (failure) {
      if (mine === latest.current) setError(failure);
    }
  }, [load]);
  useEffect(() => {
    void reload();
    const timer = seconds === undefined ? undefined : setInterval(() => document.visibilityState === "visible" && void reload(), seconds * 1000);
    return () => clearInterval(timer);
  }, [reload, seconds]);
  return { value, setValue, error, reload: () => void reload() };
}

export type Page<Item> = { items: Item[]; next: string | null };

/** Lists come in pages: this one's first, with `more` for those after it. */
export function usePages<Item>(load: (cursor?: string) => Promise<Page<Item>>, seconds?: number) {
  const { value, setValue, error, reload } = useLoaded<Page<Item>>(load, seconds);
  const [failure, setFailure] = useState<unknown>(null);
  async function more() {
    try {
      const found = await load(value?.next ?? undefined);
      setValue((before) => ({ items: [...(before?.items ?? []), ...found.items], next: found.next }));
      setFailure(null);
    } catch (caught) {
      setFailure(caught);
    }
  }
  return {
    items: value?.items ?? null,
    setItems: (change: (items: Item[]) => Item[]) => setValue((before) => before && { ...before, items: change(before.items) }),
    more: value?.next ? () => void more() : null,
    error: failure ?? error,
    reload,
  };
}

/** A modal dialog that is open while it is there: focus stays within, Escape closes it. */
export function Modal({ label, close, children }: { label: string; close: () => void; children: ReactNode }) {
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
      onCancel={(event) => {
        event.preventDefault();
        close();
      }}
    >
      {children}
    </dialog>
  );
}
