"use client";

import { CircleAlert, CircleCheck, Clock, Download, FileText, LoaderCircle, Trash2, UploadCloud, X } from "lucide-react";
import { type DragEvent, useCallback, useEffect, useId, useRef, useState } from "react";
import { newId } from "@common/api";
import { TAGS } from "@common/language";
import { type Document, documents } from "@/lib/api";
import { inWords } from "@/lib/words";
import { Confirm } from "./confirm";
import { useInterface } from "./interface";
import { ErrorNotice } from "./notice";

type Upload = { id: string; name: string; share: number; error?: unknown; controller: AbortController };

const ACCEPTED = ".txt,.md,.markdown,.html,.htm,.pdf,.zip";
const AGAIN = 2000; // ms between looks while documents are being read

export function Documents() {
  const { words, language } = useInterface();
  const text = words.documents;
  const [items, setItems] = useState<Document[] | null>(null);
  const [next, setNext] = useState<string | null>(null);
  const [failures, setFailures] = useState<Record<string, string>>({});
  const [uploads, setUploads] = useState<Upload[]>([]);
  const [error, setError] = useState<unknown>(null);
  const [doomed, setDoomed] = useState<Document | null>(null);
  const [over, setOver] = useState(false);
  const [said, setSaid] = useState("");
  const chooser = useId();
  const running = useRef<Set<AbortController>>(new Set());

  const load = useCallback(async (cursor?: string) => {
    try {
      const found = await documents.list(cursor);
      setItems((before) => (cursor && before ? [...before, ...found.documents] : found.documents));
      setNext(found.next);
      setError(null);
      if (found.documents.some(({ status }) => status === "failed")) {
        const { jobs } = await documents.failures();
        setFailures(Object.fromEntries(jobs.map((job) => [job.document_id, job.error ?? ""])));
      }
    } catch (failure) {
      setError(failure);
    }
  }, []);
  useEffect(() => {
    void load();
    const open = running.current;
    return () => open.forEach((controller) => controller.abort());
  }, [load]);
  const pending = items?.some(({ status }) => status === "queued" || status === "running");
  useEffect(() => {
    if (!pending) return;
    const timer = setInterval(() => void load(), AGAIN);
    return () => clearInterval(timer);
  }, [pending, load]);

  async function send(file: File) {
    const upload: Upload = { id: newId(), name: file.name, share: 0, controller: new AbortController() };
    const change = (what: Partial<Upload>) => setUploads((before) => before.map((one) => (one.id === upload.id ? { ...one, ...what } : one)));
    const drop = () => setUploads((before) => before.filter((one) => one.id !== upload.id));
    setUploads((before) => [...before, upload]);
    running.current.add(upload.controller);
    try {
      await documents.upload(file, (share) => change({ share }), upload.controller.signal);
      drop();
      setSaid(text.uploaded(file.name));
      await load();
    } catch (failure) {
      if (upload.controller.signal.aborted) drop();
      else change({ error: failure });
    }
    running.current.delete(upload.controller);
  }
  /** One after the other: together they would only share the line. */
  async function sendAll(files: FileList | null) {
    for (const file of files ?? []) await send(file);
  }
  function dropped(event: DragEvent) {
    event.preventDefault();
    setOver(false);
    void sendAll(event.dataTransfer.files);
  }

  return (
    <section className="documents">
      <div className="column">
        <header className="head">
          <h1>{text.title}</h1>
          <p className="muted">{text.lead}</p>
        </header>
        <div
          className={over ? "drop over" : "drop"}
          onDragOver={(event) => {
            event.preventDefault();
            setOver(true);
          }}
          onDragLeave={() => setOver(false)}
          onDrop={dropped}
        >
          <UploadCloud size={28} aria-hidden />
          <p className="wide-only">
            {text.drop} <span className="muted">{text.or}</span>
          </p>
          <input
            id={chooser}
            className="visually-hidden"
            type="file"
            multiple
            accept={ACCEPTED}
            onChange={(event) => {
              void sendAll(event.target.files).then(() => {
                event.target.value = "";
              });
            }}
          />
          <label className="button primary" htmlFor={chooser}>
            {text.choose}
          </label>
          <p className="muted small">{text.hint}</p>
        </div>

        {uploads.length > 0 && (
          <ul className="uploads">
            {uploads.map((one) => (
              <li key={one.id}>
                <div className="row">
                  <span className="ellipsis">{one.name}</span>
                  <button
                    type="button"
                    className="button quiet icon"
                    aria-label={one.error ? text.dismiss(one.name) : text.stopUpload(one.name)}
                    onClick={() => {
                      one.controller.abort();
                      setUploads((before) => before.filter(({ id }) => id !== one.id));
                    }}
                  >
                    <X size={17} aria-hidden />
                  </button>
                </div>
                {one.error ? (
                  <ErrorNotice text={inWords(one.error, words)} />
                ) : (
                  <>
                    <progress max={1} value={one.share} aria-label={one.name} />
                    <p className="muted small">{text.uploading(Math.round(one.share * 100))}</p>
                  </>
                )}
              </li>
            ))}
          </ul>
        )}
        <p className="visually-hidden" role="status">
          {said}
        </p>

        {error !== null && <ErrorNotice text={inWords(error, words)} retry={() => void load()} />}
        {items === null && error === null && <p className="muted">{words.loading}</p>}
        {items?.length === 0 && (
          <div className="nothing">
            <p>{text.none}</p>
            <p className="muted small">{text.noneLead}</p>
          </div>
        )}
        {items && items.length > 0 && (
          <ul className="list" aria-label={text.list}>
            {items.map((one) => (
              <li key={one.id}>
                <FileText size={20} aria-hidden />
                <div className="what">
                  <p className="ellipsis">{one.title || one.filename}</p>
                  <p className="muted small">
                    {[
                      size(one.size, language),
                      new Date(one.created_at).toLocaleDateString(TAGS[language], { dateStyle: "medium" }),
                      ...(one.chunks > 0 ? [text.chunks(one.chunks)] : []),
                    ].join(" · ")}
                  </p>
                  {one.status === "failed" && failures[one.id] && <p className="small danger-text">{failures[one.id]}</p>}
                </div>
                <Status status={one.status} />
                <button
                  type="button"
                  className="button quiet icon"
                  aria-label={text.download(one.title)}
                  onClick={() => documents.download(one.id, one.filename).catch(setError)}
                >
                  <Download size={17} aria-hidden />
                </button>
                <button type="button" className="button quiet icon" aria-label={text.remove(one.title)} onClick={() => setDoomed(one)}>
                  <Trash2 size={17} aria-hidden />
                </button>
              </li>
            ))}
          </ul>
        )}
        {next && (
          <button type="button" className="button" onClick={() => void load(next)}>
            {words.more}
          </button>
        )}
      </div>
      {doomed && (
        <Confirm
          title={words.confirm.document(doomed.title)}
          text={words.confirm.documentText}
          close={() => setDoomed(null)}
          act={async () => {
            await documents.remove(doomed.id);
            setItems((before) => before && before.filter(({ id }) => id !== doomed.id));
            setSaid(text.removed(doomed.title));
          }}
        />
      )}
    </section>
  );
}

function Status({ status }: { status: string }) {
  const text = useInterface().words.documents;
  if (status === "failed")
    return (
      <span className="badge bad">
        <CircleAlert size={14} aria-hidden />
        {text.failed}
      </span>
    );
  if (status === "queued" || status === "running")
    return (
      <span className="badge busy">
        {status === "queued" ? <Clock size={14} aria-hidden /> : <LoaderCircle className="spinning" size={14} aria-hidden />}
        {text[status]}
      </span>
    );
  return (
    <span className="badge good">
      <CircleCheck size={14} aria-hidden />
      {text.ready}
    </span>
  );
}

function size(bytes: number, language: "en" | "zh"): string {
  const units = ["byte", "kilobyte", "megabyte", "gigabyte"] as const;
  const step = Math.min(units.length - 1, Math.floor(Math.log10(Math.max(bytes, 1)) / 3));
  const format = { style: "unit", unit: units[step], unitDisplay: "short", maximumFractionDigits: step > 1 ? 1 : 0 } as const;
  return new Intl.NumberFormat(TAGS[language], format).format(bytes / 1000 ** step);
}
