"""The pages of frontend and admin-portal in a headless Chromium, used as a person would, with a picture of each view."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

SIZE = {"width": 1280, "height": 800}
PATIENCE = 120_000  # milliseconds, on a crowded machine
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]


class Faulty(Exception):
    """A page said on its console what is wrong, a broken policy among it."""


@contextmanager
def browser() -> Iterator[Browser]:
    """The machine's Chromium. Raises LookupError where it has none."""
    if not (path := shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")):
        raise LookupError("found no Chromium on this machine; wanted one: apt-get install chromium")
    with sync_playwright() as player:
        found = player.chromium.launch(executable_path=path, args=ARGUMENTS)
        try:
            yield found
        finally:
            found.close()


@contextmanager
def signed_in(chromium: Browser, url: str, user: str, password: str) -> Iterator[Page]:
    """A page of a fresh profile on which a user has signed in. Raises Faulty at the end for what its console said."""
    context = chromium.new_context(viewport=SIZE, locale="en-GB", reduced_motion="reduce")
    page, faults = context.new_page(), []
    page.set_default_timeout(PATIENCE)
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda line: faults.append(line.text) if line.type == "error" else None)
    page.goto(url)
    page.locator("#username").fill(user)
    page.locator("#password").fill(password)
    page.keyboard.press("Enter")
    yield page
    context.close()
    if faults:
        raise Faulty(f"{url}: {'; '.join(faults)}")


def ask(page: Page, question: str, shots: Path) -> list[str]:
    """Ask in the frontend; the titles of the sources that the answer shows."""
    page.locator(".composer textarea").fill(question)
    page.get_by_role("button", name="Send", exact=True).click()
    page.get_by_role("status").filter(has_text="Answer complete").wait_for(state="attached")
    shoot(page, shots / "frontend-answer.png")
    found = page.locator(".sources .source").all_inner_texts()
    page.locator(".sources .source").first.click()
    page.get_by_role("dialog").wait_for()
    shoot(page, shots / "frontend-source.png")
    page.keyboard.press("Escape")
    page.goto(page.url.split("/", 3)[0] + "//" + page.url.split("/", 3)[2] + "/documents")
    page.locator(".list").wait_for()
    shoot(page, shots / "frontend-documents.png")
    return found


def look(page: Page, shots: Path) -> dict[str, str]:
    """What the portal says of services and of the index."""
    page.get_by_role("status").filter(has_text="service").wait_for()
    said = {"services": page.get_by_role("status").first.inner_text()}
    shoot(page, shots / "portal-services.png")
    for name in ("Index", "Ingest jobs", "Users"):
        page.get_by_role("link", name=name, exact=True).click()
        page.get_by_role("heading", name=name).first.wait_for()
        page.wait_for_load_state("networkidle")
        shoot(page, shots / f"portal-{name.split()[-1].lower()}.png")
    return said


def shoot(page: Page, path: Path) -> None:
    """A picture, once what moves has come to rest."""
    page.wait_for_timeout(400)
    page.screenshot(path=path)
