// A gateway for tests: it speaks the public API as services/gateway/openapi.json has it, keeps everything in memory, and records what it is sent.
// What a question asks for decides how it is answered: "hold" (until `state.held` is false, and a document with "held" in its name is read until
// then), "break", "cut", "busy" (429), "down" (503), "expired" (401).
import { randomUUID } from "node:crypto";
import { createServer } from "node:http";
import { WebSocketServer } from "ws";

const now = () => new Date().toISOString();
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const fault = (field, found, wanted, message) => ({ error: { field, found, wanted, message } });

export const USERS = [
  { id: "0b6f1a52-2f6f-4a55-8a53-3d9b0a6f1e01", username: "lin", password: "correct horse", role: "user", disabled: false, created_at: now() },
  { id: "0b6f1a52-2f6f-4a55-8a53-3d9b0a6f1e02", username: "operator", password: "battery staple", role: "operator", disabled: false, created_at: now() },
];
const PASSAGES = [
  ["Returns policy", "Goods may be sent back within seven days of delivery. The refund is paid to the card that was charged, as a rule within three working days after the goods have reached us."],
  ["Delivery times", "Orders placed before noon leave the warehouse the same day and arrive within three days. Remote regions take up to six."],
];
const ANSWERS = {
  en: "You can send goods back **within seven days** of delivery [1]. The refund goes to the card you paid with, usually:\n\n- within three working days\n- after the goods have reached the warehouse [1]\n\nA new order then arrives within three days [2].",
  zh: "收到商品后**七天内**可以退货 [1]。退款会原路退回到您付款的银行卡，通常在仓库收到退货后的三个工作日内到账 [1]。重新下单后，三天内即可送达 [2]。",
};

