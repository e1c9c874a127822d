"""The holes that connectors of Meta's surfaces were found to have elsewhere: the four of this product, over HTTP, have none.

| the hole | held by |
| --- | --- |
| only the first change of an entry is read | test_every_event_of_a_batch_is_recorded_whoever_was_called |
| only the first event of an entry is read | the same |
| a batch with one event that is not understood is lost as a whole | test_what_is_not_understood_costs_no_other_event |
| an answer shows the signature that was expected | test_a_bad_signature_is_401_without_a_word |
| the request's header chooses the hash | test_a_bad_signature_is_401_without_a_word |
| 200 for a bad signature | test_a_bad_signature_is_401_without_a_word |
| without a secret everything is believed | test_without_a_secret_the_server_does_not_start |
| a text is cut off at the limit without a word | test_nothing_of_a_long_answer_is_lost |
| what comes again after ten minutes, in another batch, is answered twice | test_what_comes_again_later_is_one_turn |
| a person is a telephone number | test_a_person_is_no_telephone_number |
| messages and comments at one URL take each other's events | test_every_event_of_a_batch_is_recorded_whoever_was_called |
| the bot answers itself | test_what_the_accounts_say_themselves_is_no_turn |
"""

from __future__ import annotations

import hashlib
import hmac
import itertools
import json
from collections.abc import Callable
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import settings as hypothesis
from hypothesis import strategies as st
from messaging import URL, Bot

from assistant.connector import Connector, Splitting
from assistant.errors import ConfigurationError
from assistant.markup import plain
from assistant.registry import open_connectors
from assistant.settings import Settings
from assistant.types import Address, Outgoing
from connectors._meta_text import whatsapp

APP_ID, APP_SECRET, WORD = "500000000000001", "0123456789abcdef0123456789abcdef", "a-long-random-word"
PAGE_ID, INSTAGRAM_ID, PHONE_NUMBER_ID = "130000000000001", "17841400000000001", "120000000000001"
PAGE_TOKEN, WHATSAPP_TOKEN = "EAApage-token-of-the-tests", "EAAwhatsapp-token-of-the-tests"
NOWHERE = "http://127.0.0.1:9"
"""Nobody is there: what is recorded is looked at, not what is sent."""

SHARED = {"app_secret": APP_SECRET, "verify_token": WORD, "graph_base_url": NOWHERE}
SECTIONS: dict[str, dict[str, Any]] = {
    "whatsapp": {
        **SHARED,
        "class": "connectors.whatsapp:WhatsApp",
        "access_token": WHATSAPP_TOKEN,
        "phone_number_id": PHONE_NUMBER_ID,
    },
    "messenger": {
        **SHARED,
        "class": "connectors.messenger:Messenger",
        "page_access_token": PAGE_TOKEN,
        "page_id": PAGE_ID,
        "app_id": APP_ID,
    },
    "instagram": {
        **SHARED,
        "access_token": PAGE_TOKEN,
        "account_id": INSTAGRAM_ID,
        "login": "page",
        "page_id": PAGE_ID,
        "class": "connectors.instagram:Instagram",
    },
    "facebook": {
        **SHARED,
        "class": "connectors.facebook:Facebook",
        "page_access_token": PAGE_TOKEN,
        "page_id": PAGE_ID,
        "instagram_account_id": INSTAGRAM_ID,
    },
}
ANN, PHONE, USER = "5100000000000001", "15550002222", "US.13491208655302741918"
AT = 1_793_000_000
SURFACES = pytest.mark.parametrize("surface", SECTIONS)


def message(account: str, mid: str, **more: Any) -> dict[str, Any]:
    told = {"mid": mid, "text": "hello", **more}
    return {"sender": {"id": ANN}, "recipient": {"id": account}, "timestamp": AT * 1000, "message": told}


def comment(id: str, author: str = ANN) -> dict[str, Any]:
    value = {"item": "comment", "verb": "add", "comment_id": id, "post_id": f"{PAGE_ID}_1", "message": "Open?",
             "from": {"id": author, "name": "Ann"}, "created_time": AT}  # fmt: skip
    return {"field": "feed", "value": value}


