"""Answers to comments arrive where they should, once and whole, or it is told why not; nothing private is said in public."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from typing import Any

import pytest
from accounts import APP_ID, INSTAGRAM_ID, PAGE_ID, PAGE_TOKEN, WHATSAPP_TOKEN
from facebook_payloads import SECRETS, facebook
from graph_nodes import SCOPES
from graph_refusal import too_fast
from graph_server import GraphServer
from graph_whatsapp import Body, Deed
from graph_world import Comment

from assistant.errors import ConfigurationError, RateLimited, Rejected, TransientError
from assistant.testing.serving import serving
from assistant.types import Address, Attachment, Button, Incoming, Outgoing
from connectors._meta_errors import TokenRefused, WindowClosed
from connectors.facebook import Facebook

ANN, BEN, IG_ANN = "5100000000000001", "5100000000000002", "6100000000000001"
POST, MEDIUM = f"{PAGE_ID}_122100000000001", "18000000000000001"
PUBLIC = Address("facebook", PAGE_ID, ANN, POST)
PRIVATE = Address("facebook", PAGE_ID, ANN)
IG_PUBLIC = Address("facebook", INSTAGRAM_ID, IG_ANN, MEDIUM)
IG_PRIVATE = Address("facebook", INSTAGRAM_ID, IG_ANN)
DAY = 86400.0

Connect = Callable[..., Awaitable[Facebook]]


class Server(GraphServer):
    """The sends in `limited`, counted from 1, are told to come again at once."""

    limited: frozenset[int] | set[int] = frozenset()
    _sends = 0

    async def _carry_out(self, deed: Deed) -> Body | None:
        self._sends += 1
        if self._sends in self.limited:
            raise too_fast("messenger", retry_after=0)
        return await super()._carry_out(deed)


@pytest.fixture
async def graph() -> AsyncIterator[Server]:
    server = Server()
    server.reports = False
    server.comments[POST] = Comment(POST, "messenger", PAGE_ID, "We are open.", 0.0)
    server.comments[MEDIUM] = Comment(MEDIUM, "instagram", INSTAGRAM_ID, "We are open.", 0.0)
    async with serving(server) as url:
        server.url = url
        yield server


@pytest.fixture
async def connect(graph: Server) -> AsyncIterator[Connect]:
    async with AsyncExitStack() as stack:

        async def made(**options: Any) -> Facebook:
            page = facebook(**{"graph_base_url": graph.url, **options})
            stack.push_async_callback(page.aclose)
            await page.open(webhook_url=None)
            return page

        yield made


@pytest.fixture
async def page(connect: Connect) -> Facebook:
    return await connect()


@pytest.fixture
def asked(graph: Server) -> Comment:
    return graph.comments_on(POST, "Open on Sunday? ann@example.org, 0170 1234567", author=ANN, name="Ann Example")


@pytest.fixture
def shipped(graph: Server) -> Comment:
    return graph.comments_on(MEDIUM, "Do you ship?", author=IG_ANN, surface="instagram", name="ann.example")


def below(graph: Server, id: str) -> list[str]:
    return [comment.text for comment in graph.comments.values() if comment.parent == id]


def seen(graph: Server, address: Address) -> list[str]:
    surface = "instagram" if address.account == INSTAGRAM_ID else "messenger"
    return [shown.text for shown in graph.people[surface, address.chat].seen]  # type: ignore[index]


def event(comment: Comment, address: Address, **fields: Any) -> Incoming:
    values = {"kind": "comment", "text": comment.text, "id": comment.id, **fields}
    return Incoming(address=address, sender=address.chat, sent_at=datetime.now(UTC), **values)


# in public


async def test_a_public_answer_is_below_the_comment(page: Facebook, graph: Server, asked: Comment) -> None:
    receipt = await page.send(
        Outgoing(PUBLIC, "**Yes**, from [9](https://example.org/hours).", reply_to=asked.id, key="1")
    )
    assert ["Yes, from 9 (https://example.org/hours)."] == below(graph, asked.id)
    assert "sent" == receipt.state
    assert graph.comments[receipt.ids[0]].author == PAGE_ID


async def test_a_public_answer_on_instagram(page: Facebook, graph: Server, shipped: Comment) -> None:
    await page.send(Outgoing(IG_PUBLIC, "**Yes**, we do.", reply_to=shipped.id, key="1"))
    assert ["Yes, we do."] == below(graph, shipped.id)


async def test_nothing_of_the_person_is_said_in_public(page: Facebook, graph: Server, asked: Comment) -> None:
    text = "Hello Ann Example! We wrote to ann@example.org and call 0170 1234567; or call us: 030 7654321."
    await page.send(Outgoing(PUBLIC, text, reply_to=asked.id, key="1"))
    assert ["Hello …! We wrote to … and call …; or call us: 030 7654321."] == below(graph, asked.id)


async def test_in_private_they_may_be_called_by_their_name(page: Facebook, graph: Server, asked: Comment) -> None:
    await page.send(Outgoing(PRIVATE, "Hello Ann Example!", reply_to=asked.id, key="1"))
    assert ["Hello Ann Example!"] == seen(graph, PRIVATE)


async def test_every_part_of_a_long_public_answer_is_below_the_comment(
    page: Facebook, graph: Server, asked: Comment
) -> None:
    text = "\n\n".join(f"Paragraph {number} of a long answer to Ann." for number in range(600))
    receipt = await page.send(Outgoing(PUBLIC, text, reply_to=asked.id, key="1"))
    answers = below(graph, asked.id)
    assert 2 < len(answers) == len(receipt.ids)
    assert text.replace("Ann", "…").split() == " ".join(answers).split()
    assert 1 == sum(call.method == "GET" and call.path.endswith(asked.id) for call in graph.calls)


async def test_instagram_takes_300_characters_one_link_and_four_hashtags(
    page: Facebook, graph: Server, shipped: Comment
) -> None:
    links = " ".join(f"See https://example.org/{number} there." for number in range(3))
    text = f"{links}\n\n{' '.join(f'#tag{number}' for number in range(9))}\n\n{'Many words here. ' * 40}"
    await page.send(Outgoing(IG_PUBLIC, text, reply_to=shipped.id, key="1"))
    answers = below(graph, shipped.id)
    assert text.split() == " ".join(answers).split()
    assert all(len(answer) <= 300 and answer.count("https://") <= 1 and answer.count("#") <= 4 for answer in answers)


async def test_instagram_takes_no_shouting(page: Facebook, graph: Server, shipped: Comment) -> None:
    await page.send(Outgoing(IG_PUBLIC, "YES, AT 9!", reply_to=shipped.id, key="1"))
    assert ["Yes, at 9!"] == below(graph, shipped.id)


async def test_a_comment_that_is_gone_is_rejected(page: Facebook, graph: Server, asked: Comment) -> None:
    asked.deleted = True
    for address in (PUBLIC, PRIVATE):
        with pytest.raises(Rejected, match="no such object"):
            await page.send(Outgoing(address, "Yes.", reply_to=asked.id, key="1"))


async def test_comments_have_no_files_and_no_buttons(page: Facebook, graph: Server, asked: Comment) -> None:
    for more in (
        {"attachments": (Attachment("image", url="https://example.org/a.png"),)},
        {"buttons": (Button("A", data="a"),)},
    ):
        with pytest.raises(Rejected, match="without attachments and buttons"):
            await page.send(Outgoing(PUBLIC, "Yes.", reply_to=asked.id, **more))
    assert [] == below(graph, asked.id)


# in private


@pytest.mark.parametrize(("address", "surface"), [(PRIVATE, "messenger"), (IG_PRIVATE, "instagram")])
async def test_a_private_answer_names_the_comment_and_is_stamped(
    page: Facebook, graph: Server, asked: Comment, shipped: Comment, address: Address, surface: str
) -> None:
    comment = asked if surface == "messenger" else shipped
    receipt = await page.send(Outgoing(address, "**Yes.**", reply_to=comment.id, key="turn:0"))
    [shown] = graph.people[surface, address.chat].seen  # type: ignore[index]
    assert (shown.id,) == receipt.ids
    assert ("Yes.", "assistant:turn:0") == (shown.text, shown.key)
    assert {"comment_id": comment.id} == shown.body["recipient"]
    assert f"/{PAGE_ID}/messages" in graph.calls[-1].path
    assert [] == below(graph, comment.id)


async def test_a_comment_has_one_private_answer(page: Facebook, graph: Server, asked: Comment) -> None:
    await page.send(Outgoing(PRIVATE, "Yes.", reply_to=asked.id, key="1"))
    with pytest.raises(Rejected, match="already replied"):
        await page.send(Outgoing(PRIVATE, "Yes!", reply_to=asked.id, key="2"))
    assert ["Yes."] == seen(graph, PRIVATE)


async def test_a_private_answer_after_seven_days_is_rejected(page: Facebook, graph: Server, asked: Comment) -> None:
    graph.pass_time(8 * DAY)
    with pytest.raises(Rejected):
        await page.send(Outgoing(PRIVATE, "Yes.", reply_to=asked.id, key="1"))


@pytest.mark.parametrize(
    ("address", "size", "limit"), [(PRIVATE, len, 2000), (IG_PRIVATE, lambda text: len(text.encode()), 1000)]
)
def test_parts_of_a_private_answer_are_numbered_and_only_the_first_names_the_comment(
    address: Address, size: Callable[[str], int], limit: int
) -> None:
    text = "\n\n".join(f"Абзац {number} einer langen Antwort 😀." for number in range(200))
    parts = facebook().split(Outgoing(address, text, reply_to="1", key="k"))
    assert 2 < len(parts)
    assert ["1", *[None] * (len(parts) - 1)] == [part.reply_to for part in parts]
    assert all(size(part.text) <= limit for part in parts)
    assert [f"({number}/{len(parts)})" for number in range(1, len(parts) + 1)] == [
        part.text.split()[-1] for part in parts
    ]
    assert text.split() == " ".join(" ".join(part.text.split()[:-1]) for part in parts).split()
    assert [[part] for part in parts] == [list(facebook().split(part)) for part in parts]


async def test_the_rest_of_a_private_answer_waits_for_the_person(page: Facebook, graph: Server, asked: Comment) -> None:
    first, second = page.split(Outgoing(PRIVATE, "word " * 500, reply_to=asked.id, key="k"))
    await page.send(first)
    with pytest.raises(
        WindowClosed,
        match=r"wait until the person writes again \(to the Page\), then retry this: the beginning of the answer was sent",
    ):
        await page.send(second)
    graph.says(graph.people["messenger", ANN], "go on")
    await page.send(second)
    assert 500 == " ".join(seen(graph, PRIVATE)).split().count("word")


async def test_what_was_begun_says_what_arrived(
    page: Facebook, graph: Server, asked: Comment, caplog: pytest.LogCaptureFixture
) -> None:
    receipt = await page.send(Outgoing(PRIVATE, "word " * 500, reply_to=asked.id, key="k"))
    assert ("failed", 1) == (receipt.state, len(receipt.ids))
    assert "the rest of a message to facebook" in caplog.text


async def test_a_rate_limit_in_the_middle_is_waited_for(page: Facebook, graph: Server, asked: Comment) -> None:
    graph.opened(graph.people["messenger", ANN])
    graph.limited = {2}
    receipt = await page.send(Outgoing(PRIVATE, "word " * 500, reply_to=asked.id, key="k"))
    assert ("sent", 2) == (receipt.state, len(receipt.ids))
    assert [200, 400, 200] == [call.status for call in graph.calls if call.method == "POST"]


# whether it arrived


@pytest.mark.parametrize(("address", "fixture"), [
    (PUBLIC, "asked"), (IG_PUBLIC, "shipped"), (PRIVATE, "asked"), (IG_PRIVATE, "shipped")])  # fmt: skip
async def test_whether_an_answer_arrived_can_be_asked(
    page: Facebook, graph: Server, address: Address, fixture: str, request: pytest.FixtureRequest
) -> None:
    comment: Comment = request.getfixturevalue(fixture)
    outgoing = Outgoing(address, "**Yes**, Ann Example.", reply_to=comment.id, key="1")
    assert await page.was_sent(outgoing) is not True
    graph.faults.add("lost")
    assert "unknown" == (await page.send(outgoing)).state
    assert await page.was_sent(outgoing) is not True
    graph.faults.add("cut")
    assert "unknown" == (await page.send(outgoing)).state
    assert await page.was_sent(outgoing) is True


async def test_an_answer_to_a_comment_below_another_is_found_there(
    page: Facebook, graph: Server, asked: Comment
) -> None:
    nested = graph.comments_on(POST, "And on Monday?", author=BEN, parent=asked.id)
    outgoing = Outgoing(Address("facebook", PAGE_ID, BEN, POST), "Yes.", reply_to=nested.id, key="1")
    assert await page.was_sent(outgoing) is False
    graph.comments_on(POST, "Yes.", author=PAGE_ID, parent=asked.id)  # Meta puts it below the first
    assert await page.was_sent(outgoing) is True


async def test_what_the_person_says_themselves_is_no_answer(page: Facebook, graph: Server, asked: Comment) -> None:
    graph.comments_on(POST, "Yes.", author=ANN, parent=asked.id)
    assert await page.was_sent(Outgoing(PUBLIC, "Yes.", reply_to=asked.id, key="1")) is False


async def test_many_comments_are_looked_through_and_too_many_tell_nothing(
    page: Facebook, graph: Server, asked: Comment
) -> None:
    outgoing = Outgoing(PUBLIC, "Yes.", reply_to=asked.id, key="1")
    await page.send(outgoing)
    for number in range(250):
        graph.comments_on(POST, f"Me too {number}", author=BEN, parent=asked.id)
    assert await page.was_sent(outgoing) is True
    for number in range(1000):
        graph.comments_on(POST, f"Me too, {number}", author=BEN, parent=asked.id)
    assert await page.was_sent(outgoing) is None


async def test_a_conversation_without_the_answer_tells_that_it_did_not_arrive(
    page: Facebook, graph: Server, asked: Comment
) -> None:
    outgoing = Outgoing(PRIVATE, "Yes.", reply_to=asked.id, key="1")
    assert await page.was_sent(outgoing) is None
    await page.send(Outgoing(PRIVATE, "No.", reply_to=asked.id, key="2"))
    assert await page.was_sent(outgoing) is False


# errors


@pytest.mark.parametrize("address", [PUBLIC, PRIVATE])
async def test_faults_of_meta_are_told_apart(page: Facebook, graph: Server, asked: Comment, address: Address) -> None:
    outgoing = Outgoing(address, "Yes.", reply_to=asked.id, key="1")
    graph.faults.add("rate_limit", retry_after=7)
    with pytest.raises(RateLimited) as limited:
        await page.send(outgoing)
    assert 7 == limited.value.retry_after
    graph.faults.add("server_error")
    with pytest.raises(TransientError):
        await page.send(outgoing)
    graph.faults.add("blocked")
    with pytest.raises(Rejected):
        await page.send(outgoing)
    assert "sent" == (await page.send(outgoing)).state


# hiding


async def test_a_comment_is_hidden(
    page: Facebook, graph: Server, asked: Comment, shipped: Comment, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    await page.hide(event(asked, PUBLIC))
    await page.hide(event(shipped, IG_PUBLIC))
    assert (True, True) == (asked.hidden, shipped.hidden)
    assert f"comment {asked.id} was hidden" in caplog.text


async def test_hiding_an_edited_comment_hides_the_comment(page: Facebook, asked: Comment) -> None:
    await page.hide(event(asked, PUBLIC, id=f"{asked.id}:edited:1", kind="edit", reply_to=asked.id))
    assert asked.hidden


# opening and examining


async def test_a_token_of_another_account_is_refused_at_the_start(connect: Connect) -> None:
    with pytest.raises(ConfigurationError, match=r"connectors\.facebook\.page_access_token is of '130000000000001'"):
        await connect(page_id="130000000000009")
    with pytest.raises(TokenRefused):
        await connect(page_access_token="EAAnone")
    with pytest.raises(ConfigurationError, match="page_access_token"):
        await connect(page_access_token=WHATSAPP_TOKEN)


async def test_all_is_well(connect: Connect, graph: Server, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    graph.subscriptions.fields[PAGE_ID] = ["messages", "feed"]
    page = await connect(replies=["public", "private"], app_id=APP_ID)
    findings = await page.check()
    assert 5 * ["ok"] == [finding.status for finding in findings]
    assert "pages_manage_engagement" in findings[2].detail
    assert not any(secret in f"{findings}{caplog.text}" for secret in SECRETS.values())


async def test_what_is_missing_is_named(connect: Connect, graph: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SCOPES, PAGE_TOKEN, ("pages_read_engagement", "pages_messaging"))
    graph.subscriptions.fields[PAGE_ID] = ["messages"]
    page = await connect(instagram_account_id="999")
    findings = await page.check()
    assert ["ok", "ok", "fail", "fail", "fail"] == [finding.status for finding in findings]
    assert "lacks pages_read_user_content, pages_manage_engagement, instagram_basic" in findings[2].detail
    assert "no comment arrives" in findings[3].detail
    assert f"is linked to {INSTAGRAM_ID}" in findings[4].detail
    assert all(finding.remedy for finding in findings[2:])


async def test_examining_raises_nothing(page: Facebook, graph: Server) -> None:
    graph.comments.clear()
    other = facebook(graph_base_url="http://127.0.0.1:9")
    _, away = await other.check()
    assert ("warn", "check the network, or use --offline") == (away.status, away.remedy)
    await other.aclose()
