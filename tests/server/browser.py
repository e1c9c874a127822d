"""A visitor in a real browser."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from playwright.async_api import async_playwright
from services import missing

CHROMIUM = shutil.which("chromium")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
UNNAMED = """() => {
  const roots = [document, document.querySelector("deep-chat").shadowRoot];
  return roots.flatMap((root) => [...root.querySelectorAll("a, button, input, iframe, [role], [tabindex]")])
    .filter((node) => node.checkVisibility() && !["status", "alert", "img"].includes(node.role))
    .filter((node) => !(node.ariaLabel || node.title || node.labels?.length || node.innerText?.trim()
      || node.querySelector("[aria-label]") || node.tagName === "BLOCKQUOTE"))
    .map((node) => node.outerHTML);
}"""
"""What can be reached and has no name."""

FAINT = """() => {
  const channels = (colour) => colour.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b].map((part) => part / 255)
    .map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4))
    .reduce((sum, part, at) => sum + part * [0.2126, 0.7152, 0.0722][at], 0);
  const behind = (node) => {
    for (let at = node; at; at = at.parentElement ?? at.getRootNode().host) {
      const colour = channels(getComputedStyle(at).backgroundColor);
      if (colour.length === 3 || colour[3] > 0) return colour;
    }
    return [255, 255, 255];
  };
  const roots = [document, document.querySelector("deep-chat").shadowRoot];
  return roots.flatMap((root) => [...root.querySelectorAll("*")])
    .filter((node) => node.checkVisibility() && [...node.childNodes].some((c) => c.nodeType === 3 && c.data.trim()))
    .filter((node) => !["STYLE", "SCRIPT"].includes(node.tagName))
    .map((node) => {
      const [a, b] = [light(channels(getComputedStyle(node).color)), light(behind(node))];
      return [(Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05), node.outerHTML.slice(0, 120)];
    })
    .filter(([contrast]) => contrast < 4.5);
}"""
"""Texts with less contrast than WCAG 2.2 asks for (level AA)."""


class Visit:
    """A page with what went wrong on it."""

    def __init__(self, page: Any) -> None:
        self.page = page
        self.errors: list[str] = []
        self.requests: list[str] = []
        page.set_default_timeout(60_000)  # two cores may have a model to run beside the browser
        page.on("console", lambda message: self.errors.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("request", lambda request: self.requests.append(request.url))

    async def open(self, url: str) -> None:
        await self.page.goto(url)
        await self._drawn()

    async def reload(self) -> None:
        await self.page.reload()
        await self._drawn()

    async def _drawn(self) -> None:
        # What is typed before is lost where deep-chat draws a second time: nobody types that fast, but a test does.
        await self.page.locator("#status.ready").wait_for(state="attached")

    @property
    def box(self) -> Any:
        return self.page.get_by_role("textbox", name="Ask a question")

    async def ask(self, question: str = "How often is the pump oiled?") -> None:
        await self.box.fill(question)
        while await self.box.inner_text():  # nothing is sent while an answer is being written
            await self.box.press("Enter")

    async def answers(self, count: int) -> list[str]:
        """The answers, once so many of them are whole."""
        await self.page.locator(".opinions").nth(count - 1).wait_for()
        texts = [
            text.strip() for text in await self.page.locator(".ai-message-text:not(.html-message)").all_inner_texts()
        ]
        return texts[1:]  # the first is the greeting

    async def said(self) -> list[str]:
        """What the visitor said."""
        return [text.strip() for text in await self.page.locator(".user-message-text").all_inner_texts()]

    def elsewhere(self, url: str) -> list[str]:
        """Requests that went to another host than the page's."""
        return [request for request in self.requests if not request.startswith((url, "data:", "blob:"))]


@asynccontextmanager
async def visiting() -> AsyncIterator[Visit]:
    """A browser with one empty page."""
    if CHROMIUM is None:
        missing("Chromium")
    async with async_playwright() as driver:
        browser = await driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        try:
            yield Visit(await (await browser.new_context()).new_page())
        finally:
            await browser.close()
