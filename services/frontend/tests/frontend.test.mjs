import assert from "node:assert/strict";
import { request } from "node:http";
import { after, afterEach, before, test } from "node:test";
import { axe, launch, openPage, PHONE, startFrontend } from "./browser.mjs";
import { startGateway, USERS } from "./gateway.mjs";

const QUESTION = "How do I send goods back?";
const TITLE = `${QUESTION} (hold)`;
let browser, frontend, gateway, page;

before(async () => {
  gateway = await startGateway();
  frontend = await startFrontend(gateway.url);
  browser = await launch();
});
after(async () => {
  await browser?.close();
  await frontend?.close();
  await gateway?.close();
});
afterEach(async () => {
  if (!page) return;
  assert.deepEqual(page.faults, [], "the console stays silent; a broken Content-Security-Policy would be said there");
  await page.context().close();
  page = undefined;
});

const open = async (options) => (page = await openPage(browser, frontend.url, options));
async function signedIn(options) {
  await open(options);
  await page.locator("#username").fill(USERS[0].username);
  await page.locator("#password").fill(USERS[0].password);
  await page.keyboard.press("Enter");
  await page.locator(".composer textarea").waitFor();
}
async function ask(question) {
  await page.locator(".composer textarea").fill(question);
  await page.getByRole("button", { name: "Send", exact: true }).click();
}
const answered = () => page.getByRole("status").filter({ hasText: "Answer complete" }).waitFor({ state: "attached" });
const bearer = () => page.evaluate(() => JSON.parse(sessionStorage.getItem("voicehelper.session")).token);
const overflow = () => page.evaluate(() => document.documentElement.scrollWidth - innerWidth);

test("signs in and out; a wrong password is said in words", async () => {
  await open();
  await page.getByLabel("User name").fill("lin");
  await page.getByLabel("Password").fill("wrong");
  await page.getByRole("button", { name: "Sign in" }).click();
  assert.equal(await page.getByRole("alert").filter({ hasText: /./ }).first().innerText(), "User name or password is not right.");
  await page.getByLabel("Password").fill("correct horse");
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("heading", { name: "What would you like to know?" }).waitFor();
  await page.reload();
  await page.getByRole("heading", { name: "What would you like to know?" }).waitFor();
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.getByRole("heading", { name: "Sign in" }).waitFor();
});

test("an answer streams, cites sources that open, and stays in its conversation", async () => {
  await signedIn();
  gateway.state.held = true;
  await ask(TITLE);
  await page.locator(".prose").filter({ hasText: "seven days" }).waitFor(); // the beginning is read while the rest is on its way
  assert.ok(await page.getByRole("button", { name: "Stop answering" }).isVisible());
  gateway.state.held = false;
  await answered();
  assert.match(await page.locator(".prose").innerText(), /within three days/);
  assert.equal(await page.locator(".prose li").count(), 2, "lists are lists");

  await page.locator(".prose").getByRole("button", { name: "Source 2: Delivery times" }).click();
  const drawer = page.getByRole("dialog", { name: "Source 2: Delivery times" });
  assert.match(await drawer.locator("blockquote").innerText(), /leave the warehouse the same day/);
  const download = page.waitForEvent("download");
  await drawer.getByRole("button", { name: "Download the document" }).click().catch(() => undefined);
  await Promise.race([download, drawer.getByRole("alert").waitFor()]); // the passage's document may be gone: that is said, too
  await page.keyboard.press("Escape");
  await drawer.waitFor({ state: "detached" });

  const { id } = gateway.state.conversations[0];
  assert.equal(new URL(page.url()).search, `?c=${id}`);
  await page.getByRole("link", { name: TITLE }).waitFor();
  await page.reload();
  await page.locator(".question").filter({ hasText: TITLE }).waitFor();
  await page.locator(".sources").getByRole("button", { name: "Source 1 Returns policy" }).waitFor();
  await ask("And in which time?");
  await answered();
  assert.equal(gateway.state.conversations[0].messages.length, 4, "the second question goes on with the first one's conversation");

  await page.getByRole("link", { name: "New conversation" }).click();
  await page.getByRole("heading", { name: "What would you like to know?" }).waitFor();
  await page.getByRole("link", { name: TITLE }).click();
  await page.locator(".question").first().waitFor();
  await page.getByRole("button", { name: `Delete conversation “${TITLE}”` }).click();
  await page.getByRole("button", { name: "Delete", exact: true }).click();
  await page.getByRole("link", { name: TITLE }).waitFor({ state: "detached" });
  assert.equal(gateway.state.conversations.length, 0);
});

