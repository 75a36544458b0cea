import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, afterEach, before, test } from "node:test";
import { answering, axe, DESKTOP, freePort, launch, openPage, PHONE } from "../../frontend/tests/browser.mjs";
import { startGateway, USERS } from "../../frontend/tests/gateway.mjs";

const HERE = path.resolve(import.meta.dirname, "..");
const SHOTS = process.env.SHOTS; // a folder for pictures of every view
const [LIN, OPERATOR] = USERS;
let binary, browser, gateway, page, portal;

before(async () => {
  const folder = mkdtempSync(path.join(tmpdir(), "portal-"));
  binary = path.join(folder, "portal");
  execFileSync("go", ["build", "-o", binary, "."], { cwd: path.join(HERE, "server"), stdio: "inherit" });
  gateway = await startGateway();
  const [port, metricsPort] = [await freePort(), await freePort()];
  const env = { PORT: String(port), METRICS_PORT: String(metricsPort), GATEWAY_URL: gateway.url, SITE_DIR: path.join(HERE, "dist") };
  const child = spawn(binary, { env, stdio: ["ignore", "ignore", "inherit"] });
  portal = { child, folder, url: `http://127.0.0.1:${port}`, metrics: `http://127.0.0.1:${metricsPort}/metrics` };
  await answering(`${portal.url}/ready`);
  browser = await launch();
});
after(async () => {
  await browser?.close();
  if (portal) {
    portal.child.kill("SIGTERM");
    const [status] = await once(portal.child, "exit");
    rmSync(portal.folder, { recursive: true });
    assert.equal(status, 0);
  }
  await gateway?.close();
});
afterEach(async () => {
  if (!page) return;
  assert.deepEqual(page.faults, [], "the console stays silent; a broken Content-Security-Policy would be said there");
  await page.context().close();
  page = undefined;
});

async function signIn(user, options) {
  page = await openPage(browser, portal.url, options);
  await page.locator("#username").fill(user.username);
  await page.locator("#password").fill(user.password);
  await page.keyboard.press("Enter");
}
const view = (name) => page.getByRole("link", { name, exact: true }).click();
const row = (text) => page.getByRole("row").filter({ hasText: text });
const account = (name) => page.getByRole("row").filter({ has: page.getByRole("rowheader", { name, exact: true }) });

test("is for operators only", async () => {
  await signIn({ ...LIN, password: "wrong" });
  await page.getByRole("alert").filter({ hasText: "User name or password is not right." }).waitFor();
  await page.locator("#password").fill(LIN.password);
  await page.keyboard.press("Enter");
  await page.getByText("lin is not an operator, and only operators may use this portal.").waitFor();
  assert.equal(await page.getByRole("navigation").count(), 0);
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.getByRole("heading", { name: "Administration" }).waitFor();
});

test("shows every service, and which one does not answer", async () => {
  await signIn(OPERATOR);
  await page.getByRole("status").filter({ hasText: "Every service answers." }).waitFor();
  assert.equal(await page.locator(".cards li").count(), 7);
  gateway.state.down.push("tts-service");
  await page.getByRole("button", { name: "Refresh" }).click();
  await page.getByRole("status").filter({ hasText: "One service does not answer as it should." }).waitFor();
  assert.match(await page.locator(".cards li").filter({ hasText: "tts-service" }).innerText(), /Unreachable\s+no answer/);
  gateway.state.down.length = 0;
});

test("shows the size of the index", async () => {
  gateway.state.documents.push({ id: "d", title: "t", chunks: 1234, status: "ready" });
  await signIn(OPERATOR);
  await view("Index");
  const figure = (name) => page.locator("dl > div").filter({ has: page.locator("dt").getByText(name, { exact: true }) }).locator("dd").innerText();
  await page.getByText("Vector index").waitFor();
  assert.equal(await figure("Vectors"), "1,234");
  assert.equal(await figure("Dimensions"), "1,024");
  assert.equal(await figure("Memory of the index"), "128.4 MB");
  assert.equal(await figure("Passages without a vector"), "0");
  gateway.state.documents.length = 0;
});

test("lists ingest jobs by status, page after page, and says why one failed", async () => {
  const at = "2026-11-20T09:00:00Z";
  for (let number = 0; number < 30; number++) {
    gateway.state.jobs.push({ id: `job-${number}`, document_id: `${String(number).padStart(8, "0")}-aaaa`, status: "done", error: null, created_at: at, updated_at: at });
  }
  Object.assign(gateway.state.jobs[3], { status: "failed", error: "found a PDF without text, wanted one with text" });
  await signIn(OPERATOR);
  await view("Ingest jobs");
  await row("00000000").waitFor();
  assert.equal(await page.locator("tbody tr").count(), 25);
  await page.getByRole("button", { name: "Show more" }).click();
  await row("00000029").waitFor();
  await page.getByText("Failed", { exact: true }).first().click();
  await page.waitForFunction(() => document.querySelectorAll("tbody tr").length === 1);
  assert.match(await row("00000003").innerText(), /found a PDF without text/);
  await page.getByText("Waiting", { exact: true }).click();
  await page.getByText("No jobs of this kind.").waitFor();
  gateway.state.jobs.length = 0;
});