def below_a_picture(id: str, author: str = ANN) -> dict[str, Any]:
    return {"field": "comments", "value": {"id": id, "from": {"id": author}, "text": "Open?", "media": {"id": "9"}}}


def chatted(*ids: str, **more: Any) -> dict[str, Any]:
    messages = [
        {"from": PHONE, "id": id, "timestamp": str(AT), "type": "text", "text": {"body": "hi"}, **more} for id in ids
    ]
    value = {"messaging_product": "whatsapp", "metadata": {"phone_number_id": PHONE_NUMBER_ID}, "messages": messages}
    return {"field": "messages", "value": value}


def body(object: str, *entries: dict[str, Any]) -> bytes:
    return json.dumps({"object": object, "entry": list(entries)}).encode()


def entry(id: str, *messages: dict[str, Any], changes: tuple[dict[str, Any], ...] = ()) -> dict[str, Any]:
    return {"id": id, "time": AT, "messaging": list(messages), "changes": list(changes)}


BATCHES = {
    "page": body(
        "page",
        entry(PAGE_ID, message(PAGE_ID, "m_1"), message(PAGE_ID, "m_2"), changes=(comment("c_1"), comment("c_2"))),
        entry(PAGE_ID, message(PAGE_ID, "m_3"), changes=(comment("c_3"),)),
    ),
    "instagram": body(
        "instagram",
        entry(
            INSTAGRAM_ID, message(INSTAGRAM_ID, "i_1"), message(INSTAGRAM_ID, "i_2"), changes=(below_a_picture("p_1"),)
        ),
        entry(INSTAGRAM_ID, message(INSTAGRAM_ID, "i_3"), changes=(below_a_picture("p_2"), below_a_picture("p_3"))),
    ),
    "whatsapp_business_account": body(
        "whatsapp_business_account",
        entry("1", changes=(chatted("wamid.1", "wamid.2"), chatted("wamid.3"))),
        entry("1", changes=(chatted("wamid.4"),)),
    ),
}
EXPECTED = {
    "page": {f"messenger:{PAGE_ID}:m_{n}" for n in (1, 2, 3)} | {f"facebook:{PAGE_ID}:c_{n}" for n in (1, 2, 3)},
    "instagram": {f"instagram:{INSTAGRAM_ID}:i_{n}" for n in (1, 2, 3)} | {f"facebook:{INSTAGRAM_ID}:p_{n}" for n in (1, 2, 3)},
    "whatsapp_business_account": {f"whatsapp:{PHONE_NUMBER_ID}:wamid.{n}" for n in (1, 2, 3, 4)},
}  # fmt: skip


def signature(content: bytes, algorithm: str = "sha256", secret: str = APP_SECRET) -> str:
    return f"{algorithm}={hmac.new(secret.encode(), content, algorithm).hexdigest()}"


def turns(bot: Bot) -> dict[str, str]:
    """The ids of the turns that are recorded, with their conversations."""
    return {turn["id"]: turn["conversation"] for turn in bot.client.get("/v1/inbox").json()["turns"]}


def post(bot: Bot, content: bytes, *, to: str = "messenger", **headers: str) -> Any:
    given = headers or {"X-Hub-Signature-256": signature(content)}
    return bot.client.post(
        f"/webhooks/{to}", content=content, headers={k.replace("_", "-"): v for k, v in given.items()}
    )


@pytest.fixture
def bot(open_bot: Callable[..., Bot]) -> Bot:
    """The four, of one application."""
    return open_bot(**SECTIONS)


def connectors(**changed: Any) -> dict[str, Connector]:
    sections = {name: {**section, **changed} for name, section in SECTIONS.items()}
    return open_connectors(Settings.model_validate({"connectors": sections}))


@SURFACES
def test_every_event_of_a_batch_is_recorded_whoever_was_called(bot: Bot, surface: str) -> None:
    for object, content in BATCHES.items():
        before = set(turns(bot))
        assert 200 == post(bot, content, to=surface).status_code
        assert EXPECTED[object] == set(turns(bot)) - before


