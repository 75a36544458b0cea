// Pictures of every view, to look at: node tests/screenshots.mjs FOLDER [part of a name]
import { mkdirSync } from "node:fs";
import { DESKTOP, launch, openPage, PHONE, startFrontend } from "./browser.mjs";
import { startGateway, USERS } from "./gateway.mjs";

const [folder = "tests/.shots", only = ""] = process.argv.slice(2);
const QUESTIONS = {
  en: ["How do I send goods back?", "Ask a question", "Send", "Answer complete", "Call the assistant"],
  zh: ["怎么退货？钱退到哪里？", "请输入问题", "发送", "回答完毕", "呼叫助手"],
};
mkdirSync(folder, { recursive: true });
const gateway = await startGateway({ word: 5 });
const frontend = await startFrontend(gateway.url);
const browser = await launch();
const [{ username, password, id }] = USERS;
const created_at = "2026-11-20T09:00:00Z";
const document = (title, filename, size, chunks, status) => ({ id: crypto.randomUUID(), title, filename, content_type: "", size, chunks, status, created_at });
gateway.state.documents.push(
  document("Returns policy", "returns.pdf", 284_113, 42, "ready"),
  document("配送说明", "配送说明.md", 18_400, 9, "ready"),
  document("Delivery times and remote regions, edition of November", "delivery-times-2026-11.html", 1_904_113, 0, "running"),
  document("Scanned contract", "contract.pdf", 5_204_113, 0, "failed"),
);
gateway.state.jobs.push({ id: crypto.randomUUID(), document_id: gateway.state.documents[3].id, status: "failed", error: "found a PDF without text, wanted one with text" });
for (const title of ["Which regions are remote?", "保修期有多长？", "Invoice for a company"]) {
  gateway.state.conversations.push({ id: crypto.randomUUID(), title, created_at, updated_at: created_at, messages: [], owner: id });
}

for (const [size, viewport] of [["desktop", DESKTOP], ["phone", PHONE]]) {
  for (const colorScheme of ["light", "dark"]) {
    for (const language of ["en", "zh"]) {
      const name = `${size}-${colorScheme}-${language}`;
      if (!name.includes(only)) continue;
      const touch = size === "phone" ? { hasTouch: true, isMobile: true, deviceScaleFactor: 2 } : {};
      const page = await openPage(browser, frontend.url, { viewport, colorScheme, locale: language === "zh" ? "zh-CN" : "en-GB", reducedMotion: "reduce", ...touch });
      const shoot = (view) => page.screenshot({ path: `${folder}/${name}-${view}.png` });
      const [question, label, send, answered, call] = QUESTIONS[language];
      await page.locator("#username").waitFor();
      await shoot("1-sign-in");
      await page.locator("#username").fill(username);
      await page.locator("#password").fill(password);
      await page.keyboard.press("Enter");
      await page.getByRole("textbox", { name: label }).waitFor();
      await page.waitForTimeout(400);
      await shoot("2-start");
      if (size === "phone") {
        await page.locator("header.bar button").click();
        await page.waitForTimeout(300);
        await shoot("3-menu");
        await page.keyboard.press("Escape");
      }
      await page.getByRole("textbox", { name: label }).fill(question);
      await page.getByRole("button", { name: send, exact: true }).click();
      await page.getByRole("status").filter({ hasText: answered }).waitFor({ state: "attached" });
      await page.waitForTimeout(200);
      await shoot("4-answer");
      await page.locator(".source").first().click();
      await page.waitForTimeout(300);
      await shoot("5-source");
      await page.keyboard.press("Escape");
      await page.getByRole("textbox", { name: label }).fill("busy");
      await page.keyboard.press("Enter");
      await page.getByRole("alert").waitFor();
      await shoot("6-error");
      await page.getByRole("button", { name: call }).click();
      await page.waitForTimeout(600);
      await shoot("7-call");
      await page.goto(`${frontend.url}/documents`);
      await page.locator(".list").waitFor();
      await page.waitForTimeout(300);
      await shoot("8-documents");
      await page.locator(".list li button").nth(1).click();
      await page.waitForTimeout(200);
      await shoot("9-confirm");
      if (page.faults.length) console.log(name, page.faults);
      await page.context().close();
    }
  }
}
await browser.close();
await frontend.close();
await gateway.close();