test("stop cancels the answer at the gateway and keeps what was said", async () => {
  await signedIn();
  gateway.state.held = true;
  await ask("hold, please");
  await page.locator(".prose").filter({ hasText: "You can" }).waitFor();
  const sent = gateway.seen.findLast(({ path }) => path.endsWith("/chat/stream"));
  await page.getByRole("button", { name: "Stop answering" }).click();
  await page.getByText("Stopped", { exact: true }).waitFor();
  assert.deepEqual(gateway.state.cancelled, [sent.headers["x-request-id"]]);
  assert.match(await page.locator(".prose").innerText(), /^You can/);
  await page.getByRole("button", { name: "Send", exact: true }).waitFor();
});

test("uploads with progress, follows the ingest, lists, downloads and deletes", async () => {
  await signedIn();
  await page.getByRole("link", { name: "Documents", exact: true }).click();
  await page.getByText("No documents yet").waitFor();
  gateway.state.held = true;
  const progress = page.getByRole("progressbar", { name: "held-notes.txt" });
  const seen = progress.waitFor({ state: "attached" });
  await page.locator("input[type=file]").setInputFiles({ name: "held-notes.txt", mimeType: "text/plain", buffer: Buffer.alloc(8_000_000, "a line of text\n") });
  await seen;
  const row = page.getByRole("listitem").filter({ hasText: "held-notes" });
  await row.getByText("Being read").waitFor();
  gateway.state.held = false;
  await row.getByText("Ready").waitFor();
  assert.match(await row.innerText(), /8 MB.*12 passages/s);
  const download = page.waitForEvent("download");
  await row.getByRole("button", { name: "Download held-notes" }).click();
  assert.equal((await download).suggestedFilename(), "held-notes.txt");
  await row.getByRole("button", { name: "Delete held-notes" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
  await row.waitFor({ state: "detached" });
  assert.equal(gateway.state.documents.length, 0);
});

test("says why a document is not taken", async () => {
  await signedIn();
  await page.getByRole("link", { name: "Documents", exact: true }).click();
  const file = (name) => ({ name, mimeType: "application/octet-stream", buffer: Buffer.from("x") });
  await page.locator("input[type=file]").setInputFiles([file("setup.exe"), file("huge.txt"), file("broken.pdf")]);
  await page.getByRole("alert").filter({ hasText: "This kind of file cannot be read. Found the suffix '.exe'; wanted a text in UTF-8" }).waitFor();
  await page.getByRole("alert").filter({ hasText: "This is too large. Found 61 MB; wanted at most 50 MB." }).waitFor();
  await page.getByText("found a PDF with a password, wanted one without").waitFor();
  await page.getByRole("button", { name: "Dismiss setup.exe" }).click();
  await page.getByText("setup.exe").waitFor({ state: "detached" });
  gateway.state.documents.length = 0;
});

test("says errors of the API in words, and asks again when told to", async () => {
  await signedIn();
  for (const [question, words] of [
    ["busy", "Too many requests at once. Please try again in 7 s."],
    ["down", "The service is busy or being restarted. Please try again in a moment."],
    ["<long>", "This was not accepted. Found 4001 characters; wanted 1 to 4000."],
    ["break", "The service is busy or being restarted. Please try again in a moment."],
    ["cut", "The answer was cut off. Please try again."],
  ]) {
    await ask(question);
    const notice = page.locator(".turns > li").last().getByRole("alert");
    await notice.waitFor();
    assert.equal((await notice.locator("div").innerText()).trim(), words, question);
  }
  const before = gateway.seen.length;
  await page.getByRole("button", { name: "Try again" }).last().click();
  await page.getByRole("button", { name: "Send", exact: true }).waitFor();
  assert.ok(gateway.seen.slice(before).some(({ path }) => path.endsWith("/chat/stream")));
  await ask("expired");
  await page.getByText("Your session has ended. Please sign in again.").waitFor();
});

test("the browser's language is taken, the switch changes it and is remembered", async () => {
  await signedIn({ locale: "zh-CN" });
  await page.getByRole("heading", { name: "您想了解什么？" }).waitFor();
  assert.equal(await page.locator("html").getAttribute("lang"), "zh-CN");
  await page.getByRole("button", { name: "English" }).click();
  await page.getByRole("heading", { name: "What would you like to know?" }).waitFor();
  assert.equal(await page.locator("html").getAttribute("lang"), "en");
  await page.reload();
  await page.getByRole("heading", { name: "What would you like to know?" }).waitFor();
  await page.getByRole("button", { name: "中文" }).click();
  await page.getByRole("textbox", { name: "请输入问题" }).fill("怎么退货？");
  await page.getByRole("button", { name: "发送" }).click();
  await page.getByRole("status").filter({ hasText: "回答完毕" }).waitFor({ state: "attached" });
  assert.match(await page.locator(".prose").innerText(), /七天内/);
});

test("light or dark as the device says, or as chosen", async () => {
  const background = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  await open({ colorScheme: "dark" });
  assert.equal(await background(), "rgb(21, 24, 26)");
  await page.getByRole("button", { name: "Appearance: As the device" }).click();
  await page.getByRole("button", { name: "Appearance: Light" }).waitFor();
  assert.equal(await background(), "rgb(250, 249, 247)");
});

test("fits a phone of 360 pixels, with a menu", async () => {
  await signedIn({ viewport: PHONE, hasTouch: true, isMobile: true });
  assert.equal(await overflow(), 0);
  await ask(`${QUESTION} ${"long".repeat(60)}`);
  await answered();
  assert.equal(await overflow(), 0);
  const box = await page.locator(".composer").boundingBox();
  assert.ok(box.y + box.height <= PHONE.height, "the composer stays in sight");
  await page.locator(".sources").getByRole("button", { name: "Source 1 Returns policy" }).click();
  assert.equal(await overflow(), 0);
  await page.getByRole("button", { name: "Close" }).click();
  await page.getByRole("button", { name: "Menu" }).click();
  await page.getByRole("link", { name: "Documents", exact: true }).click();
  await page.getByRole("heading", { name: "Documents" }).waitFor();
  assert.equal(await page.locator("#sidebar").isVisible(), false, "a choice closes the menu");
  assert.equal(await overflow(), 0);
  gateway.state.conversations.length = 0;
});

test("the keyboard alone suffices", async () => {
  await open();
  await page.keyboard.type("lin"); // the first field has the focus
  await page.keyboard.press("Tab");
  await page.keyboard.type("correct horse");
  await page.keyboard.press("Enter");
  await page.locator(".composer textarea").waitFor();
  await page.keyboard.press("Tab");
  assert.equal(await page.evaluate(() => document.activeElement.textContent), "Skip to content");
  await page.keyboard.press("Enter");
  for (let presses = 0; presses < 5; presses++) {
    await page.keyboard.press("Tab");
    if (await page.evaluate(() => document.activeElement.tagName === "TEXTAREA")) break;
  }
  await page.keyboard.type(QUESTION);
  await page.keyboard.press("Enter");
  await answered();
  const mark = page.locator(".prose .mark").first();
  await mark.focus();
  await page.keyboard.press("Enter");
  await page.getByRole("dialog").waitFor();
  await page.keyboard.press("Escape");
  await page.getByRole("dialog").waitFor({ state: "detached" });
  assert.ok(await mark.evaluate((element) => element === document.activeElement), "focus returns to where it was");
  gateway.state.conversations.length = 0;
});

test("no view breaks an accessibility rule that a program can check", async () => {
  for (const colorScheme of ["light", "dark"]) {
    await open({ colorScheme, bypassCSP: true, reducedMotion: "reduce" });
    const check = async (view) => {
      await page.evaluate(axe.source);
      const { violations } = await page.evaluate(() => window.axe.run());
      assert.deepEqual(violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html.slice(0, 120)).join(" | ")}`), [], `${view}, ${colorScheme}`);
    };
    await check("sign in");
    await page.locator("#username").fill("lin");
    await page.locator("#password").fill("correct horse");
    await page.keyboard.press("Enter");
    await page.locator(".composer textarea").waitFor();
    await check("start");
    await ask(QUESTION);
    await answered();
    await check("answer");
    await page.locator(".source").first().click();
    await check("source");
    await page.keyboard.press("Escape");
    await ask("down");
    await page.locator(".turns").getByRole("alert").waitFor();
    await check("error");
    await page.getByRole("link", { name: "Documents", exact: true }).click();
    await page.locator("input[type=file]").setInputFiles({ name: "notes.txt", mimeType: "text/plain", buffer: Buffer.from("text") });
    await page.getByText("Ready").first().waitFor();
    await check("documents");
    if (colorScheme === "light") await page.context().close();
  }
  gateway.state.documents.length = gateway.state.conversations.length = 0;
});

test("dictates: 16 kHz mono goes to the gateway, its text into the composer", async () => {
  await signedIn();
  await page.getByRole("button", { name: "Dictate" }).click();
  await page.waitForTimeout(1500);
  await page.getByRole("button", { name: "Stop and write it down" }).click();
  await page.waitForFunction(() => document.querySelector(".composer textarea").value === "How long do I have to send goods back?");
  const { audio } = gateway.state;
  assert.equal(audio.subarray(0, 4).toString() + audio.subarray(8, 16).toString(), "RIFFWAVEfmt ");
  assert.deepEqual([audio.readUInt16LE(22), audio.readUInt32LE(24), audio.readUInt16LE(34)], [1, 16_000, 16]);
  const seconds = (audio.length - 44) / 32_000;
  assert.ok(seconds > 0.8 && seconds < 8, `${seconds} s`);
  assert.ok(audio.subarray(44).some((byte) => byte !== 0), "the microphone's sound is in it");
  assert.equal(gateway.seen.findLast(({ path }) => path.endsWith("/transcribe")).headers["content-type"], "audio/wav");
});

test("without a microphone that is said", async () => {
  await signedIn();
  await page.evaluate(() => {
    navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException("no", "NotAllowedError"));
  });
  await page.getByRole("button", { name: "Dictate" }).click();
  await page.getByRole("alert").filter({ hasText: "The microphone is not allowed." }).waitFor();
});

test("works without HTTPS, and says what does not", async () => {
  page = await openPage(browser, frontend.url.replace("127.0.0.1", "voicehelper.test"));
  assert.equal(await page.evaluate(() => isSecureContext), false);
  await page.locator("#username").fill("lin");
  await page.locator("#password").fill("correct horse");
  await page.keyboard.press("Enter");
  await page.locator(".composer textarea").waitFor();
  await ask(QUESTION);
  await answered();
  await page.getByRole("button", { name: "Dictate" }).click();
  await page.getByRole("alert").filter({ hasText: "The browser allows the microphone only over HTTPS." }).waitFor();
  await page.getByRole("link", { name: "Documents", exact: true }).click();
  await page.locator("input[type=file]").setInputFiles({ name: "plain.txt", mimeType: "text/plain", buffer: Buffer.from("text") });
  await page.getByRole("listitem").filter({ hasText: "plain" }).getByText("Ready").waitFor();
  gateway.state.documents.length = gateway.state.conversations.length = 0;
});

test("holds a call: signalling through the WebSocket of the same origin, sound both ways, what was said as text", async () => {
  await signedIn();
  const answerer = await page.context().newPage();
  await answerer.goto(`${gateway.url}/answerer`);
  await page.bringToFront();
  await page.getByRole("button", { name: "Call the assistant" }).click();
  const dialog = page.getByRole("dialog", { name: "Call" });
  await dialog.getByText("Seven days from delivery.").waitFor();
  assert.equal(await dialog.locator(".said li").count(), 2, "the final text replaces the partial one");
  assert.equal(await dialog.getByRole("status").innerText(), "Speaking");
  const upgrade = gateway.seen.findLast(({ path }) => path === "/api/v1/voice/call");
  assert.equal(upgrade.headers["sec-websocket-protocol"].replaceAll(" ", ""), `voicehelper.v1,bearer.${await bearer()}`);
  await page.waitForFunction(() => document.querySelector("audio").currentTime > 0.3);
  assert.equal(await answerer.evaluate(() => window.heard.readyState), "live");
  await dialog.getByRole("button", { name: "Mute microphone" }).click();
  assert.equal(await dialog.getByRole("button", { name: "Unmute microphone" }).getAttribute("aria-pressed"), "true");
  await dialog.getByRole("button", { name: "Hang up" }).click();
  await dialog.waitFor({ state: "detached" });
  await answerer.waitForFunction(() => document.title === "bye");
});

test("the server: probes, metrics, policy, a trace for every call, nothing of the browser's own passed on", async () => {
  const page = await fetch(frontend.url);
  const policy = page.headers.get("content-security-policy");
  assert.match(policy, /default-src 'none'.*script-src 'self' 'nonce-[\w+/=]{24}' 'strict-dynamic'/);
  assert.doesNotMatch(policy, /unsafe/);
  assert.equal(page.headers.get("x-content-type-options"), "nosniff");
  assert.equal(page.headers.get("x-powered-by"), null);
  const html = await page.text();
  const external = [...html.matchAll(/(?:src|href)="(https?:)?\/\/[^"]+"/g)].map(([found]) => found);
  assert.deepEqual(external, [], "nothing is fetched from elsewhere");
  assert.deepEqual(await (await fetch(`${frontend.url}/api/health`)).json(), { status: "ok" });

  const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
  const headers = { traceparent, cookie: "language=zh", origin: "http://elsewhere", "x-request-id": "0123456789abcdef" };
  await fetch(`${frontend.url}/api/v1/health?deep=1`, { headers });
  const passed = gateway.seen.at(-1).headers;
  assert.equal(passed.traceparent, traceparent);
  assert.equal(passed["x-request-id"], "0123456789abcdef");
  assert.equal(passed.cookie ?? passed.origin, undefined);
  await fetch(`${frontend.url}/api/v1/health`);
  assert.match(gateway.seen.at(-1).headers.traceparent, /^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/);

  // What has no body must be sent without one, and what has one with its length: a gateway may refuse either otherwise.
  await fetch(`${frontend.url}/api/v1/documents/1`, { method: "DELETE" });
  const { "transfer-encoding": chunked, "content-length": length } = gateway.seen.at(-1).headers;
  assert.equal(chunked ?? length ?? "0", "0");
  await fetch(`${frontend.url}/api/v1/search`, { method: "POST", body: "12345" });
  assert.equal(gateway.seen.at(-1).headers["content-length"], "5");

  const metrics = await (await fetch(frontend.metrics)).text();
  assert.match(metrics, /http_requests_total\{method="GET",route="\/api\/v1\/health",status="200"\} \d/);
  assert.match(frontend.log, /"message":"GET \/api\/v1\/health".*"trace_id":"0af7651916cd43dd8448eb211c80319c"/);
  assert.equal((await fetch(`${frontend.url}/metrics`)).status, 404, "metrics have a port of their own");
});

test("the server: a large upload streams through, in little memory", async () => {
  const resident = async () => Number(/process_resident_memory_bytes (\d+)/.exec(await (await fetch(frontend.metrics)).text())[1]);
  const before = await resident();
  const piece = Buffer.alloc(1 << 20, 1);
  const sent = request(`${frontend.url}/api/v1/documents`, { method: "POST", headers: { "content-type": "application/octet-stream" } });
  const answer = new Promise((resolve, reject) => sent.on("response", (response) => resolve(response.resume().statusCode)).on("error", reject));
  for (let pieces = 0; pieces < 200; pieces++) {
    if (!sent.write(piece)) await new Promise((resolve) => sent.once("drain", resolve));
  }
  sent.end();
  assert.equal(await answer, 401);
  assert.equal(gateway.seen.at(-1).bytes, 200 << 20);
  const grown = (await resident()) - before;
  assert.ok(grown < 100 << 20, `${grown >> 20} MiB more for 200 MiB`);
});

test("the server: a gateway that does not answer is a 503 in the API's shape; an open answer outlives SIGTERM", async () => {
  const alone = await startFrontend("http://127.0.0.1:9");
  const response = await fetch(`${alone.url}/api/v1/documents`);
  assert.equal(response.status, 503);
  assert.equal(response.headers.get("retry-after"), "2");
  assert.equal((await response.json()).error.field, "gateway");
  await alone.close();

  const own = await startFrontend(gateway.url);
  const [token] = [...gateway.state.tokens.keys()];
  const headers = { authorization: `Bearer ${token}`, "content-type": "application/json", "x-request-id": "drain-0123456789" };
  const stream = await fetch(`${own.url}/api/v1/chat/stream`, { method: "POST", headers, body: JSON.stringify({ query: QUESTION }) });
  const ended = own.close();
  assert.match(await stream.text(), /event: done/);
  await ended;
  gateway.state.conversations.length = 0;
});
