"""The chat page in a real browser."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from browser import FAINT, UNNAMED, Visit, visiting
from chat_site import site
from memory_inbox import Records
from server_fakes import MANUAL, Endless, Failing, Saying

from assistant.knowledge.passages import Passage
from assistant.testing.echo import EchoChat
from assistant.testing.serving import serving

Serve = Callable[..., AbstractAsyncContextManager[str]]
ANSWER = "The pump is oiled every 200 hours of operation. [1]"
pytestmark = pytest.mark.browser


@pytest.fixture
async def visit() -> AsyncIterator[Visit]:
    async with visiting() as visit:
        yield visit


@pytest.fixture
def serve(tmp_path: Path) -> Serve:
    """A real server; gives its URL. At its end it goes like a process that is killed; `records` are what it left."""

    @asynccontextmanager
    async def serve(model: Any = None, *, port: int = 0, records: Records | None = None, **given: Any) -> Any:
        given.setdefault("passages", (MANUAL,))
        kept: Records = {} if records is None else records
        app = await asyncio.to_thread(site, tmp_path, model, records=kept, **given)
        async with serving(app, port=port) as url:
            yield url

    return serve


def port_of(url: str) -> int:
    return int(url.rsplit(":", 1)[1])


async def test_a_question_is_answered_in_a_stream_and_its_source_opens(serve: Serve, visit: Visit) -> None:
    async with serve(EchoChat(delay=0.05), title="Pumps & Co") as url:
        await visit.open(url)
        await visit.ask()
        await visit.page.get_by_text("The pump is").wait_for()
        assert 0 == await visit.page.locator("details.source").count()
        assert [ANSWER] == await visit.answers(1)
        source = visit.page.locator("details.source")
        assert "[1] Pump manual, page 3" == (await source.locator("summary").inner_text()).strip()
        assert not await source.locator("blockquote").is_visible()
        await visit.page.get_by_role("button", name="Source 1").click()
        assert "oiled every 200 hours" in await source.locator("blockquote").inner_text()
        assert await source.locator("summary").evaluate("node => node === node.getRootNode().activeElement")
        assert "Pumps & Co" == await visit.page.title()
        assert [] == visit.elsewhere(url)
    assert [] == visit.errors


async def test_the_next_question_carries_what_was_said(serve: Serve, visit: Visit) -> None:
    model = Saying(text="It is a machine.")
    async with serve(model) as url:
        await visit.open(url)
        for number, question in enumerate(("What is a pump?", "Who oils it?"), start=1):
            await visit.ask(question)
            await visit.answers(number)
    *_, before, answered, now = [message.text for message in model.asked[-1]]
    for said, message in (("What is a pump?", before), ("It is a machine.", answered), ("Who oils it?", now)):
        assert said in message


async def test_an_answer_survives_the_death_of_the_server(serve: Serve, visit: Visit) -> None:
    records: Records = {}
    async with serve(Saying(text=ANSWER, delay=0.5), records=records) as url:
        await visit.open(url)
        await visit.ask()
        await visit.page.get_by_text("The pump is").wait_for()
    await visit.page.get_by_text("Connection lost").wait_for()
    async with serve(Saying(text=ANSWER), records=records, port=port_of(url)):
        assert [ANSWER] == await visit.answers(1)
        assert not await visit.page.get_by_text("Connection lost").is_visible()
        await visit.reload()
        assert [ANSWER] == await visit.answers(1)
    assert 1 == len(records)


async def test_a_question_asked_while_the_server_is_away_is_answered_once(serve: Serve, visit: Visit) -> None:
    records: Records = {}
    async with serve(records=records) as url:
        await visit.open(url)
    await visit.ask()
    await visit.page.get_by_text("Connection lost").wait_for()
    assert {} == records
    async with serve(records=records, port=port_of(url)):
        assert [ANSWER] == await visit.answers(1)
    assert 1 == len(records)


async def test_an_answer_goes_on_after_the_browser_was_offline(serve: Serve, visit: Visit) -> None:
    text = " ".join(f"word{number}" for number in range(60))
    async with serve(Saying(text=text, delay=0.05)) as url:
        await visit.open(url)
        await visit.ask()
        await visit.page.get_by_text("word3 ").wait_for()
        await visit.page.context.set_offline(True)
        await visit.page.get_by_text("Connection lost").wait_for()
        await visit.page.context.set_offline(False)
        (answer,) = await visit.answers(1)
    assert 1 == answer.count(text)


async def test_a_reload_in_the_middle_shows_the_whole_answer_once(serve: Serve, visit: Visit) -> None:
    records: Records = {}
    async with serve(Saying(text=ANSWER, delay=0.1), records=records) as url:
        await visit.open(url)
        await visit.ask()
        await visit.page.get_by_text("The pump is").wait_for()
        await visit.reload()
        assert [ANSWER] == await visit.answers(1)
        assert ["How often is the pump oiled?"] == await visit.said()
        await visit.page.get_by_role("button", name="Source 1").click()
        assert await visit.page.locator("details.source blockquote").is_visible()
    assert 1 == len(records)


async def test_two_tabs_are_two_conversations_and_a_duplicated_one_is_the_same(serve: Serve, visit: Visit) -> None:
    async with serve() as url:
        await visit.open(url)
        await visit.ask("First?")
        await visit.answers(1)
        other = Visit(await visit.page.context.new_page())
        await other.open(url)
        await other.ask("Second?")
        await other.answers(1)
        async with visit.page.context.expect_page() as opened:
            await visit.page.evaluate("window.open(location.href)")  # copies the storage, as duplicating a tab does
        copy = Visit(await opened.value)
        await copy.answers(1)
        await copy.ask("Third?")
        await copy.answers(2)
        await visit.ask("Fourth?")
        await visit.answers(2)
        assert ["First?", "Fourth?"] == await visit.said()
        assert ["Second?"] == await other.said()
        assert ["First?", "Third?"] == await copy.said()


async def test_the_stop_button_ends_the_generation(serve: Serve, visit: Visit) -> None:
    model = Endless()
    async with serve(model) as url:
        await visit.open(url)
        await visit.ask()
        await visit.page.get_by_text("on on on").wait_for()
        await visit.page.get_by_role("button", name="Stop").click()
        await visit.page.locator(".note").wait_for()
        await model.stopped.wait()


async def test_a_question_that_was_stopped_before_it_was_sent_is_not_asked_later(serve: Serve, visit: Visit) -> None:
    records: Records = {}
    async with serve(records=records) as url:
        await visit.open(url)
    await visit.ask("Never mind?")
    await visit.page.get_by_text("Connection lost").wait_for()
    await visit.page.get_by_role("button", name="Stop").click()
    await visit.page.locator(".note").wait_for()
    async with serve(records=records, port=port_of(url)):
        await visit.reload()
        await visit.ask()
        await visit.answers(1)
        assert ["How often is the pump oiled?"] == await visit.said()
    assert ["How often is the pump oiled?"] == [record["message"].text for record in records.values()]


async def test_stop_in_a_second_tab_leaves_the_answer_of_the_first_alone(serve: Serve, visit: Visit) -> None:
    records: Records = {}
    async with serve(Saying(text=ANSWER, delay=0.4), records=records) as url:
        await visit.open(url)
        await visit.ask("First?")
        await visit.answers(1)
        async with visit.page.context.expect_page() as opened:
            await visit.page.evaluate("window.open(location.href)")
        copy = Visit(await opened.value)
        await copy.answers(1)
        await visit.ask("Second?")
        await visit.page.locator(".ai-message-text:not(.html-message)").nth(2).get_by_text("The pump is").wait_for()
        await copy.ask("Third?")
        while 3 != len(records):  # noqa: ASYNC110 - the inbox in memory has no event
            await asyncio.sleep(0.01)
        await copy.page.get_by_role("button", name="Stop").click()
        assert [ANSWER, ANSWER] == await visit.answers(2)
        await copy.page.locator(".note").wait_for()
    assert ["answered", "answered", "dropped"] == [record["state"] for record in records.values()]


async def test_an_answer_that_may_not_be_read_yet_is_read_later(serve: Serve, visit: Visit) -> None:
    async with serve() as url:
        refusals = []

        async def busy(route: Any) -> None:
            refusals.append(route.request.url)
            if len(refusals) > 1:
                await route.continue_()
            else:
                await route.fulfill(status=429, headers={"Retry-After": "1"}, json={"error": {"code": "rate"}})

        await visit.open(url)
        await visit.page.route("**/chat/events*", busy)
        await visit.ask()
        assert [ANSWER] == await visit.answers(1)
        assert 0 == await visit.page.get_by_role("button", name="Try again").count()


async def test_what_somebody_thinks_of_an_answer_is_still_shown_after_a_reload(serve: Serve, visit: Visit) -> None:
    async with serve() as url:
        await visit.open(url)
        await visit.ask()
        await visit.answers(1)
        thumbs = [visit.page.get_by_role("button", name=name, exact=True) for name in ("Helpful", "Not helpful")]
        async with visit.page.expect_response("**/chat/feedback"):
            await thumbs[1].click()
        await visit.reload()
        await visit.answers(1)
        assert ["false", "true"] == [await thumb.get_attribute("aria-pressed") for thumb in thumbs]


async def test_a_new_conversation_forgets_what_was_said(serve: Serve, visit: Visit) -> None:
    async with serve() as url:
        await visit.open(url)
        await visit.ask()
        await visit.answers(1)
        await visit.page.get_by_role("button", name="New conversation").click()
        await visit.page.locator(".opinions").wait_for(state="detached")
        await visit.box.wait_for()
        assert [] == await visit.said()
        await visit.ask()
        await visit.answers(1)


EVIL = "<b onmouseover=window.hacked=1>x</b><img src=x onerror=window.hacked=2>"
FACT = f"The pump {EVIL} is oiled every 200 hours."
HOSTILE = (
    f"{FACT} [1] <script>window.hacked=3</script> [link](javascript:window.hacked=4) ![p](https://evil.example/p.png)"
)


async def test_text_of_models_documents_and_visitors_is_never_code(serve: Serve, visit: Visit) -> None:
    passage = Passage("p", "/evil.md", f"Title {EVIL}", FACT, start=0, end=99)
    web = {"greeting": f'"{EVIL}'}
    title = "<script>window.hacked=6</script>"
    async with serve(Saying(text=HOSTILE), passages=(passage,), title=title, web=web) as url:
        await visit.open(url)
        await visit.ask(FACT)
        for _ in range(2):
            await visit.answers(1)
            await visit.page.locator("details.source summary").click()
            answer = visit.page.locator(".ai-message-text:not(.html-message)").nth(1)
            assert EVIL in await answer.inner_text()
            assert EVIL in await visit.page.locator("details.source summary").inner_text()
            assert EVIL in await visit.page.locator("details.source blockquote").inner_text()
            await answer.get_by_text("link").click()
            assert 0 == await visit.page.locator("b[onmouseover], img[onerror], script:not([src])").count()
            assert await visit.page.evaluate("window.hacked === undefined")
            assert 1 == len(visit.page.context.pages)
            assert url == visit.page.url.rstrip("/")
            await visit.reload()
    assert any("img-src" in error for error in visit.errors)  # the picture was not fetched


async def test_a_key_is_asked_for_when_needed_and_kept_for_the_session(serve: Serve, visit: Visit) -> None:
    async with serve(api_keys=["s3cret"]) as url:
        await visit.open(url)
        await visit.ask()
        for key in ("wrong", "s3cret"):
            await visit.page.get_by_role("textbox", name="API key").fill(key)
            await visit.page.get_by_role("button", name="Continue").click()
        await visit.answers(1)
        await visit.reload()
        await visit.answers(1)
        await visit.ask()
        await visit.answers(2)
        assert not await visit.page.locator("dialog").is_visible()
        assert "s3cret" not in "".join(visit.requests)


async def test_visitors_of_a_public_chat_need_no_key(serve: Serve, visit: Visit) -> None:
    async with serve(api_keys=["s3cret"], web={"public": True}) as url:
        await visit.open(url)
        await visit.ask()
        assert [ANSWER] == await visit.answers(1)


async def test_what_was_refused_is_explained_and_can_be_tried_again(serve: Serve, visit: Visit) -> None:
    async with serve(web={"messages_per_minute": 2}) as url:
        await visit.open(url)
        await visit.ask("word " * 2000)
        await visit.page.get_by_text("too long").wait_for()
        for number in (1, 2):
            await visit.ask()
            await visit.answers(number)
        await visit.ask()
        await visit.page.get_by_text("Please try again in").wait_for()
        assert 2 == await visit.page.get_by_role("button", name="Try again").count()


async def test_a_question_that_failed_can_be_asked_again(serve: Serve, visit: Visit) -> None:
    records: Records = {}
    async with serve(Failing(error=RuntimeError("secret"), words=["The pump "]), records=records) as url:
        await visit.open(url)
        await visit.ask()
        await visit.page.get_by_text("Something went wrong").wait_for()
        assert 0 == await visit.page.get_by_text("secret").count()
        assert 1 == await visit.page.locator(".ai-message-text:not(.html-message)").count()
    async with serve(records=records, port=port_of(url)):
        await visit.page.get_by_role("button", name="Try again").click()
        assert ANSWER in await visit.answers(1)


async def test_the_page_works_with_the_keyboard_alone(serve: Serve, visit: Visit) -> None:
    async with serve() as url:
        await visit.open(url)
        await visit.box.wait_for()
        keyboard = visit.page.keyboard
        await keyboard.type("How often is the pump oiled?")
        await keyboard.press("Enter")
        await visit.answers(1)
        await visit.page.evaluate("document.activeElement.blur()")
        reached = []
        for _ in range(12):
            await keyboard.press("Tab")
            name = await visit.page.evaluate(
                "(() => { let at = document.activeElement; at = at.shadowRoot?.activeElement ?? at;"
                " return at.ariaLabel || at.title || at.innerText.trim() || at.id })()"
            )
            reached.append(name)
            if name == "Source 1":
                await keyboard.press("Enter")
                assert await visit.page.locator("details.source blockquote").is_visible()
        for name in ("New conversation", "Conversation", "Source 1", "Helpful", "Not helpful", "Ask a question"):
            assert name in reached


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("colour", ["#1f5fbf", "#ffd400", "#7a0019"])
async def test_everything_has_a_name_and_can_be_read(serve: Serve, visit: Visit, scheme: Any, colour: str) -> None:
    async with serve(web={"colour": colour}) as url:
        await visit.page.emulate_media(color_scheme=scheme)
        await visit.open(url)
        await visit.ask()
        await visit.answers(1)
        assert ANSWER.removesuffix(" [1]") in await visit.page.locator("#spoken").inner_text()
        await visit.page.locator("details.source summary").click()
        await visit.ask("word " * 2000)
        await visit.page.get_by_role("button", name="Try again").wait_for()
        assert [] == await visit.page.evaluate(UNNAMED)
        assert [] == await visit.page.evaluate(FAINT)
        await visit.page.get_by_role("log", name="Conversation").wait_for()


async def test_the_page_fits_a_phone_and_the_dark(serve: Serve, visit: Visit) -> None:
    async with serve(Saying(text=f"{ANSWER} {'x' * 300} | `{'y' * 300}`"), title="T" * 80) as url:
        await visit.page.set_viewport_size({"width": 360, "height": 640})
        await visit.page.emulate_media(color_scheme="dark")
        await visit.open(url)
        await visit.ask("z" * 300)
        await visit.answers(1)
        assert 360 == await visit.page.evaluate("document.documentElement.scrollWidth")
        log = visit.page.get_by_role("log")
        assert await log.evaluate("node => node.scrollWidth <= node.clientWidth")
        red, green, blue = await visit.page.evaluate(
            "getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)"
        )
        assert red + green + blue < 150


async def test_the_page_speaks_the_visitors_language(serve: Serve, visit: Visit) -> None:
    assert visit.page.context.browser is not None
    context = await visit.page.context.browser.new_context(locale="de-DE")
    async with serve() as url:
        german = Visit(await context.new_page())
        await german.open(url)
        await german.page.get_by_role("textbox", name="Frage stellen").wait_for()
        assert "de" == await german.page.locator("html").get_attribute("lang")


async def test_the_api_reference_needs_no_other_host(serve: Serve, visit: Visit) -> None:
    async with serve() as url:
        await visit.page.goto(f"{url}/docs")
        await visit.page.get_by_text("/v1/chat/completions").first.wait_for()
        assert [] == visit.elsewhere(url)
    assert [] == visit.errors
