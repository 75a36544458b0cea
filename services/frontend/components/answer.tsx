"use client";

import { Check, CircleStop, Copy, FileText, LoaderCircle } from "lucide-react";
import { createContext, memo, type ReactNode, useContext, useEffect, useMemo, useState } from "react";
import Markdown, { type Components } from "react-markdown";
import type { Source } from "@/lib/api";
import { inWords } from "@/lib/words";
import type { Turn } from "./chat";
import { useWords } from "./interface";
import { ErrorNotice } from "./notice";

type Open = (source: Source, number: number) => void;
type Props = { turn: Turn; open: Open; retry: (turn: Turn) => void };

const Cited = createContext<{ sources: Source[]; open: Open }>({ sources: [], open: () => undefined });

// Always the same functions: with others, React would make the marks anew, and a focus on one would be lost.
const COMPONENTS: Components = {
  a: Link,
  img: ({ alt }) => <>{alt}</>, // an answer fetches nothing
};

/** An answer with its sources: a mark in the text as [1] opens the passage, and so does its entry below. */
export const Answer = memo(function Answer({ turn, open, retry }: Props) {
  const words = useWords();
  const { chat } = words;
  const sources = useMemo(() => turn.sources ?? [], [turn.sources]);
  const cited = useMemo(() => ({ sources, open }), [sources, open]);
  const busy = turn.state === "searching" || turn.state === "answering";
  const text = turn.content.replace(/\[(\d{1,2})\](?!\()/g, (mark, number) => (sources[number - 1] ? `[${number}](#source-${number})` : mark));
  return (
    <div className="answer" aria-busy={busy}>
      {turn.content ? (
        <div className="prose">
          <Cited value={cited}>
            <Markdown components={COMPONENTS}>{text}</Markdown>
          </Cited>
        </div>
      ) : (
        busy && (
          <p className="muted row">
            <LoaderCircle className="spinning" size={18} aria-hidden />
            {turn.state === "searching" ? chat.thinking : chat.answering}
          </p>
        )
      )}
      {turn.state === "cancelled" && (
        <p className="muted row small">
          <CircleStop size={16} aria-hidden />
          {chat.stopped}
        </p>
      )}
      {turn.state === "cut" && <p className="muted small">{chat.cut}</p>}
      {turn.state === "failed" && <ErrorNotice text={turn.error === "cut" ? words.errors.streamCut : inWords(turn.error, words)} retry={() => retry(turn)} />}
      {sources.length > 0 && (
        <div className="sources">
          <h3>{chat.sources}</h3>
          <ol>
            {sources.map((source, place) => (
              <li key={source.chunk_id}>
                <button type="button" className="source" onClick={() => open(source, place + 1)}>
                  <span className="visually-hidden">{chat.source} </span>
                  <span className="mark">{place + 1}</span>
                  <FileText size={15} aria-hidden />
                  <span className="ellipsis">{source.title}</span>
                </button>
              </li>
            ))}
          </ol>
        </div>
      )}
      {turn.sources?.length === 0 && !busy && turn.state !== "failed" && <p className="muted small">{chat.noSources}</p>}
      {turn.content && !busy && <CopyButton text={turn.content} />}
    </div>
  );
});

/** A mark as [1], which becomes a link to its source before; any other link leads out. */
function Link({ href, children }: { href?: string; children?: ReactNode }) {
  const { chat } = useWords();
  const { sources, open } = useContext(Cited);
  const number = Number(/^#source-(\d+)$/.exec(href ?? "")?.[1]);
  const source = sources[number - 1];
  if (!source)
    return (
      <a href={href} target="_blank" rel="noreferrer">
        {children}
      </a>
    );
  return (
    <button type="button" className="mark" aria-label={chat.openSource(number, source.title)} onClick={() => open(source, number)}>
      {number}
    </button>
  );
}

function CopyButton({ text }: { text: string }) {
  const { chat } = useWords();
  const [copied, setCopied] = useState(false);
  useEffect(() => {
    const timer = copied && setTimeout(() => setCopied(false), 2000);
    return () => clearTimeout(timer || undefined);
  }, [copied]);
  if (typeof navigator === "undefined" || !navigator.clipboard) return null; // without HTTPS there is none
  const label = copied ? chat.copied : chat.copy;
  return (
    <button type="button" className="button quiet icon copy" title={label} aria-label={label} onClick={() => navigator.clipboard.writeText(text).then(() => setCopied(true))}>
      {copied ? <Check size={16} aria-hidden /> : <Copy size={16} aria-hidden />}
    </button>
  );
}
