import { randomBytes } from "node:crypto";
import { metrics } from "./metrics";
import { gatewayUrl } from "./settings";

/** Of one connection, or the browser's alone; the gateway has no use for them. */
const NOT_PASSED_ON = [
  "accept-encoding", "connection", "cookie", "expect", "host", "keep-alive", "origin", "te", "trailer", "transfer-encoding", "upgrade",
];
const NOT_PASSED_BACK = ["connection", "content-encoding", "content-length", "keep-alive", "transfer-encoding"];
const ROUTE =
  /^\/api\/v1\/(auth\/token|chat\/(?:stream|cancel)|voice\/(?:transcribe|synthesize)|search|documents|conversations|jobs|users|stats|health)(\/[^/]+)?(\/content)?$/;
const TRACEPARENT = /^00-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}$/;

/** Pass a request on to the gateway and its answer back. Both bodies stream; a client that goes away takes its request along. */
export async function forward(request: Request): Promise<Response> {
  const { pathname, search } = new URL(request.url);
  const route = template(pathname);
  const { method } = request;
  const headers = new Headers(request.headers);
  const body = headers.has("transfer-encoding") || Number(headers.get("content-length")) > 0 ? request.body : null;
  for (const name of NOT_PASSED_ON) headers.delete(name);
  headers.set("accept-encoding", "identity");
  const traceId = trace(headers);
  const { requests, latency, inFlight } = metrics();
  const started = performance.now();
  const stop = latency.startTimer({ method, route });
  inFlight.inc();
  let response: Response;
  try {
    // Without `window` and redirects, fetch does not keep the body for a second try: all of an upload would lie in memory.
    const init: RequestInit & { duplex: "half" } = {
      method, headers, body, duplex: "half", redirect: "error", window: null, cache: "no-store", signal: request.signal,
    };
    response = await fetch(new URL(pathname + search, gatewayUrl()), init);
  } catch (error) {
    response = request.signal.aborted ? new Response(null, { status: 499 }) : unreachable(error);
  } finally {
    inFlight.dec();
  }
  stop();
  requests.inc({ method, route, status: response.status });
  log(response.status >= 500 ? "ERROR" : "INFO", `${method} ${route}`, {
    status: response.status, seconds: Number(((performance.now() - started) / 1000).toFixed(3)), trace_id: traceId,
  });
  const back = new Headers(response.headers);
  for (const name of NOT_PASSED_BACK) back.delete(name);
  back.set("cache-control", "no-store, no-transform"); // no-transform: an event must not wait in a compressor
  return new Response(response.body, { status: response.status, headers: back });
}

function unreachable(error: unknown): Response {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause.message : String(error);
  log("ERROR", "the gateway does not answer", { cause });
  const fault = { field: "gateway", found: "no answer", wanted: "an answer", message: "the gateway does not answer; try again in a moment" };
  return Response.json({ error: fault }, { status: 503, headers: { "Retry-After": "2" } });
}

/** The path without what only one request has, for metrics and logs: there are as many routes as are known here, and "other". */
function template(pathname: string): string {
  const found = ROUTE.exec(pathname);
  return found ? `/api/v1/${found[1]}${found[2] ? "/{id}" : ""}${found[3] ?? ""}` : "other";
}

/** Take over the trace of the request or begin one; gives its id. */
function trace(headers: Headers): string {
  const found = TRACEPARENT.exec(headers.get("traceparent") ?? "");
  if (found?.[1]) return found[1];
  const id = randomBytes(16).toString("hex");
  headers.set("traceparent", `00-${id}-${randomBytes(8).toString("hex")}-01`);
  headers.delete("tracestate");
  return id;
}

function log(level: string, message: string, more: Record<string, unknown>): void {
  console.log(JSON.stringify({ time: new Date().toISOString(), level, logger: "forward", message, service: "frontend", ...more }));
}
