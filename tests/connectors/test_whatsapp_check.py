"""What is configured for WhatsApp, what is sent when the window is closed, and what `doctor` finds."""

from __future__ import annotations

import re
from typing import Any

import pytest
from accounts import WABA_ID, WHATSAPP_TOKEN
from graph_nodes import SCOPES
from graph_server import GraphServer
from graph_world import Person
from whatsapp_graph import FIXTURES, TO, Connect, settings_of
from whatsapp_payloads import connector

from assistant.errors import ConfigurationError, Rejected, TransientError
from assistant.types import Attachment, Outgoing
from connectors._meta_errors import WindowClosed
from connectors._whatsapp_template import Template
from connectors.whatsapp import WhatsApp

ann, connect, bot = FIXTURES


async def test_a_closed_window_is_an_error_of_its_own(graph: GraphServer, ann: Person, bot: WhatsApp) -> None:
    graph.pass_time(25 * 3600)
    with pytest.raises(WindowClosed, match="131047"):
        await bot.send(Outgoing(TO, "Too late."))


async def test_beyond_the_window_nothing_is_sent_where_no_template_is_configured(
    graph: GraphServer, ann: Person, bot: WhatsApp
) -> None:
    graph.pass_time(25 * 3600)
    with pytest.raises(Rejected, match=r"connectors\.whatsapp\.template"):
        await bot.send_beyond(Outgoing(TO, "Too late."))
    assert [] == ann.seen


async def test_beyond_the_window_the_template_is_sent(graph: GraphServer, ann: Person, connect: Connect) -> None:
    graph.pass_time(25 * 3600)
    graph.templates["answer_ready", "en_US"] = 0
    bot = await connect(template="answer_ready", template_language="en_US")
    receipt = await bot.send_beyond(Outgoing(TO, "An answer\n\nof any length" * 500, key="t:0"))
    [shown] = ann.seen
    assert {"name": "answer_ready", "language": {"code": "en_US", "policy": "deterministic"}} == shown.body["template"]
    assert (("sent", (shown.id,)), "t:0") == ((receipt.state, receipt.ids), shown.key)


async def test_a_template_without_a_gap_is_sent_once_for_all_parts(
    graph: GraphServer, ann: Person, connect: Connect
) -> None:
    graph.templates["answer_ready", "en_US"] = 0
    bot = await connect(template="answer_ready", template_language="en_US")
    for part in bot.split(Outgoing(TO, "word " * 2000, key="t:0")):
        assert "sent" == (await bot.send_beyond(part)).state
    assert ["template"] == [shown.kind for shown in ann.seen]


async def test_the_template_takes_the_answer_on_one_line(graph: GraphServer, ann: Person, connect: Connect) -> None:
    graph.templates["answer", "en_US"] = 1
    bot = await connect(template="answer", template_language="en_US", template_parameter=1)
    await bot.send_beyond(Outgoing(TO, "**First** line\n\n- one\n- two\t[a](https://example.org)"))
    [part] = ann.seen[0].body["template"]["components"]
    expected = {"type": "text", "text": "First line • one • two a (https://example.org)"}
    assert {"type": "body", "parameters": [expected]} == part


def test_a_gap_with_a_name_is_filled_by_its_name() -> None:
    [part] = Template("answer", "en_US", "reply").message(Outgoing(TO, "Yes"))["template"]["components"]
    assert [{"type": "text", "text": "Yes", "parameter_name": "reply"}] == part["parameters"]


async def test_an_answer_that_does_not_fit_the_template_is_rejected(ann: Person, connect: Connect) -> None:
    bot = await connect(template="answer", template_language="en_US", template_parameter="answer")
    picture = Attachment("image", url="https://example.org/a.png")
    for outgoing in (Outgoing(TO, "x" * 1025), Outgoing(TO, "Look", attachments=(picture,))):
        with pytest.raises(Rejected, match="'answer'"):
            await bot.send_beyond(outgoing)
    assert [] == ann.seen


async def test_a_wrong_token_is_told_at_the_start(graph: GraphServer, connect: Connect) -> None:
    with pytest.raises(Rejected, match="whatsapp"):
        await connect(access_token="EAAanother-token-that-nobody-knows")
    with pytest.raises(Rejected, match="whatsapp"):
        await connect(app_secret="another-secret")


async def findings(connect: Connect, **options: Any) -> list[tuple[str, str]]:
    return [(found.status, found.detail) for found in await (await connect(**options)).check()]