test("creates users, changes roles, disables; refuses in words", async () => {
  await signIn(OPERATOR);
  await view("Users");
  assert.equal(await account("operator (you)").getByRole("combobox").isDisabled(), true, "nobody takes the role from themselves");
  await page.getByRole("button", { name: "New user" }).click();
  const dialog = page.getByRole("dialog", { name: "New user" });
  await dialog.getByLabel("Name").fill("mei");
  await dialog.getByLabel("Password").fill("short");
  await dialog.getByRole("button", { name: "Create" }).click();
  await dialog.getByRole("alert").filter({ hasText: "This was not accepted. Found 5 characters; wanted at least 10." }).waitFor();
  await dialog.getByLabel("Password").fill("long enough, surely");
  await dialog.getByRole("button", { name: "Create" }).click();
  await account("mei").waitFor();
  await account("mei").getByRole("combobox").selectOption("operator");
  await page.getByRole("status").filter({ hasText: "mei was changed." }).waitFor({ state: "attached" });
  await account("mei").getByRole("button", { name: "Disable mei" }).click();
  await account("mei").getByText("Disabled").waitFor();
  const made = gateway.state.users.find(({ username }) => username === "mei");
  assert.deepEqual([made.role, made.disabled], ["operator", true]);
  await account("mei").getByRole("button", { name: "Enable mei" }).click();
  await account("mei").getByText("Active").waitFor();
  gateway.state.users.splice(gateway.state.users.indexOf(made), 1);
});

test("a session that the gateway no longer takes leads to the sign-in form", async () => {
  await signIn(OPERATOR);
  await page.getByRole("status").waitFor();
  gateway.state.tokens.clear();
  await view("Users");
  await page.getByText("Your session has ended. Please sign in again.").waitFor();
});

test("two languages, two appearances, no broken rule of accessibility, on a desktop and on a phone", async () => {
  const at = "2026-11-20T09:00:00Z";
  const job = (id, status, error = null) => ({ id, document_id: `${id}-77aa`, status, error, created_at: at, updated_at: at });
  gateway.state.jobs.push(job("b81c02de", "running"), job("19ad4a7c", "failed", "found a PDF without text, wanted one with text"), job("f2a0631b", "done"), job("6606a2b1", "queued"));
  gateway.state.documents.push({ id: "d", title: "t", chunks: 5210, status: "ready" });
  gateway.state.down.push("tts-service");
  if (SHOTS) mkdirSync(SHOTS, { recursive: true });
  for (const [locale, headings] of [["en-GB", ["Services", "Index", "Ingest jobs", "Users"]], ["zh-CN", ["服务", "索引", "入库任务", "用户"]]]) {
    for (const colorScheme of ["light", "dark"]) {
      for (const viewport of [DESKTOP, PHONE]) {
        await signIn(OPERATOR, { locale, colorScheme, viewport, bypassCSP: true, reducedMotion: "reduce", deviceScaleFactor: viewport === PHONE ? 2 : 1 });
        for (const heading of headings) {
          await view(heading);
          await page.getByRole("heading", { name: heading, exact: true, level: 1 }).waitFor();
          await page.locator(".cards li, .figures, tbody tr").first().waitFor();
          const name = `${viewport === PHONE ? "phone" : "desktop"}-${colorScheme}-${locale.slice(0, 2)}-${headings.indexOf(heading) + 1}`;
          if (SHOTS) await page.screenshot({ path: `${SHOTS}/admin-${name}.png` });
          await page.evaluate(axe.source);
          const { violations } = await page.evaluate(() => window.axe.run());
          assert.deepEqual(violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html.slice(0, 120)).join(" | ")}`), [], name);
          assert.equal(await page.evaluate(() => document.documentElement.scrollWidth - innerWidth), 0, `${name} fits`);
        }
        await page.context().close();
      }
    }
  }
  page = undefined;
  for (const list of ["jobs", "documents", "down"]) gateway.state[list].length = 0;
});

test("the language switch is remembered", async () => {
  await signIn(OPERATOR, { locale: "zh-CN" });
  await page.getByRole("heading", { name: "服务", level: 1 }).waitFor();
  await page.getByRole("button", { name: "English" }).click();
  await page.getByRole("heading", { name: "Services" }).waitFor();
  await page.reload();
  await page.getByRole("heading", { name: "Services" }).waitFor();
  assert.equal(await page.locator("html").getAttribute("lang"), "en");
});

test("metrics are on a port of their own", async () => {
  assert.match(await (await fetch(portal.metrics)).text(), /http_requests_total\{method="GET",route="\/api\/v1\/health",status="200"\} \d/);
  assert.equal((await fetch(`${portal.url}/metrics`)).status, 404);
});
