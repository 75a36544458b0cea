/** The parts of the gateway's API that this application uses; see the gateway's openapi.json. */
import { call, events, json, upload } from "@common/api";

export type Source = { document_id: string; chunk_id: string; title: string; text: string; score: number };
export type Message = { id: string; role: "user" | "assistant"; content: string; sources?: Source[] | null; created_at?: string };
export type Conversation = { id: string; title: string; created_at: string; updated_at: string };
export type Document = {
  id: string; title: string; filename: string; content_type: string; size: number; chunks: number; status: string; created_at: string;
};
export type Job = { id: string; document_id: string; status: "queued" | "running" | "done" | "failed"; error: string | null };
export type FinishReason = "stop" | "length" | "cancelled";

export type ChatEvent =
  | { event: "sources"; data: { request_id: string; conversation_id: string; sources: Source[] } }
  | { event: "token"; data: { text: string } }
  | { event: "done"; data: { conversation_id: string; message_id: string; finish_reason: FinishReason } }
  | { event: "error"; data: { error: { field: string; found: string; wanted: string; message: string } } };

export const conversations = {
  list: (cursor?: string) => json<{ conversations: Conversation[]; next: string | null }>(`/api/v1/conversations?limit=30${after(cursor)}`),
  read: (id: string, signal?: AbortSignal) =>
    json<Conversation & { messages: Message[] }>(`/api/v1/conversations/${encodeURIComponent(id)}`, { signal }),
  remove: (id: string) => json<void>(`/api/v1/conversations/${encodeURIComponent(id)}`, { method: "DELETE" }),
};

export const documents = {
  list: (cursor?: string) => json<{ documents: Document[]; next: string | null }>(`/api/v1/documents?limit=50${after(cursor)}`),
  failures: () => json<{ jobs: Job[] }>("/api/v1/jobs?limit=100&status=failed"),
  remove: (id: string) => json<void>(`/api/v1/documents/${encodeURIComponent(id)}`, { method: "DELETE" }),
  upload(file: File, progress: (share: number) => void, signal: AbortSignal) {
    const form = new FormData();
    form.set("file", file);
    return upload<{ document_id: string; job_id: string }>("/api/v1/documents", form, progress, signal);
  },
  /** Lets the browser save the original. A link could not carry the token. */
  async download(id: string, filename: string): Promise<void> {
    const response = await call(`/api/v1/documents/${encodeURIComponent(id)}/content`, { headers: { Accept: "*/*" } });
    const url = URL.createObjectURL(await response.blob());
    Object.assign(document.createElement("a"), { href: url, download: filename }).click();
    setTimeout(() => URL.revokeObjectURL(url), 10_000);
  },
};

/** Ask, and read the answer as it comes. `requestId` is what `cancel` takes. */
export async function* ask(query: string, conversationId: string | null, requestId: string, signal: AbortSignal): AsyncGenerator<ChatEvent> {
  const body = conversationId ? { query, conversation_id: conversationId } : { query };
  const headers = { Accept: "text/event-stream", "X-Request-Id": requestId };
  const response = await call("/api/v1/chat/stream", { method: "POST", body, headers, signal });
  for await (const { event, data } of events(response)) yield { event, data: JSON.parse(data) } as ChatEvent;
}

export function cancel(requestId: string): Promise<void> {
  return json<void>("/api/v1/chat/cancel", { method: "POST", body: { request_id: requestId } });
}

/** `audio`: WAV, 16 kHz, mono, 16 bit. */
export async function transcribe(audio: Blob): Promise<string> {
  const { text } = await json<{ text: string }>("/api/v1/voice/transcribe", { method: "POST", body: audio, headers: { "Content-Type": "audio/wav" } });
  return text;
}

function after(cursor?: string): string {
  return cursor ? `&cursor=${encodeURIComponent(cursor)}` : "";
}