def test_a_message_that_did_not_arrive_is_logged_without_its_person(bot: Bot, caplog: pytest.LogCaptureFixture) -> None:
    error = {"code": 131026, "title": "Message undeliverable", "error_data": {"details": f"Nobody at +{PHONE}."}}
    status = {"id": "wamid.1", "status": "failed", "timestamp": str(AT), "recipient_id": PHONE, "errors": [error]}
    change = chatted()
    del change["value"]["messages"]
    change["value"]["statuses"] = [status]
    with caplog.at_level("INFO", logger="assistant.server.webhooks"):
        assert 200 == post(bot, body("whatsapp_business_account", entry("1", changes=(change,)))).status_code
    [line] = [record for record in caplog.records if record.name == "assistant.server.webhooks"]
    expected = "webhook whatsapp: a message was not delivered: 131026: the person cannot be reached: no WhatsApp, an old one, or " \
        "blocked (Nobody at …): nothing helps until the person changes that"  # fmt: skip
    assert ("WARNING", expected) == (line.levelname, line.getMessage())


def test_a_bad_signature_is_one_line_with_a_hint(bot: Bot, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO", logger="assistant.server.webhooks"):
        post(bot, GOOD, X_Hub_Signature_256=signature(GOOD, secret="guessed"))
    [line] = [record.getMessage() for record in caplog.records if record.name == "assistant.server.webhooks"]
    assert line.endswith("is app_secret that of the app that sends? (messenger, whatsapp, instagram, facebook)")


BROKEN: list[Any] = [
    None,
    {},
    [],
    "x",
    3,
    {"mid": None},
    {"mid": "m_x", "text": []},
    {"mid": {"mid": 1}, "is_echo": True},
]


def test_what_is_not_understood_costs_no_other_event(bot: Bot) -> None:
    for number, broken in enumerate(BROKEN):
        m, c, w = f"m_{number}", f"c_{number}", f"wamid.{number}"
        wrong = {"sender": {"id": ANN}, "recipient": {"id": PAGE_ID}, "timestamp": "soon", "message": broken}
        feed = {"field": "feed", "value": broken}
        said = chatted(f"{w}x", text={"body": broken} if broken != "x" else broken)
        page = body(
            "page", broken, entry(PAGE_ID, broken, wrong, message(PAGE_ID, m), changes=(broken, feed, comment(c))),
            {"id": PAGE_ID, "messaging": broken, "changes": broken},
        )  # fmt: skip
        chats = body("whatsapp_business_account", broken, entry("1", changes=(broken, chatted(w), feed, said)))
        before = set(turns(bot))
        assert [200, 200] == [post(bot, each).status_code for each in (page, chats)]
        expected = {f"messenger:{PAGE_ID}:{m}", f"facebook:{PAGE_ID}:{c}", f"whatsapp:{PHONE_NUMBER_ID}:{w}"}
        assert expected == set(turns(bot)) - before


GOOD = BATCHES["page"]
BAD: list[dict[str, str]] = [
    {"X_Nothing": "here"},
    {"X_Hub_Signature_256": ""},
    {"X_Hub_Signature_256": signature(GOOD, secret="guessed")},
    {"X_Hub_Signature_256": signature(GOOD, secret="")},
    {"X_Hub_Signature_256": signature(GOOD + b" ")},
    {"X_Hub_Signature_256": signature(GOOD, "sha1")},
    {"X_Hub_Signature_256": signature(GOOD, "sha512")},
    {"X_Hub_Signature_256": signature(GOOD, "md5")},
    {"X_Hub_Signature_256": signature(GOOD).removeprefix("sha256=")},
    {"X_Hub_Signature_256": "none=" + hashlib.sha256(GOOD).hexdigest()},
    {"X_Hub_Signature": signature(GOOD, "sha1")},
    {"X_Hub_Signature": signature(GOOD)},
]


def test_a_bad_signature_is_401_without_a_word(bot: Bot) -> None:
    for surface, headers in itertools.product(SECTIONS, BAD):
        response = post(bot, GOOD, to=surface, **headers)
        assert (401, b"") == (response.status_code, response.content), headers
        assert not [value for value in response.headers.values() if signature(GOOD).removeprefix("sha256=") in value]
    assert {} == turns(bot)


@SURFACES
@pytest.mark.parametrize("secret", ["", "  ", None])
def test_without_a_secret_the_server_does_not_start(
    bot_app: Callable[..., FastAPI], surface: str, secret: str | None
) -> None:
    changed = {key: value for key, value in {**SECTIONS[surface], "app_secret": secret}.items() if value is not None}
    with pytest.raises(ConfigurationError, match=rf"connectors\.{surface}\.app_secret is not set"):
        bot_app(**{surface: changed})


def test_what_comes_again_later_is_one_turn(bot_app: Callable[..., FastAPI]) -> None:
    regrouped = body("page", entry(PAGE_ID, message(PAGE_ID, "m_3"), message(PAGE_ID, "m_1"), message(PAGE_ID, "m_2")))
    with TestClient(bot_app(**SECTIONS), base_url=URL) as client:
        bot = Bot(client)
        bot.wait_for("ready")
        assert [200, 200] == [post(bot, content).status_code for content in (GOOD, regrouped)]
        assert EXPECTED["page"] == set(turns(bot))
    with TestClient(bot_app(**SECTIONS), base_url=URL) as client:  # nothing of it is in memory: ten minutes are as one
        bot = Bot(client)
        bot.wait_for("ready")
        assert [200, 200] == [post(bot, content, to="facebook").status_code for content in (regrouped, GOOD)]
        assert EXPECTED["page"] == set(turns(bot))


def test_a_person_is_no_telephone_number(bot: Bot) -> None:
    ids = {"from_user_id": USER}
    both, id_only = chatted("wamid.1", **ids), chatted("wamid.2", **ids)
    del id_only["value"]["messages"][0]["from"]
    number_only = chatted("wamid.3")
    content = [body("whatsapp_business_account", entry("1", changes=(each,))) for each in (number_only, both, id_only)]

    assert [200, 200, 200] == [post(bot, each, to="whatsapp").status_code for each in content]
    assert {f"whatsapp:{PHONE_NUMBER_ID}:wamid.{n}": f"whatsapp:{PHONE_NUMBER_ID}:{PHONE}" for n in (1, 2, 3)} == turns(
        bot
    )


def test_what_the_accounts_say_themselves_is_no_turn(bot: Bot) -> None:
    def own(account: str, mid: str) -> dict[str, Any]:
        told = message(account, mid, is_echo=True, metadata="assistant:key", app_id=int(APP_ID))
        return {**told, "sender": told["recipient"], "recipient": told["sender"]}

    page = body("page", entry(PAGE_ID, own(PAGE_ID, "m_1"), changes=(comment("c_1", author=PAGE_ID),)))
    account = entry(INSTAGRAM_ID, own(INSTAGRAM_ID, "i_1"), changes=(below_a_picture("p_1", author=INSTAGRAM_ID),))
    assert [200, 200] == [post(bot, each).status_code for each in (page, body("instagram", account))]
    assert ({}, {"holders": []}) == (turns(bot), bot.client.get("/v1/inbox/holders").json())


FOUR = connectors()
WORDS = st.lists(st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=60), min_size=1, max_size=400)


@SURFACES
@hypothesis(max_examples=25, deadline=None)
@given(words=WORDS)
def test_nothing_of_a_long_answer_is_lost(surface: str, words: list[str]) -> None:
    connector = FOUR[surface]
    assert isinstance(connector, Splitting)
    text = " ".join(words)
    shown = whatsapp if surface == "whatsapp" else plain
    said = " ".join(shown(part.text) for part in connector.split(Outgoing(Address(surface, PAGE_ID, ANN, "p"), text)))
    assert "".join("".join(words).split()) == "".join(said.split())