/** Starts one. `url`, `seen` (requests as {method, path, headers, bytes}), `state` and `close` are what a test uses. */
export async function startGateway({ word = 25, port = 0 } = {}) {
  const state = { users: structuredClone(USERS), documents: [], jobs: [], conversations: [], running: new Map(), tokens: new Map(), down: [], cancelled: [], audio: null, held: true };
  const seen = [];
  const sockets = { callers: [], answerer: null };

  const server = createServer(async (request, response) => {
    const { pathname: path, searchParams } = new URL(request.url, "http://gateway");
    const entry = { method: request.method, path, headers: request.headers, bytes: 0 };
    seen.push(entry);
    const send = (status, body, headers = {}) => {
      response.writeHead(status, { "Content-Type": "application/json", ...headers }).end(body === undefined ? undefined : JSON.stringify(body));
    };
    const pieces = [];
    for await (const piece of request) {
      entry.bytes += piece.length;
      if (entry.bytes < 5e6) pieces.push(piece);
    }
    const raw = Buffer.concat(pieces);
    const body = () => JSON.parse(raw.toString() || "{}");
    const call = `${request.method} ${path.replace("/api/v1", "")}`;

    if (path === "/answerer") {
      response.writeHead(200, { "Content-Type": "text/html" }).end(ANSWERER);
      return;
    }
    if (call === "GET /health") return send(200, health(state));
    if (call === "POST /auth/token") {
      const { username, password } = body();
      const user = state.users.find((one) => one.username === username && one.password === password && !one.disabled);
      if (!user) return send(401, fault("password", "another one", "the user's", "user or password is wrong"));
      const token = `token-${randomUUID()}`;
      state.tokens.set(token, user);
      return send(200, { access_token: token, token_type: "Bearer", expires_in: 86400, user: { user_id: user.id, username, role: user.role } });
    }
    const user = state.tokens.get((request.headers.authorization ?? "").replace("Bearer ", ""));
    if (!user) return send(401, fault("Authorization", "no valid token", "a token", "sign in first"));
    const id = path.split("/")[4];

    if (call === "POST /chat/stream") return chat(body(), request, response, send);
    if (call === "POST /chat/cancel") {
      const { request_id } = body();
      state.cancelled.push(request_id);
      const stop = state.running.get(request_id);
      if (!stop) return send(404, fault("request_id", request_id, "one of a running answer", "no such answer"));
      stop();
      return send(200, { request_id, cancelled: true });
    }
    if (call === "POST /documents") return upload(raw, request, entry, send);
    if (call === "GET /documents") return send(200, { documents: state.documents, next: null });
    if (call === "GET /jobs") {
      const wanted = searchParams.get("status");
      const found = state.jobs.filter((job) => !wanted || job.status === wanted);
      const from = Number(searchParams.get("cursor") ?? 0);
      const limit = Number(searchParams.get("limit") ?? 20);
      return send(200, { jobs: found.slice(from, from + limit), next: found.length > from + limit ? String(from + limit) : null });
    }
    if (path.startsWith("/api/v1/documents/")) {
      const place = state.documents.findIndex((one) => one.id === id);
      if (place < 0) return send(404, fault("id", id, "a document", "no such document"));
      if (request.method === "DELETE") {
        state.documents.splice(place, 1);
        return send(204);
      }
      return response.writeHead(200, { "Content-Type": "text/plain", "Content-Disposition": "attachment" }).end("the original");
    }
    if (call === "GET /conversations") {
      return send(200, { conversations: state.conversations.map(({ messages, ...one }) => ({ ...one, messages: messages.length })), next: null });
    }
    if (path.startsWith("/api/v1/conversations/")) {
      const place = state.conversations.findIndex((one) => one.id === id);
      if (place < 0) return send(404, fault("id", id, "a conversation", "no such conversation"));
      if (request.method === "DELETE") {
        state.conversations.splice(place, 1);
        return send(204);
      }
      return send(200, state.conversations[place]);
    }
    if (call === "POST /voice/transcribe") {
      state.audio = raw;
      return send(200, { text: "How long do I have to send goods back?" });
    }
    if (user.role !== "operator") return send(403, fault("role", user.role, "operator", "only for operators"));
    if (call === "GET /stats") return send(200, stats(state));
    if (call === "GET /users") return send(200, { users: state.users.map(shown), next: null });
    if (call === "POST /users") {
      const wanted = body();
      if (state.users.some((one) => one.username === wanted.username)) return send(409, fault("username", wanted.username, "a name nobody has", "that name is taken"));
      if (wanted.password.length < 10) return send(422, fault("password", `${wanted.password.length} characters`, "at least 10", "too short"));
      const made = { id: randomUUID(), created_at: now(), disabled: false, ...wanted };
      state.users.push(made);
      return send(201, shown(made));
    }
    const target = state.users.find((one) => one.id === id);
    if (path.startsWith("/api/v1/users/") && target) {
      if (request.method === "PATCH") return send(200, shown(Object.assign(target, body())));
      state.users.splice(state.users.indexOf(target), 1);
      return send(204);
    }
    return send(404, fault("path", path, "one of the API", "no such path"));
  });

  async function chat({ query, conversation_id }, request, response, send) {
    if (query.includes("busy")) return send(429, fault("rate", "61 requests", "60 a minute", "too many requests"), { "Retry-After": "7" });
    if (query.includes("down")) return send(503, fault("algo-service", "no answer", "an answer", "not reachable"), { "Retry-After": "1" });
    if (query.includes("expired")) return send(401, fault("Authorization", "an expired token", "a valid one", "sign in again"));
    if (query.includes("<long>")) return send(400, fault("query", "4001 characters", "1 to 4000", "too long"));
    const request_id = request.headers["x-request-id"];
    let conversation = state.conversations.find((one) => one.id === conversation_id);
    if (!conversation) {
      conversation = { id: randomUUID(), title: query.slice(0, 60), created_at: now(), updated_at: now(), messages: [] };
      state.conversations.unshift(conversation);
    }
    const sources = PASSAGES.map(([title, text], place) => ({
      document_id: state.documents[place]?.id ?? randomUUID(), chunk_id: `${title}:${place}`, title, text, score: 0.91 - place * 0.08, metadata: {},
    }));
    let stopped = false;
    state.running.set(request_id, () => (stopped = true));
    response.on("close", () => (stopped = true));
    response.writeHead(200, { "Content-Type": "text/event-stream" });
    const event = (name, data) => response.write(`event: ${name}\ndata: ${JSON.stringify(data)}\n\n`);
    response.write(": begun\n\n");
    await pause(word * 4);
    event("sources", { request_id, conversation_id: conversation.id, sources });
    let said = "";
    const answer = /[\u4e00-\u9fff]/.test(query) ? ANSWERS.zh : ANSWERS.en;
    for (const piece of answer.match(/\s*[^\s\u4e00-\u9fff]+|\s*[\u4e00-\u9fff]{1,2}/g)) {
      if (stopped) break;
      if (said.length > 40 && query.includes("break")) {
        event("error", fault("llm-proxy", "no answer", "an answer", "the model does not answer"));
        return response.end();
      }
      if (said.length > 40 && query.includes("cut")) return response.destroy();
      while (said.length > 40 && query.includes("hold") && state.held && !stopped) await pause(20);
      if (stopped) break;
      await pause(word);
      said += piece;
      event("token", { text: piece });
    }
    const message = { id: randomUUID(), role: "assistant", content: said, sources, created_at: now() };
    conversation.messages.push({ id: randomUUID(), role: "user", content: query, sources: [], created_at: now() }, message);
    state.running.delete(request_id);
    event("done", { request_id, conversation_id: conversation.id, message_id: message.id, finish_reason: stopped ? "cancelled" : "stop", usage: { prompt_tokens: 90, completion_tokens: 40 } });
    response.end();
  }

  function upload(raw, request, entry, send) {
    const filename = /filename="([^"]*)"/.exec(raw.subarray(0, 4000).toString())?.[1] ?? "";
    if (filename.endsWith(".exe")) return send(415, fault("file", "the suffix '.exe'", "a text in UTF-8, Markdown, HTML, PDF, or a zip of these", "not a kind of document that is read"));
    if (filename.includes("huge")) return send(413, fault("file", "61 MB", "at most 50 MB", "too large"));
    const document = {
      id: randomUUID(), title: filename.replace(/\.\w+$/, ""), filename, content_type: "text/plain", size: entry.bytes, chunks: 0, status: "queued", created_at: now(),
    };
    const job = { id: randomUUID(), document_id: document.id, status: "queued", error: null, created_at: now(), updated_at: now() };
    state.documents.unshift(document);
    state.jobs.unshift(job);
    const bad = filename.includes("broken");
    setTimeout(() => Object.assign(document, { status: "running" }) && Object.assign(job, { status: "running" }), 400);
    const finish = () => {
      if (filename.includes("held") && state.held) return setTimeout(finish, 50);
      Object.assign(document, bad ? { status: "failed" } : { status: "ready", chunks: 12 });
      Object.assign(job, bad ? { status: "failed", error: "found a PDF with a password, wanted one without" } : { status: "done" }, { updated_at: now() });
    };
    setTimeout(finish, 1200);
    return send(202, { document_id: document.id, job_id: job.id, status: "queued" });
  }

  // Signalling is handed to the page at /answerer, which holds the other end of the call in the same browser.
  const ws = new WebSocketServer({ noServer: true, handleProtocols: (offered) => (offered.has("voicehelper.v1") ? "voicehelper.v1" : false) });
  server.on("upgrade", (request, socket, head) => {
    const offered = (request.headers["sec-websocket-protocol"] ?? "").split(/,\s*/);
    const token = offered.find((one) => one.startsWith("bearer."))?.slice(7);
    seen.push({ method: "WS", path: request.url, headers: request.headers, bytes: 0 });
    if (request.url !== "/answerer" && !state.tokens.has(token)) return socket.end("HTTP/1.1 401 Unauthorized\r\n\r\n");
    ws.handleUpgrade(request, socket, head, (peer) => {
      const answerer = request.url === "/answerer";
      if (answerer) sockets.answerer = peer;
      else sockets.callers.push(peer);
      peer.on("message", (data) => (answerer ? sockets.callers.at(-1) : sockets.answerer)?.send(data.toString()));
    });
  });

  await new Promise((resolve) => server.listen(port, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    seen,
    state,
    async close() {
      for (const one of ws.clients) one.terminate();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

const shown = ({ password, ...user }) => user;

function health({ down }) {
  const names = ["algo-service", "bge-service", "faiss-client", "llm-proxy", "speech-service", "tts-service", "voice-service"];
  const services = Object.fromEntries(
    names.map((name, place) => [
      name,
      down.includes(name) ? { status: "unreachable", seconds: 2 } : { status: "ok", http_status: 200, seconds: 0.003 + place * 0.002 },
    ]),
  );
  return { status: down.length ? "degraded" : "ok", services };
}

function stats({ documents, conversations, users, jobs }) {
  const count = (status) => jobs.filter((job) => job.status === status).length;
  return {
    documents: documents.length, chunks: documents.reduce((sum, one) => sum + one.chunks, 0), conversations: conversations.length, users: users.length,
    jobs: { queued: count("queued"), running: count("running"), done: count("done"), failed: count("failed") },
    index: { total_vectors: documents.reduce((sum, one) => sum + one.chunks, 0), dimension: 1024, index_type: "IVF", is_trained: true, memory_usage_mb: 128.4 },
  };
}

const ANSWERER = `<!doctype html><title>answerer</title><script>
const socket = new WebSocket("ws://" + location.host + "/answerer", ["voicehelper.v1"]);
const say = (what) => socket.send(JSON.stringify(what));
socket.onmessage = async ({ data }) => {
  const signal = JSON.parse(data);
  if (signal.type !== "offer") { document.title = signal.type; return; }
  const peer = new RTCPeerConnection();
  const audio = new AudioContext();
  const tone = audio.createOscillator();
  const out = audio.createMediaStreamDestination();
  tone.connect(out); tone.start();
  peer.ontrack = ({ track }) => { window.heard = track; };
  peer.onconnectionstatechange = () => {
    window.state = peer.connectionState;
    if (peer.connectionState !== "connected") return;
    say({ type: "transcript", role: "user", text: "How long do I", final: false });
    say({ type: "transcript", role: "user", text: "How long do I have to send goods back?", final: true });
    say({ type: "state", state: "speaking" });
    say({ type: "transcript", role: "assistant", text: "Seven days from delivery.", final: true });
  };
  peer.addTrack(out.stream.getTracks()[0], out.stream);
  await peer.setRemoteDescription(signal);
  await peer.setLocalDescription();
  if (peer.iceGatheringState !== "complete") await new Promise((resolve) => { peer.onicegatheringstatechange = () => peer.iceGatheringState === "complete" && resolve(); });
  say({ type: "answer", sdp: peer.localDescription.sdp });
};
</script>`;

if (process.argv[1] === import.meta.filename) {
  const { url } = await startGateway({ port: Number(process.env.PORT || 21808) });
  console.log(`gateway for tests at ${url}; sign in as ${USERS.map((user) => `${user.username} / ${user.password}`).join(", ")}`);
}
