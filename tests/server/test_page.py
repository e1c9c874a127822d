"""The chat page in a real browser."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest
from playwright.async_api import async_playwright
from server_fakes import Endless, Saying
from services import missing

from assistant.knowledge.passages import Passage
from assistant.testing.echo import EchoChat

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
Serve = Callable[..., AbstractAsyncContextManager[str]]
pytestmark = pytest.mark.browser


class Visit:
    """A page with what went wrong on it."""

    def __init__(self, page: Any) -> None:
        self.page = page
        self.errors: list[str] = []
        self.requests: list[str] = []
        page.on("console", lambda message: self.errors.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("request", lambda request: self.requests.append(request.url))

    async def open(self, url: str) -> None:
        await self.page.goto(url)
        await self.page.locator("#status.ready").wait_for(state="attached")

    async def ask(self, question: str = "How often is the pump oiled?") -> None:
        box = self.page.get_by_role("textbox", name="Ask a question")
        await box.fill(question)
        while await box.inner_text():  # nothing is sent while an answer is being written
            await box.press("Enter")

    def elsewhere(self, url: str) -> list[str]:
        """Requests that went to another host than the page's."""
        return [request for request in self.requests if not request.startswith((url, "data:", "blob:"))]


@pytest.fixture
async def visit() -> AsyncIterator[Visit]:
    if CHROMIUM is None:
        missing("Chromium")
    async with async_playwright() as driver:
        browser = await driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = await browser.new_page()
        page.set_default_timeout(10_000)
        try:
            yield Visit(page)
        finally:
            await browser.close()


async def test_a_question_is_answered_in_a_stream_and_its_source_opens(serve: Serve, visit: Visit) -> None:
    async with serve(EchoChat(delay=0.05), title="Pumps & Co", grounding="prefer") as url:
        await visit.open(url)
        await visit.ask()
        answer = visit.page.locator(".ai-message-text").nth(1)
        await visit.page.get_by_text("The pump is").wait_for()
        assert "[1]" not in await answer.inner_text()
        source = visit.page.locator("details.source")
        await source.wait_for()
        assert "The pump is oiled every 200 hours of operation. [1]" == (await answer.inner_text()).strip()
        assert "[1] Pump manual, page 3" == (await source.locator("summary").inner_text()).strip()
        assert not await source.locator("blockquote").is_visible()
        await source.locator("summary").click()
        assert "oiled every 200 hours" in await source.locator("blockquote").inner_text()
        assert "Pumps & Co" == await visit.page.title()
        assert [] == visit.elsewhere(url)
    assert [] == [error for error in visit.errors if "404" not in error]  # a retriever has no passages to search


async def test_the_next_question_carries_what_was_said(serve: Serve, visit: Visit) -> None:
    model = Saying(text="It is a machine.")
    async with serve(model, grounding="prefer") as url:
        await visit.open(url)
        await visit.ask("What is a pump?")
        await visit.page.get_by_text("It is a machine.").wait_for()
        await visit.ask("Who oils it?")
        await visit.page.get_by_text("It is a machine.").nth(1).wait_for()
    *_, before, answered, now = [message.text for message in model.asked[-1]]
    for said, message in (("What is a pump?", before), ("It is a machine.", answered), ("Who oils it?", now)):
        assert said in message


EVIL = "<b onmouseover=window.hacked=1>x</b><img src=x onerror=window.hacked=2>"
FACT = f"The pump {EVIL} is oiled every 200 hours."
HOSTILE = (
    f"{FACT} [1] <script>window.hacked=3</script> [link](javascript:window.hacked=4) ![p](https://evil.example/p.png)"
)


async def test_text_of_models_and_documents_is_never_code(serve: Serve, visit: Visit) -> None:
    passage = Passage("p", "/evil.md", f"Title {EVIL}", FACT, start=0, end=99)
    async with serve(
        Saying(text=HOSTILE), passages=(passage,), grounding="prefer", title="<script>window.hacked=6</script>"
    ) as url:
        await visit.open(url)
        await visit.ask(FACT)
        await visit.page.locator("details.source summary").click()
        answer = visit.page.locator(".ai-message-text").nth(1)
        assert EVIL in await answer.inner_text()
        assert EVIL in await visit.page.locator("details.source summary").inner_text()
        assert EVIL in await visit.page.locator("details.source blockquote").inner_text()
        await answer.get_by_text("link").click()
        assert 0 == await visit.page.locator("b[onmouseover], img[onerror], script:not([src])").count()
        assert await visit.page.evaluate("window.hacked === undefined")
        assert 1 == len(visit.page.context.pages)
        assert url == visit.page.url.rstrip("/")


async def test_the_stop_button_ends_the_generation(serve: Serve, visit: Visit) -> None:
    model = Endless()
    async with serve(model, grounding="prefer") as url:
        await visit.open(url)
        await visit.ask()
        await visit.page.get_by_text("on on on").wait_for()
        await visit.page.locator("#submit-icon, .input-button").last.click()
        await model.stopped.wait()


async def test_a_key_is_asked_for_when_needed_and_kept_for_the_session(serve: Serve, visit: Visit) -> None:
    async with serve(api_keys=["s3cret"]) as url:
        await visit.open(url)
        await visit.ask()
        for key in ("wrong", "s3cret"):
            await visit.page.get_by_role("textbox", name="API key").fill(key)
            await visit.page.get_by_role("button", name="Continue").click()
        await visit.page.locator("details.source").wait_for()
        await visit.page.reload()
        await visit.ask()
        await visit.page.locator("details.source").wait_for()
        assert not await visit.page.locator("dialog").is_visible()
        assert "s3cret" not in "".join(visit.requests)


async def test_an_error_is_shown_and_the_next_question_works(serve: Serve, visit: Visit) -> None:
    async with serve() as url:
        await visit.open(url)
        await visit.ask("word " * 2000)
        await visit.page.get_by_text("8000 are allowed").wait_for()
        await visit.ask()
        await visit.page.locator("details.source").wait_for()


async def test_the_page_fits_a_phone_and_the_dark(serve: Serve, visit: Visit) -> None:
    async with serve() as url:
        await visit.page.set_viewport_size({"width": 360, "height": 640})
        await visit.page.emulate_media(color_scheme="dark")
        await visit.open(url)
        await visit.ask()
        await visit.page.locator("details.source").wait_for()
        assert 360 == await visit.page.evaluate("document.documentElement.scrollWidth")
        red, green, blue = await visit.page.evaluate(
            "getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)"
        )
        assert red + green + blue < 150


async def test_the_api_reference_needs_no_other_host(serve: Serve, visit: Visit) -> None:
    async with serve() as url:
        await visit.page.goto(f"{url}/docs")
        await visit.page.get_by_text("/v1/chat/completions").first.wait_for()
        assert [] == visit.elsewhere(url)
    assert [] == visit.errors
