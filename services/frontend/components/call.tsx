"use client";

import { Mic, MicOff, PhoneOff, X } from "lucide-react";
import { useEffect, useRef, useState } from "react";
import { type CallState, type Handlers, type Line, type RunningCall, startCall } from "@/lib/call";
import { inWords } from "@/lib/words";
import { useWords } from "./interface";
import { Modal } from "./modal";
import { ErrorNotice } from "./notice";

/** A spoken conversation, for as long as it is open. */
export function Call({ conversationId, close }: { conversationId: string | null; close: () => void }) {
  const words = useWords();
  const text = words.call;
  const [state, setState] = useState<CallState>("connecting");
  const [lines, setLines] = useState<Line[]>([]);
  const [muted, setMuted] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const running = useRef<RunningCall | null>(null);
  const audio = useRef<HTMLAudioElement>(null);

  useEffect(() => {
    let left = false;
    const handlers: Handlers = {
      state: (now) => left || setState(now),
      sound: (stream) => {
        if (audio.current) audio.current.srcObject = stream;
      },
      line: (line) =>
        setLines((before) => {
          const last = before.at(-1);
          return last && !last.final && last.role === line.role ? [...before.slice(0, -1), line] : [...before, line];
        }),
    };
    startCall(handlers, conversationId)
      .then((started) => {
        if (left) started.hangUp();
        else running.current = started;
      })
      .catch((failure) => {
        if (left) return;
        setError(failure);
        setState("ended");
      });
    return () => {
      left = true;
      running.current?.hangUp();
    };
  }, [conversationId]);

  const over = state === "ended" || state === "lost" || state === "busy";
  return (
    <Modal className="call" label={text.title} close={close}>
      <div className={`orb ${state}`} aria-hidden>
        <span />
        <span />
        <span />
        <span />
        <span />
      </div>
      <p className="call-state" role="status">
        {text[state]}
      </p>
      {error !== null && <ErrorNotice text={inWords(error, words)} />}
      {lines.length === 0 && !over && <p className="muted small">{text.hint}</p>}
      {lines.length > 0 && (
        <ol className="said" aria-label={text.transcript}>
          {lines.slice(-6).map((line, place) => (
            <li key={lines.length - 6 + place} className={line.final ? line.role : `${line.role} partial`}>
              <span className="visually-hidden">{line.role === "user" ? words.chat.you : words.chat.assistant}: </span>
              {line.text}
            </li>
          ))}
        </ol>
      )}
      <audio ref={audio} autoPlay />
      <div className="row controls">
        {over ? (
          <button type="button" className="button" onClick={close}>
            <X size={18} aria-hidden />
            {words.close}
          </button>
        ) : (
          <>
            <button
              type="button"
              className="button round"
              aria-pressed={muted}
              aria-label={muted ? text.unmute : text.mute}
              title={muted ? text.unmute : text.mute}
              onClick={() => {
                running.current?.mute(!muted);
                setMuted(!muted);
              }}
            >
              {muted ? <MicOff size={22} aria-hidden /> : <Mic size={22} aria-hidden />}
            </button>
            <button type="button" className="button danger round" aria-label={text.hangUp} title={text.hangUp} onClick={close}>
              <PhoneOff size={22} aria-hidden />
            </button>
          </>
        )}
      </div>
    </Modal>
  );
}
