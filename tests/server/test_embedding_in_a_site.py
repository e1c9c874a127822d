"""The chat inside other sites: who may embed it, and the script that does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from browser import Visit, visiting
from chat_site import site
from fastapi.testclient import TestClient
from server_fakes import MANUAL
from starlette.applications import Starlette
from starlette.responses import HTMLResponse
from starlette.routing import Route

from assistant.errors import ConfigurationError
from assistant.settings import Settings
from assistant.testing.serving import serving

SHOP = "https://www.shop.example"


def client(folder: Path, **web: Any) -> TestClient:
    app = site(folder, passages=(MANUAL,), records={}, web=web)
    return TestClient(app, base_url="http://127.0.0.1:8000")


def test_nobody_may_embed_the_chat_unless_named(tmp_path: Path) -> None:
    for path in ("/", "/embed", "/docs", "/health"):
        headers = client(tmp_path).get(path).headers
        assert headers["content-security-policy"].endswith("frame-ancestors 'none'")


def test_named_sites_may_embed_only_the_page_made_for_it(tmp_path: Path) -> None:
    opened = client(tmp_path, allowed_origins=[SHOP, "https://*.example.org:8443"])
    embed = opened.get("/embed").headers
    assert embed["content-security-policy"].endswith(f"frame-ancestors {SHOP} https://*.example.org:8443")
    assert "x-frame-options" not in embed
    assert "cross-origin" == embed["cross-origin-resource-policy"]
    for path in ("/", "/docs", "/health", "/static/page.js"):
        headers = opened.get(path).headers
        assert headers["content-security-policy"].endswith("frame-ancestors 'none'")
        assert ("DENY", "same-origin") == (headers["x-frame-options"], headers["cross-origin-resource-policy"])
    script = opened.get("/static/embed.js").headers
    assert "cross-origin" == script["cross-origin-resource-policy"]
    assert script["content-type"].startswith("text/javascript")


def test_no_part_of_the_page_is_an_old_one_after_an_upgrade(tmp_path: Path) -> None:
    opened = client(tmp_path, allowed_origins=[SHOP])
    for path in ("/", "/embed", "/docs", "/static/page.js", "/static/deep-chat.js"):
        assert "no-cache" == opened.get(path).headers["cache-control"]
    again = opened.get("/static/page.js", headers={"If-None-Match": opened.get("/static/page.js").headers["etag"]})
    assert (304, "no-cache") == (again.status_code, again.headers["cache-control"])
    assert "no-store" == opened.get("/health").headers["cache-control"]


@pytest.mark.parametrize(
    "origin",
    ["shop.example", "*", "https://shop.example/", "https://a.example; script-src *", "https://a.example\nX: y"],
)
def test_what_is_no_origin_is_refused(origin: str) -> None:
    with pytest.raises(ConfigurationError, match=r"web\.allowed_origins"):
        Settings.load(web={"allowed_origins": [origin]})


@pytest.mark.parametrize("colour", ["red", "#12345", "#123456;}body{display:none"])
def test_what_is_no_colour_is_refused(colour: str) -> None:
    with pytest.raises(ConfigurationError, match=r"web\.colour"):
        Settings.load(web={"colour": colour})


@asynccontextmanager
async def shop(script: str) -> AsyncIterator[str]:
    """A site on another origin, with its own strict policy, that loads `script`."""

    async def page(_: Any) -> HTMLResponse:
        body = f'<!doctype html><title>Shop</title><a href="#x">Before</a><script src="{script}" data-label="Ask us"></script>'
        origin = script.split("/static")[0]
        return HTMLResponse(
            body, headers={"Content-Security-Policy": f"default-src 'none'; script-src {origin}; frame-src {origin}"}
        )

    async with serving(Starlette(routes=[Route("/", page)])) as url:
        yield url.replace("127.0.0.1", "localhost")


@asynccontextmanager
async def embedding(folder: Path, *, allowed: bool) -> AsyncIterator[tuple[Visit, str]]:
    """A visit of a shop, whose origin is allowed or not, and the URL of the assistant."""
    origins = ["http://localhost:*"] if allowed else ["https://www.shop.example"]
    given: dict[str, Any] = {"passages": (MANUAL,), "records": {}, "title": "Pumps & Co"}
    settings = {"allowed_origins": origins}
    app = await asyncio.to_thread(lambda: site(folder, web=settings, **given))
    async with serving(app) as url, shop(f"{url}/static/embed.js") as around, visiting() as visit:
        await visit.page.goto(around)
        yield visit, url


@pytest.mark.browser
async def test_a_site_embeds_the_chat_with_one_script(tmp_path: Path) -> None:
    async with embedding(tmp_path, allowed=True) as (visit, _url):
        button = visit.page.get_by_role("button", name="Ask us")
        assert "false" == await button.get_attribute("aria-expanded")
        assert 0 == await visit.page.locator("iframe").count()
        await button.press("Enter")
        frame = visit.page.frame_locator("iframe")
        await frame.locator("#status.ready").wait_for(state="attached")
        box = frame.get_by_role("textbox", name="Ask a question")
        await box.fill("How often is the pump oiled?")
        while await box.inner_text():  # nothing is sent before the history is there
            await box.press("Enter")
        await frame.locator(".opinions").wait_for()
        assert "The pump is oiled" in await frame.locator(".ai-message-text:not(.html-message)").nth(1).inner_text()
        await box.press("Escape")
        await visit.page.locator("iframe").wait_for(state="hidden")
        assert "Ask us" == await visit.page.evaluate("document.activeElement.shadowRoot.activeElement.ariaLabel")
        await button.press("Enter")
        await frame.locator(".opinions").wait_for()
        assert "Pumps & Co" == await frame.get_by_role("heading", level=1).inner_text()
        assert [] == await visit.page.context.cookies()
    assert [] == visit.errors


@pytest.mark.browser
async def test_a_site_that_is_not_allowed_shows_no_chat(tmp_path: Path) -> None:
    async with embedding(tmp_path, allowed=False) as (visit, _url):
        await visit.page.get_by_role("button", name="Ask us").click()
        await visit.page.locator("iframe").wait_for()
        assert 0 == await visit.page.frame_locator("iframe").get_by_role("textbox").count()
    assert any("frame-ancestors" in error for error in visit.errors)
