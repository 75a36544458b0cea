// What the browser tests share: the built application as a process of its own, and a headless Chromium.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { createServer } from "node:net";
import path from "node:path";
import axe from "axe-core";
import { chromium } from "playwright-core";

export { axe };

const BROWSERS = [process.env.CHROMIUM, "/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];
export const DESKTOP = { width: 1280, height: 800 };
export const PHONE = { width: 360, height: 740 };

/** Run the build of this folder (`npm run build` first). Gives `url`, `metrics`, `log` and `close`. */
export async function startFrontend(gateway) {
  const server = path.resolve(import.meta.dirname, "../dist/frontend/server.js");
  if (!existsSync(server)) throw new Error("there is no build: npm run build");
  const [port, metricsPort] = [await freePort(), await freePort()];
  const env = { ...process.env, PORT: String(port), HOSTNAME: "127.0.0.1", METRICS_PORT: String(metricsPort), GATEWAY_URL: gateway, NODE_ENV: "production" };
  const child = spawn(process.execPath, [server], { env, stdio: ["ignore", "pipe", "inherit"] });
  const started = { url: `http://127.0.0.1:${port}`, metrics: `http://127.0.0.1:${metricsPort}/metrics`, log: "", close };
  child.stdout.on("data", (data) => (started.log += data));
  async function close() {
    if (child.exitCode === null) {
      child.kill("SIGTERM");
      await once(child, "exit");
    }
    return child.exitCode;
  }
  try {
    await answering(`${started.url}/api/health`);
  } catch (error) {
    await close();
    throw error;
  }
  return started;
}

export async function launch() {
  const executablePath = BROWSERS.find((one) => one && existsSync(one));
  if (!executablePath) throw new Error("no Chromium: apt-get install chromium, or name one in CHROMIUM");
  return chromium.launch({
    executablePath,
    args: [
      "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--autoplay-policy=no-user-gesture-required", "--use-fake-device-for-media-stream",
      "--use-fake-ui-for-media-stream", "--disable-features=WebRtcHideLocalIpsWithMdns",
      "--host-resolver-rules=MAP voicehelper.test 127.0.0.1",
    ],
  });
}

/** A page of a fresh browser profile. What its console says is wrong (a policy that is broken, too) is in `page.faults`. */
export async function openPage(browser, url, options = {}) {
  const context = await browser.newContext({ viewport: DESKTOP, locale: "en-GB", ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(60_000); // a crowded machine is slow, and nothing here waits for what does not come
  page.faults = [];
  page.on("pageerror", (error) => page.faults.push(String(error)));
  page.on("console", (message) => {
    // Chromium writes every status from 400 on there: those are answers, which the tests look at where they are shown
    if (message.type() === "error" && !message.text().startsWith("Failed to load resource")) page.faults.push(message.text());
  });
  await page.goto(url);
  return page;
}

export async function answering(url, seconds = 60) {
  for (const end = Date.now() + seconds * 1000; ; await new Promise((resolve) => setTimeout(resolve, 100))) {
    const found = await fetch(url).catch(() => null);
    if (found?.ok) return;
    if (Date.now() > end) throw new Error(`${url} does not answer`);
  }
}

export function freePort() {
  return new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}
