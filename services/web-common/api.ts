/** The gateway's API as both web applications call it: same origin, a bearer token, errors that say what was wrong. */

export type Role = "user" | "operator";
export type User = { user_id: string; username: string; role: Role };
export type Fault = { field: string; found: string; wanted: string; message: string };

type Token = { access_token: string; expires_in: number; user: User };
type Stored = { token: string; user: User; expires: number };

const KEY = "voicehelper.session";
const CHANGED = "voicehelper:session";

/** An answer that was not the wanted one. `status` 0: there was no answer at all. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly fault: Fault | null,
    readonly retryAfter: number | null = null,
  ) {
    super(fault?.message || `status ${status}`);
    this.name = "ApiError";
  }
}

/** The signed-in user, for as long as the tab lives and the token is valid. */
export const session = {
  /** Whether the gateway no longer took the token of the last session. */
  lost: false,
  read(): Stored | null {
    try {
      const stored = JSON.parse(sessionStorage.getItem(KEY) ?? "null") as Stored | null;
      return stored && stored.expires > Date.now() ? stored : null;
    } catch {
      return null;
    }
  },
  async start(username: string, password: string): Promise<User> {
    const answer = await json<Token>("/api/v1/auth/token", { method: "POST", body: { username, password } });
    const stored: Stored = { token: answer.access_token, user: answer.user, expires: Date.now() + answer.expires_in * 1000 };
    sessionStorage.setItem(KEY, JSON.stringify(stored));
    session.lost = false;
    dispatchEvent(new Event(CHANGED));
    return answer.user;
  },
  end(lost = false): void {
    session.lost = lost;
    sessionStorage.removeItem(KEY);
    dispatchEvent(new Event(CHANGED));
  },
  /** Calls back when a session starts or ends. Gives the function that stops it. */
  watch(changed: () => void): () => void {
    addEventListener(CHANGED, changed);
    return () => removeEventListener(CHANGED, changed);
  },
};

export type Options = { method?: string; body?: unknown; headers?: Record<string, string>; signal?: AbortSignal };

/** One call. A body that is not a FormData or Blob goes as JSON. Throws ApiError for any status that is not 2xx, and for none. */
export async function call(path: string, { method = "GET", body, headers = {}, signal }: Options = {}): Promise<Response> {
  const raw = body instanceof FormData || body instanceof Blob;
  const sent: Record<string, string> = { Accept: "application/json", ...bearer(), ...headers };
  if (body !== undefined && !raw) sent["Content-Type"] = "application/json";
  let response: Response;
  try {
    response = await fetch(path, { method, headers: sent, body: raw ? body : JSON.stringify(body), signal, cache: "no-store" });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new ApiError(0, null);
  }
  if (!response.ok) throw failure(response.status, await response.text(), response.headers.get("Retry-After"), "Authorization" in sent);
  return response;
}

export async function json<T>(path: string, options?: Options): Promise<T> {
  const response = await call(path, options);
  return (response.status === 204 ? undefined : await response.json()) as T;
}

/** A file, with its progress from 0 to 1, which fetch does not tell. */
export function upload<T>(path: string, form: FormData, progress: (share: number) => void, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", path);
    for (const [name, value] of Object.entries({ Accept: "application/json", ...bearer() })) request.setRequestHeader(name, value);
    request.upload.onprogress = (event) => event.lengthComputable && progress(event.loaded / event.total);
    request.onload = () => {
      if (request.status >= 200 && request.status < 300) resolve(JSON.parse(request.responseText) as T);
      else reject(failure(request.status, request.responseText, request.getResponseHeader("Retry-After"), true));
    };
    request.onerror = () => reject(new ApiError(0, null));
    request.onabort = () => reject(new DOMException("aborted", "AbortError"));
    signal.addEventListener("abort", () => request.abort());
    request.send(form);
  });
}

/** An id that nobody else has. crypto.randomUUID is there only on HTTPS. */
export function newId(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

export type ServerEvent = { event: string; data: string };

/** The server-sent events of a response, as they come. Comments are left out. */
export async function* events(response: Response): AsyncGenerator<ServerEvent> {
  if (!response.body) return;
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  let event = "message";
  let data: string[] = [];
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      const lines = (rest + value).split(/\r\n|\n|\r(?!$)/);
      rest = lines.pop() ?? "";
      for (const line of lines) {
        if (line === "") {
          if (data.length) yield { event, data: data.join("\n") };
          event = "message";
          data = [];
        } else if (line.startsWith("event:")) event = line.slice(6).trim();
        else if (line.startsWith("data:")) data.push(line.slice(line[5] === " " ? 6 : 5));
      }
    }
  } finally {
    reader.cancel().catch(() => undefined);
  }
}

/** A WebSocket of the gateway. Browsers cannot send a header with it, so the token goes as a subprotocol. */
export function socket(path: string): WebSocket {
  const url = new URL(path, location.href);
  url.protocol = url.protocol.replace("http", "ws");
  return new WebSocket(url, ["voicehelper.v1", `bearer.${session.read()?.token ?? ""}`]);
}

function bearer(): Record<string, string> {
  const stored = session.read();
  return stored ? { Authorization: `Bearer ${stored.token}` } : {};
}

function failure(status: number, text: string, retryAfter: string | null, authorized: boolean): ApiError {
  let fault: Fault | null = null;
  try {
    const found = (JSON.parse(text) as { error?: Partial<Fault> }).error;
    if (found) fault = { field: found.field ?? "", found: found.found ?? "", wanted: found.wanted ?? "", message: found.message ?? "" };
  } catch {
    // what stands between may answer with a page
  }
  if (status === 401 && authorized) session.end(true);
  return new ApiError(status, fault, retryAfter && /^\d+$/.test(retryAfter) ? Number(retryAfter) : null);
}
