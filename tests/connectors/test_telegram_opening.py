"""Before the first event: options, who the bot is, webhook or polling, commands; and the loop that polls."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from assistant.connector import Accept
from assistant.errors import ConfigurationError, InvalidWebhook, Rejected, TransientError
from assistant.registry import open_connectors
from assistant.settings import Settings
from assistant.testing.connector_subject import until
from assistant.testing.telegram_api import TelegramApi
from assistant.types import Address, Button, Incoming, Outgoing, Webhook
from connectors.telegram import HEADER, Telegram

URL = "https://bot.example/webhooks/telegram"
SECRET = "a-long-random-word"


@pytest.mark.parametrize(
    ("options", "key"),
    [
        ({"token": "hunter2"}, "token"),
        ({"token": ""}, "token"),
        ({"token": "12:hunter2 "}, "token"),
        ({"secret_token": "hunter2!"}, "secret_token"),
        ({"secret_token": ""}, "secret_token"),
        ({"mode": "webhook"}, "secret_token"),
        ({"mode": "push"}, "mode"),
        ({"api_base_url": "telegram"}, "api_base_url"),
        ({"languages": ["tlh"]}, "languages"),
        ({"poll_seconds": 0}, "poll_seconds"),
        ({"max_connections": 101}, "max_connections"),
    ],
)
def test_an_option_that_cannot_be_is_named_and_no_secret_shown(options: dict[str, Any], key: str) -> None:
    with pytest.raises(ConfigurationError, match=rf"connectors\.tg\.{key}") as caught:
        Telegram(**{"token": "700000001:abcdef", "name": "tg", **options})
    assert "hunter2" not in str(caught.value)


def test_the_registry_makes_one_of_a_section_as_the_environment_has_it() -> None:
    section = {"class": "connectors.telegram:Telegram", "token": "700000001:abcdef", "streaming": "false",
               "languages": "de, es", "poll_seconds": "5", "unknown_sends": "park"}  # fmt: skip
    bot = open_connectors(Settings(connectors={"second": section}))["second"]
    assert isinstance(bot, Telegram)
    assert ("second", False, "park") == (bot.name, bot.capabilities.streaming, bot.unknown_sends)


@pytest.mark.parametrize("sent", ["", "wrong", SECRET[:-1], f"{SECRET}x", "sécret", "\udcff"])
def test_a_webhook_without_the_secret_is_refused(sent: str) -> None:
    bot = Telegram(token="700000001:abcdef", secret_token=SECRET)
    with pytest.raises(InvalidWebhook):
        bot.verify(Webhook(method="POST", headers={HEADER: sent}, body=b"{}"))
    bot.verify(Webhook(method="POST", headers={HEADER.upper(): SECRET}, body=b"{}"))


@pytest.mark.parametrize("headers", [{}, {HEADER: ""}])
def test_without_a_secret_every_webhook_is_refused(headers: dict[str, str]) -> None:
    with pytest.raises(InvalidWebhook):
        Telegram(token="700000001:abcdef").verify(Webhook(method="POST", headers=headers, body=b"{}"))


@pytest.mark.usefixtures("unblocked")
async def test_with_a_public_url_and_a_secret_it_uses_webhooks(connect: Any, api: TelegramApi) -> None:
    bot = await connect(secret_token=SECRET, webhook_url=URL)
    [call] = api.called("setWebhook")
    assert not bot.polls
    assert (URL, SECRET, 40) == tuple(call.parameters[key] for key in ("url", "secret_token", "max_connections"))
    assert {"message", "edited_message", "callback_query", "message_reaction", "my_chat_member"} == set(
        call.parameters["allowed_updates"]
    )
    assert not call.parameters.get("drop_pending_updates")


@pytest.mark.parametrize(
    "options", [{}, {"secret_token": SECRET}, {"webhook_url": URL}, {"secret_token": SECRET, "webhook_url": "ftp://b/"}]
)
async def test_where_telegram_cannot_call_or_not_be_believed_it_polls(connect: Any, options: dict[str, Any]) -> None:
    bot = await connect(**options)
    assert bot.polls


async def test_a_server_of_ones_own_that_is_reached_by_http_calls_by_http(connect: Any, api: TelegramApi) -> None:
    bot = await connect(secret_token=SECRET, webhook_url="http://127.0.0.1:1/webhooks/telegram")
    assert (False, "http://127.0.0.1:1/webhooks/telegram") == (bot.polls, api.updates.webhook_url)


async def test_polling_that_is_configured_removes_a_webhook_and_drops_nothing(connect: Any, api: TelegramApi) -> None:
    await connect(secret_token=SECRET, webhook_url=URL)
    bot = await connect(mode="polling", webhook_url=URL)
    [call] = api.called("deleteWebhook")
    assert (True, "") == (bot.polls, api.updates.webhook_url)
    assert not call.parameters.get("drop_pending_updates")


async def test_a_webhook_of_somebody_else_is_explained(connect: Any) -> None:
    await connect(secret_token=SECRET, webhook_url=URL)
    with pytest.raises(ConfigurationError, match=r"webhook at 'bot\.example'.*mode = \"polling\""):
        await connect()


async def test_a_webhook_that_is_registered_already_is_used_where_there_is_a_secret(connect: Any) -> None:
    await connect(secret_token=SECRET, webhook_url=URL)
    assert not (await connect(secret_token=SECRET)).polls


async def test_a_webhook_mode_without_a_url_warns(connect: Any, caplog: pytest.LogCaptureFixture) -> None:
    bot = await connect(mode="webhook", secret_token=SECRET)
    assert not bot.polls
    assert "server.public_url" in caplog.text


async def test_a_url_that_telegram_refuses_is_explained(connect: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"server\.public_url must be an https address"):
        await connect(mode="webhook", secret_token=SECRET, webhook_url="http://bot.example/")


async def test_a_wrong_token_is_rejected_without_being_shown(connect: Any) -> None:
    with pytest.raises(Rejected, match=r"connectors\.telegram\.token") as caught:
        await connect(token="700000001:another-token")
    assert "another" not in str(caught.value)


async def test_while_telegram_is_away_opening_is_transient(connect: Any, api: TelegramApi) -> None:
    api.fail("getMe", status=502)
    with pytest.raises(TransientError):
        await connect()


async def test_commands_are_registered_in_each_language(connect: Any, api: TelegramApi) -> None:
    await connect(languages=["de", "es"])
    assert {("default", ""), ("default", "de"), ("default", "es")} == {
        (scope.removeprefix("type:"), code) for scope, code in api.commands
    }
    for described in api.commands.values():
        assert ["start", "help", "reset", "stop", "sources", "human"] == [each["command"] for each in described]


async def test_all_languages_of_the_bot_are_offered_by_default(connect: Any, api: TelegramApi) -> None:
    await connect(languages=None)
    assert {"", "en", "zh", "es", "de", "fr", "pt", "ru", "ar", "hi", "id"} <= {code for _, code in api.commands}


async def test_commands_that_cannot_be_registered_stop_nothing(
    connect: Any, api: TelegramApi, caplog: pytest.LogCaptureFixture
) -> None:
    api.fail("setMyCommands", status=429, retry_after=5, times=3)
    await connect(languages=["de", "es"])
    assert "commands could not be registered" in caplog.text


async def test_the_username_is_learned(connect: Any, api: TelegramApi) -> None:
    bot = await connect()
    api.user_says(-900, "@test_bot hi")
    [update] = api.updates.pending
    assert ["hi"] == [event.text for event in bot.parse(Webhook(method="POST", body=json.dumps(update).encode()))]


async def polled(bot: Telegram, accept: Accept, ended: Callable[[], object]) -> None:
    """Poll until something happened."""
    task = asyncio.create_task(bot.poll(accept))
    try:
        await until(lambda: ended() or task.done(), "it did not happen")
    finally:
        task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    if not task.cancelled():
        task.result()


class Recorder:
    """Records what comes, and fails as often as it is told."""

    def __init__(self, *, failures: int = 0) -> None:
        self.failures = failures
        self.events: list[Incoming] = []

    @property
    def texts(self) -> list[str]:
        return [event.text for event in self.events]

    async def __call__(self, events: Sequence[Incoming]) -> None:
        if self.failures:
            self.failures -= 1
            raise TransientError("the disk is full")
        self.events += events


@pytest.mark.usefixtures("unblocked")
async def test_what_could_not_be_recorded_is_fetched_again(bot: Telegram, api: TelegramApi) -> None:
    recorder = Recorder(failures=2)
    for text in ("one", "two", "three"):
        api.user_says(5, text)
    await polled(bot, recorder, lambda: not api.updates.pending)
    assert ["one", "two", "three"] == recorder.texts


async def test_what_was_not_recorded_is_not_confirmed(bot: Telegram, api: TelegramApi) -> None:
    api.user_says(5, "one")
    recorder = Recorder(failures=1000)
    await polled(bot, recorder, lambda: recorder.failures < 999)
    assert ["one"] == [update["message"]["text"] for update in api.updates.pending]


async def test_updates_that_are_not_known_do_not_stop_the_others(bot: Telegram, api: TelegramApi) -> None:
    recorder = Recorder()
    for number, update in enumerate([{"new_in_2030": {}}, {"message": {}}, {"message": None}, {"poll": 3}], start=2000):
        api.updates.put({"update_id": number, **update})
    api.updates.put({"update_id": 3000, "message": {"chat": {"id": 5, "type": "private", "new": 1}, "message_id": 9, "date": 1, "text": "hi"}})  # fmt: skip
    await polled(bot, recorder, lambda: not api.updates.pending)
    assert ["hi"] == recorder.texts


@pytest.mark.parametrize("fault", [{"status": 502}, {"cut": "after"}, {"cut": "before"}, {"retry_after": 1}])
async def test_polling_survives_what_passes(bot: Telegram, api: TelegramApi, fault: dict[str, Any]) -> None:
    api.fail("getUpdates", times=2, **fault)
    api.user_says(5, "one")
    recorder = Recorder()
    await polled(bot, recorder, lambda: not api.updates.pending)
    assert ["one"] == recorder.texts


async def test_another_process_that_polls_is_explained_and_not_fought(connect: Any, api: TelegramApi) -> None:
    first, second = await connect(), await connect()
    task = asyncio.create_task(first.poll(Recorder()))
    await until(lambda: api.called("getUpdates"), "nobody polls")
    other = asyncio.create_task(second.poll(Recorder()))
    with pytest.raises(ConfigurationError, match="another process polls with the same token"):
        await asyncio.wait_for(task, 30)
    assert not other.done()
    other.cancel()


async def test_a_webhook_that_is_set_while_polling_is_explained(bot: Telegram, api: TelegramApi) -> None:
    task = asyncio.create_task(bot.poll(Recorder()))
    await until(lambda: api.called("getUpdates"), "nobody polls")
    other = Telegram(token=api.token, api_base_url=bot._url, secret_token=SECRET, languages=[])
    await other.open(webhook_url=URL)
    with pytest.raises(ConfigurationError, match=r"a webhook at 'bot\.example' gets them"):
        await asyncio.wait_for(task, 30)
    await other.aclose()


async def test_a_token_that_is_revoked_while_polling_is_rejected(bot: Telegram, api: TelegramApi) -> None:
    api.fail("getUpdates", status=401)
    with pytest.raises(Rejected, match="token"):
        await bot.poll(Recorder())


async def test_a_tap_is_acknowledged(bot: Telegram, api: TelegramApi) -> None:

    await bot.send(Outgoing(Address("telegram", "700000001", "5"), "Good?", buttons=(Button("👍", data="up"),)))
    recorder = Recorder()
    query = api.taps(5, 1, "👍")
    await polled(bot, recorder, lambda: recorder.texts == ["up"])
    assert query not in api.answered_taps

    await bot.acknowledge(recorder.events)
    assert query in api.answered_taps


async def test_an_outage_is_logged_once(bot: Telegram, api: TelegramApi, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "connectors")
    api.fail("getUpdates", times=2, status=502)
    api.user_says(5, "one")
    await polled(bot, Recorder(), lambda: not api.updates.pending)
    assert 1 == caplog.text.count("has a fault")
    assert 1 == caplog.text.count("updates flow again")
