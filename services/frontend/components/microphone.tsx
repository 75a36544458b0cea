"use client";

import { LoaderCircle, Mic, Square } from "lucide-react";
import { useEffect, useRef, useState } from "react";
import { transcribe } from "@/lib/api";
import { record, type Recording } from "@/lib/recorder";
import { useWords } from "./interface";

type Props = { disabled: boolean; heard: (text: string) => void; failed: (error: unknown) => void };

/** Records until pressed again, then gives what was said as text; "empty" as the error where nothing was understood. */
export function Microphone({ disabled, heard, failed }: Props) {
  const { microphone } = useWords();
  const [state, setState] = useState<"idle" | "recording" | "transcribing">("idle");
  const [seconds, setSeconds] = useState(0);
  const [level, setLevel] = useState(0);
  const recording = useRef<Recording | null>(null);
  useEffect(() => () => recording.current?.discard(), []);
  useEffect(() => {
    if (state !== "recording") return;
    const started = Date.now();
    const timer = setInterval(() => setSeconds(Math.floor((Date.now() - started) / 1000)), 250);
    return () => clearInterval(timer);
  }, [state]);

  async function start() {
    failed(null);
    setSeconds(0);
    try {
      recording.current = await record(setLevel);
      setState("recording");
    } catch (error) {
      failed(error);
    }
  }
  async function stop() {
    setState("transcribing");
    try {
      const audio = await recording.current?.stop();
      recording.current = null;
      const text = audio ? (await transcribe(audio)).trim() : "";
      if (text) heard(text);
      else failed("empty");
    } catch (error) {
      failed(error);
    }
    setState("idle");
  }

  if (state === "recording")
    return (
      <>
        <span className="recording" role="status">
          <meter className="level" min={0} max={1} value={level} aria-hidden />
          <span className="visually-hidden">{microphone.recording}</span>
          <span aria-hidden>{`${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`}</span>
        </span>
        <button type="button" className="button danger icon" aria-label={microphone.stop} title={microphone.stop} onClick={stop}>
          <Square size={15} fill="currentColor" aria-hidden />
        </button>
      </>
    );
  const busy = state === "transcribing";
  const label = busy ? microphone.transcribing : microphone.start;
  return (
    <button type="button" className="button quiet icon" aria-label={label} title={label} disabled={disabled || busy} onClick={start}>
      {busy ? <LoaderCircle className="spinning" size={19} aria-hidden /> : <Mic size={19} aria-hidden />}
    </button>
  );
}