async def test_everything_is_well(graph: GraphServer, connect: Connect) -> None:
    graph.templates["answer", "en_US"] = 0
    graph.subscriptions.fields[WABA_ID] = ["messages"]
    options = {"business_account_id": WABA_ID, "template": "answer", "template_language": "en_US"}
    found = await findings(connect, **options)
    assert ["ok", "ok", "ok", "ok", "ok", "ok", "warn"] == [status for status, _ in found]
    assert "forbid general-purpose assistants since 2026-01-15" in found[-1][1]
    assert "whatsapp_business_management" in found[2][1]
    assert "+15550001111 (Test bot), quality GREEN" in found[1][1]


async def test_what_is_wrong_is_found(graph: GraphServer, connect: Connect) -> None:
    options = {
        "business_account_id": WABA_ID,
        "template": "answer",
        "template_language": "en_US",
        "graph_version": "v22.0",
    }
    found = await findings(connect, **options)
    assert ["fail", "fail"] == [status for status, _ in found[4:6]]
    assert "no app is subscribed" in found[4][1]
    assert "'answer' in 'en_US' is not there" in found[5][1]


async def test_a_permission_that_is_missing_is_found(
    connect: Connect, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(SCOPES, WHATSAPP_TOKEN, ("whatsapp_business_messaging",))
    with caplog.at_level("DEBUG"):
        found = await findings(connect)
    assert ("fail", "the token lacks whatsapp_business_management") == found[2]
    assert WHATSAPP_TOKEN not in caplog.text


async def test_the_key_of_a_wrong_id_is_named(graph: GraphServer) -> None:
    remedies = []
    for key, at in (("phone_number_id", 1), ("business_account_id", 3)):
        bot = WhatsApp(**settings_of(graph, **{key: "4242"}))
        remedies.append((await bot.check())[at].remedy)
        await bot.aclose()
    assert ["check connectors.whatsapp.phone_number_id", "check connectors.whatsapp.business_account_id"] == [
        remedy.partition(":")[0] for remedy in remedies
    ]


async def test_what_is_not_configured_is_said(connect: Connect) -> None:
    found = await findings(connect)
    assert ["ok", "warn", "warn", "warn"] == [status for status, _ in found[2:]]
    assert "business_account_id" in found[3][1]
    assert "template is not set" in found[4][1]


async def test_a_secret_of_another_app_is_told_from_a_wrong_token(graph: GraphServer, connect: Connect) -> None:
    wrong = (({"app_secret": "another-secret"}, "app_secret"), ({"access_token": "EAAother"}, "access_token"))
    for options, key in wrong:
        bot = WhatsApp(**settings_of(graph, **options))
        failed = [found for found in await bot.check() if found.status == "fail"]
        await bot.aclose()
        assert f"connectors.whatsapp.{key}" in failed[0].remedy
        assert not any(value in str(failed) for value in options.values())


async def test_nobody_there_is_transient_and_the_check_says_so(connect: Connect, graph: GraphServer) -> None:
    bot = connector(graph_base_url="http://127.0.0.1:9")
    with pytest.raises(TransientError):
        await bot.open(webhook_url=None)
    _, away, policy = await bot.check()
    assert ("warn", "check the network, or use --offline", "warn") == (away.status, away.remedy, policy.status)
    await bot.aclose()


@pytest.mark.parametrize(
    ("options", "key"),
    [
        ({"access_token": None}, "access_token"),
        ({"app_secret": ""}, "app_secret"),
        ({"verify_token": None}, "verify_token"),
        ({"phone_number_id": "+1 555 000 1111"}, "phone_number_id"),
        ({"business_account_id": "acme"}, "business_account_id"),
        ({"graph_base_url": "graph.facebook.com"}, "graph_base_url"),
        ({"graph_version": "v19.0"}, "graph_version"),
        ({"menu": "a word that is far too long"}, "menu"),
        ({"template": "Answer Ready", "template_language": "en"}, "template"),
        ({"template": "answer"}, "template_language"),
        ({"template_language": "en"}, "template"),
        ({"template": "answer", "template_language": "en", "template_parameter": "2"}, "template_parameter"),
    ],
)
def test_an_option_that_cannot_be_is_named(options: dict[str, Any], key: str) -> None:
    with pytest.raises(ConfigurationError, match=rf"connectors\.shop\.{key}"):
        connector(name="shop", **options)


def test_nothing_secret_is_shown() -> None:
    shown = repr(connector())
    assert re.search("token-of|secret-of", shown) is None
