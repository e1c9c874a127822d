"""What is sent to Instagram goes out by the right host and path, and is cut by bytes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest
from accounts import APP_ID, APP_SECRET, INSTAGRAM_ID, INSTAGRAM_TOKEN, PAGE_ID, PAGE_TOKEN, VERIFY_TOKEN
from graph_access import INSTAGRAM_SCOPED_ID
from graph_server import GraphServer
from graph_world import Person
from hypothesis import given, settings
from hypothesis import strategies as st
from messaging_payloads import PERSON

from assistant.connector import Disclosing, Handing, Reacting, Windowed
from assistant.errors import ConfigurationError, Rejected
from assistant.markup import utf8
from assistant.types import Address, Attachment, Button, Outgoing
from connectors._messaging_bodies import split, visible
from connectors._messaging_limits import ACCOUNT_FIELDS, INSTAGRAM
from connectors._meta_errors import WindowClosed
from connectors.instagram import Instagram

TO = Address("instagram", INSTAGRAM_ID, PERSON)
LINK = Button("Open the shop", url="https://shop.example/")

Connect = Callable[..., Awaitable[Instagram]]


@pytest.fixture
def ann(graph: GraphServer) -> Person:
    person = graph.person("instagram", PERSON)
    graph.says(person, "hello")
    return person


@pytest.fixture
async def connect(graph: GraphServer) -> AsyncIterator[Connect]:
    async with AsyncExitStack() as stack:

        async def made(login: str = "instagram", **options: Any) -> Instagram:
            route = {"access_token": INSTAGRAM_TOKEN, "graph_base_url": f"{graph.url}/instagram"}
            if login == "page":
                route = {"access_token": PAGE_TOKEN, "graph_base_url": graph.url, "page_id": PAGE_ID}
            wanted = {"account_id": INSTAGRAM_ID, "app_secret": APP_SECRET, "verify_token": VERIFY_TOKEN, "app_id": APP_ID,
                      "login": login, **route, **options}  # fmt: skip
            connector = Instagram(**wanted)
            stack.push_async_callback(connector.aclose)
            return connector

        yield made


@pytest.mark.parametrize(
    ("login", "path"), [("instagram", "/instagram/v26.0/me/messages"), ("page", f"/v26.0/{PAGE_ID}/messages")]
)
async def test_each_login_has_its_own_path(
    graph: GraphServer, ann: Person, connect: Connect, login: str, path: str
) -> None:
    receipt = await (await connect(login)).send(Outgoing(TO, "Yes.", reply_to="IG1", key="turn:0"))
    [shown] = ann.seen
    assert (path, (shown.id,)) == (graph.calls[-1].path, receipt.ids)
    expected = {"recipient": {"id": PERSON}, "reply_to": {"mid": "IG1"},
                "message": {"text": "Yes.", "metadata": "assistant:turn:0"}}  # fmt: skip
    assert expected == shown.body


@pytest.mark.parametrize("login", ["instagram", "page"])
async def test_whose_token_it_is_is_asked_at_the_start(connect: Connect, login: str) -> None:
    await (await connect(login)).open(webhook_url="https://bot.example/webhooks/instagram")
    wrong = await connect(login, account_id=INSTAGRAM_SCOPED_ID)
    with pytest.raises(
        ConfigurationError, match=rf"access_token is of '{INSTAGRAM_ID}', but connectors\.instagram\.account_id"
    ):
        await wrong.open(webhook_url=None)


async def test_doctor_asks_for_the_fields_of_the_account(graph: GraphServer, connect: Connect) -> None:
    connector = await connect()
    assert ["ok", "ok", "warn", "fail"] == [found.status for found in await connector.check()]
    graph.subscriptions.fields[INSTAGRAM_SCOPED_ID] = list(ACCOUNT_FIELDS)
    found = await connector.check()
    assert ["ok", "ok", "warn", "ok"] == [each.status for each in found]
    assert "cannot be looked up with Instagram Login" in found[2].detail
    by_page = await connect("page")
    assert ["ok", "ok", "ok", "fail"] == [found.status for found in await by_page.check()]
    graph.subscriptions.fields[PAGE_ID] = ["feed"]
    assert ["ok", "ok", "ok", "ok"] == [found.status for found in await by_page.check()]


async def test_doctor_names_the_page_where_its_id_is_wrong(connect: Connect) -> None:
    found = (await (await connect("page", page_id="4242")).check())[1]
    assert found.remedy.startswith("check connectors.instagram.page_id: Meta has no such id")


async def test_a_text_is_cut_by_bytes(ann: Person, connect: Connect) -> None:
    text = "天地玄黄宇宙洪荒。" * 100
    await (await connect()).send(Outgoing(TO, text, key="turn"))
    assert text == "".join(shown.text for shown in ann.seen)
    assert max(utf8(shown.text) for shown in ann.seen) <= 1000 < utf8(text)


async def test_buttons_that_stay_and_cards_are_taken(ann: Person, connect: Connect) -> None:
    connector = await connect()
    await connector.send(Outgoing(TO, "é" * 600, buttons=(LINK, Button("No")), key="turn"))
    assert ([(), ("Open the shop", "No")], True) == (
        [shown.buttons for shown in ann.seen],
        utf8(ann.seen[-1].text) <= 640,
    )
    await connector.send(
        Outgoing(TO, "See:", buttons=tuple(Button(f"{n}", url="https://a.example/") for n in range(4)))
    )
    assert "0 a.example\n1 a.example\n2 a.example\n3 a.example" == ann.seen[-1].text


async def test_a_file_that_is_data_needs_the_page(graph: GraphServer, ann: Person, connect: Connect) -> None:
    picture = Attachment("image", data=b"\x89PNG", name="a.png", mime_type="image/png")
    with pytest.raises(Rejected, match=r"public url, or set connectors\.instagram\.login to 'page'"):
        await (await connect()).send(Outgoing(TO, "Here.", attachments=(picture,)))
    assert [] == ann.seen
    await (await connect("page")).send(Outgoing(TO, "Here.", attachments=(picture,)))
    upload = next(call for call in graph.calls if call.path.endswith("/message_attachments"))
    assert ("instagram", b"\x89PNG") == (upload.body["platform"], graph.media[str(ann.seen[0].media)].data)


async def test_a_closed_window_has_instagram_s_own_code(graph: GraphServer, ann: Person, connect: Connect) -> None:
    graph.pass_time(24 * 3600 + 60)
    for login in ("instagram", "page"):
        with pytest.raises(WindowClosed):
            await (await connect(login)).send(Outgoing(TO, "Late."))
    with pytest.raises(Rejected, match="Instagram takes messages of a bot for 24 hours"):
        await (await connect()).send_beyond(Outgoing(TO, "Late."))


async def test_it_is_what_it_says_it_is(connect: Connect) -> None:
    connector = await connect()
    assert [True, True, True, False] == [
        isinstance(connector, each) for each in (Windowed, Handing, Disclosing, Reacting)
    ]
    assert ("", "meta") == (connector.disclosure, connector.callback)


@settings(deadline=None, max_examples=60)
@given(
    words=st.lists(
        st.text(alphabet="ab*_`~é漢字한สวัус🙂👩‍🚀()[]#>-.", min_size=1, max_size=40), min_size=1, max_size=30
    ),
    times=st.integers(1, 40),
    linked=st.booleans(),
)
def test_a_text_in_any_script_fits_and_loses_nothing(words: list[str], times: int, linked: bool) -> None:
    text = " ".join(words * times)
    parts = split(Outgoing(TO, text, buttons=(LINK,) if linked else (), key="turn"), INSTAGRAM)
    sizes = [utf8(visible(part.text)) for part in parts]
    assert max(sizes) <= 1000
    assert not linked or sizes[-1] <= 640
    assert parts == tuple(each for part in parts for each in split(part, INSTAGRAM))
