"use client";

import { FileText, PhoneCall } from "lucide-react";
import Link from "next/link";
import { useSearchParams } from "next/navigation";
import { useCallback, useEffect, useRef, useState } from "react";
import { ApiError, newId } from "@common/api";
import { ask, cancel, conversations, type Message, type Source } from "@/lib/api";
import { inWords } from "@/lib/words";
import { Answer } from "./answer";
import { Call } from "./call";
import { Composer } from "./composer";
import { useConversations } from "./conversations";
import { useWords } from "./interface";
import { ErrorNotice } from "./notice";
import { SourceDrawer } from "./source";

export type State = "searching" | "answering" | "done" | "cancelled" | "cut" | "failed";
export type Turn = Message & { state: State; question?: string; error?: unknown };
type Running = { requestId: string; controller: AbortController };
type Opened = { source: Source; number: number };

const FINISHED = { stop: "done", length: "cut", cancelled: "cancelled" } as const;

export function Chat() {
  const words = useWords();
  const wanted = useSearchParams().get("c");
  const { items, reload } = useConversations();
  const [turns, setTurns] = useState<Turn[]>([]);
  const [loading, setLoading] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const [opened, setOpened] = useState<Opened | null>(null);
  const [calling, setCalling] = useState(false);
  const [said, setSaid] = useState("");
  const shown = useRef<string | null>(null); // the conversation whose turns these are
  const running = useRef<Running | null>(null);
  const busy = turns.at(-1)?.state === "searching" || turns.at(-1)?.state === "answering";

  const load = useCallback(async (id: string, signal: AbortSignal) => {
    setLoading(true);
    setError(null);
    try {
      const { messages } = await conversations.read(id, signal);
      setTurns(messages.map((message) => ({ ...message, state: "done" })));
    } catch (failure) {
      if (!signal.aborted) setError(failure);
    } finally {
      if (!signal.aborted) setLoading(false);
    }
  }, []);

  useEffect(() => {
    if (wanted === shown.current) return;
    shown.current = wanted;
    running.current?.controller.abort(); // who leaves a conversation no longer waits for its answer
    running.current = null;
    setTurns([]);
    setError(null);
    setLoading(false);
    const loader = new AbortController();
    if (wanted) void load(wanted, loader.signal);
    return () => loader.abort();
  }, [wanted, load]);
  useEffect(() => () => running.current?.controller.abort(), []);

  const send = useCallback(
    async (query: string) => {
      if (running.current) return;
      const mine: Running = { requestId: newId(), controller: new AbortController() };
      running.current = mine;
      const answer = mine.requestId;
      const change = (how: (turn: Turn) => Partial<Turn>) => {
        if (running.current === mine) setTurns((before) => before.map((turn) => (turn.id === answer ? { ...turn, ...how(turn) } : turn)));
      };
      setTurns((before) => [
        ...before,
        { id: `question-${answer}`, role: "user", content: query, state: "done" },
        { id: answer, role: "assistant", content: "", question: query, state: "searching" },
      ]);
      setSaid("");
      let content = "";
      let finished: State | null = null;
      try {
        for await (const { event, data } of ask(query, shown.current, mine.requestId, mine.controller.signal)) {
          if (event === "sources") {
            change(() => ({ sources: data.sources, state: "answering" }));
            if (running.current === mine && shown.current !== data.conversation_id) {
              shown.current = data.conversation_id;
              history.replaceState(null, "", `/?c=${data.conversation_id}`);
            }
          } else if (event === "token") {
            content += data.text;
            change(() => ({ content }));
          } else if (event === "done") finished = FINISHED[data.finish_reason] ?? "done";
          else if (event === "error") throw new ApiError(502, data.error);
        }
        const state = finished;
        change(() => (state ? { state } : { state: "failed", error: "cut" }));
      } catch (failure) {
        if (mine.controller.signal.aborted) change(() => ({ state: "cancelled" }));
        else change(() => ({ state: "failed", error: failure instanceof ApiError ? failure : "cut" }));
      }
      if (running.current === mine) {
        running.current = null;
        if (finished === "done") setSaid(`${words.chat.answered}. ${content}`);
      }
      reload();
    },
    [words, reload],
  );

  async function stop() {
    const mine = running.current;
    if (!mine) return;
    try {
      await cancel(mine.requestId); // the stream then ends by itself, and tells
    } catch {
      mine.controller.abort();
    }
  }

  const open = useCallback((source: Source, number: number) => setOpened({ source, number }), []);
  const again = useCallback(
    (turn: Turn) => {
      setTurns((before) => before.filter(({ id }) => id !== turn.id && id !== `question-${turn.id}`));
      if (turn.question) void send(turn.question);
    },
    [send],
  );

  function hungUp() {
    setCalling(false);
    reload();
    if (shown.current && !running.current) void load(shown.current, new AbortController().signal); // what was said belongs to it, too
  }

  const title = items?.find((one) => one.id === wanted)?.title || words.chat.title;
  const empty = turns.length === 0 && !loading && error === null;
  const status = busy ? (turns.at(-1)?.state === "searching" ? words.chat.thinking : words.chat.answering) : said;
  return (
    <section className={empty ? "chat empty" : "chat"} aria-label={title}>
      <header className="title-bar">
        {empty ? <span /> : <h1 className="ellipsis">{title}</h1>}
        <button type="button" className="button" onClick={() => setCalling(true)}>
          <PhoneCall size={17} aria-hidden />
          <span>{words.call.start}</span>
        </button>
      </header>
      <Scroller follow={turns}>
        {error !== null && <ErrorNotice text={inWords(error, words)} retry={() => wanted && void load(wanted, new AbortController().signal)} />}
        {loading && <p className="muted">{words.loading}</p>}
        {empty && (
          <div className="welcome">
            <h1>{words.chat.heading}</h1>
            <p className="muted">{words.chat.lead}</p>
          </div>
        )}
        <ol className="turns">
          {turns.map((turn) => (
            <li key={turn.id} className={turn.role}>
              <h2 className="visually-hidden">{turn.role === "user" ? words.chat.you : words.chat.assistant}</h2>
              {turn.role === "user" ? (
                <p className="question">{turn.content}</p>
              ) : (
                <Answer turn={turn} open={open} retry={again} />
              )}
            </li>
          ))}
        </ol>
      </Scroller>
      <p className="visually-hidden" role="status">
        {status}
      </p>
      <div className="foot">
        <Composer busy={busy} send={send} stop={stop} />
        {empty && (
          <Link className="button quiet" href="/documents">
            <FileText size={17} aria-hidden />
            {words.chat.addDocuments}
          </Link>
        )}
      </div>
      {opened && <SourceDrawer {...opened} close={() => setOpened(null)} />}
      {calling && <Call conversationId={wanted} close={hungUp} />}
    </section>
  );
}

/** Keeps the end of what grows in sight, unless the reader has scrolled up. */
function Scroller({ follow, children }: { follow: unknown; children: React.ReactNode }) {
  const box = useRef<HTMLDivElement>(null);
  const atEnd = useRef(true);
  useEffect(() => {
    if (follow && atEnd.current && box.current) box.current.scrollTop = box.current.scrollHeight;
  }, [follow]);
  return (
    <div
      className="scroller"
      ref={box}
      onScroll={({ currentTarget: { scrollHeight, scrollTop, clientHeight } }) => {
        atEnd.current = scrollHeight - scrollTop - clientHeight < 80;
      }}
    >
      <div className="column">{children}</div>
    </div>
  );
}
