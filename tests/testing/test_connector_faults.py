"""The contract suite is worth something only if it fails: one flawed connector for each promise."""

from __future__ import annotations

import contextlib
import inspect
import json
import logging
import socket
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import count
from typing import Any

import pytest

from assistant.connector import Accept, Capabilities, parts
from assistant.errors import InvalidWebhook, RateLimited, Rejected, TransientError
from assistant.testing.connector_contract import ConnectorContract, Payload
from assistant.testing.memory_connector import AskingMemoryConnector, MemoryConnector, MemoryPreview
from assistant.testing.memory_platform import SIGNATURE, MemoryPlatform, body, event, signed
from assistant.testing.offline import offline
from assistant.types import Address, Attachment, Incoming, Outgoing, Receipt, Webhook

SECRET = "the secret of the webhook"


class Suite(ConnectorContract):
    """The suite as a third party has it; `flawed` is the connector."""

    secrets = {"secret": SECRET}  # noqa: RUF012
    webhook_secret = "secret"
    polling_options = {"polls": True}  # noqa: RUF012
    payloads = (
        Payload(body(event("1", "Hello")), ("text",)),
        Payload(body(event("2", "One", chat="g1"), event("3", "Two", chat="g1", thread="5")), ("text", "text")),
        Payload(body(event("4", kind="media", file="file-1")), ("media",)),
        Payload(body(event("6", "yes", kind="button")), ("button",)),
        Payload(body(event("7", kind="lottery")), ()),
    )

    def __init__(self, flawed: type[MemoryConnector] = MemoryConnector) -> None:
        self.flawed = flawed

    def connector(self, platform: Any, **changes: Any) -> MemoryConnector:
        return self.flawed(**{"platform": platform, "text_limit": 200, **self.secrets, **changes})

    def sign(self, body: bytes, secret: str) -> Webhook:
        return signed(body, secret)


class Trusting(MemoryConnector):
    def verify(self, webhook: Webhook) -> None:
        return


class Lenient(MemoryConnector):
    def verify(self, webhook: Webhook) -> None:
        if SIGNATURE in webhook.headers:
            super().verify(webhook)


class Stumbling(MemoryConnector):
    def verify(self, webhook: Webhook) -> None:
        webhook.headers.get(SIGNATURE, "").encode("ascii")
        super().verify(webhook)


class Reading(MemoryConnector):
    def verify(self, webhook: Webhook) -> None:
        super().verify(webhook)
        json.loads(webhook.body)


class OpenWithoutSecret(MemoryConnector):
    def __init__(self, **options: Any) -> None:
        self._open = not options["secret"]
        super().__init__(**{**options, "secret": options["secret"] or "none"})

    def verify(self, webhook: Webhook) -> None:
        if not self._open:
            super().verify(webhook)


class LastOnly(MemoryConnector):
    def parse(self, webhook: Webhook) -> Sequence[Incoming]:
        return super().parse(webhook)[-1:]


class Clocked(MemoryConnector):
    def parse(self, webhook: Webhook) -> Sequence[Incoming]:
        return [replace(each, sent_at=datetime.now(UTC)) for each in super().parse(webhook)]


class Calling(MemoryConnector):
    def parse(self, webhook: Webhook) -> Sequence[Incoming]:
        with socket.socket() as client, contextlib.suppress(OSError):
            client.connect(("127.0.0.1", 9))
        return super().parse(webhook)


class Numbering(MemoryConnector):
    def parse(self, webhook: Webhook) -> Sequence[Incoming]:
        return [replace(each, id=str(index)) for index, each in enumerate(super().parse(webhook))]


class Strict(MemoryConnector):
    def parse(self, webhook: Webhook) -> Sequence[Incoming]:
        if b"x_new" in webhook.body:
            raise InvalidWebhook("a field that is not known")
        return super().parse(webhook)


class Naive(MemoryConnector):
    def parse(self, webhook: Webhook) -> Sequence[Incoming]:
        for each in json.loads(webhook.body)["events"]:
            each["id"].lower()
        return super().parse(webhook)


class Forgetful(MemoryConnector):
    async def send(self, outgoing: Outgoing) -> Receipt:
        await super().send(outgoing)
        return Receipt(())


class Truncating(MemoryConnector):
    def split(self, outgoing: Outgoing) -> Sequence[Outgoing]:
        return [replace(outgoing, text=outgoing.text[:200])]


class Overlong(MemoryConnector):
    def split(self, outgoing: Outgoing) -> Sequence[Outgoing]:
        return [outgoing]


class Chopping(MemoryConnector):
    def split(self, outgoing: Outgoing) -> Sequence[Outgoing]:
        text = outgoing.text
        return parts(outgoing, [text[at : at + 200] for at in range(0, len(text), 200)])


class Counting(MemoryConnector):
    counter = count()

    def split(self, outgoing: Outgoing) -> Sequence[Outgoing]:
        return [replace(part, key=f"{next(self.counter)}") for part in super().split(outgoing)]


class SameKeys(MemoryConnector):
    def split(self, outgoing: Outgoing) -> Sequence[Outgoing]:
        return [replace(part, key=outgoing.key) for part in super().split(outgoing)]


class Buttoning(MemoryConnector):
    def split(self, outgoing: Outgoing) -> Sequence[Outgoing]:
        return [replace(part, buttons=outgoing.buttons) for part in super().split(outgoing)]


class Retrying(MemoryConnector):
    async def send(self, outgoing: Outgoing) -> Receipt:
        receipt = await super().send(outgoing)
        return receipt if receipt.state == "sent" else await super().send(outgoing)


class Hopeful(MemoryConnector):
    async def send(self, outgoing: Outgoing) -> Receipt:
        try:
            return replace(await super().send(outgoing), state="sent")
        except RateLimited as error:
            raise RateLimited(str(error)) from None
        except Rejected as error:
            raise TransientError(str(error)) from None
        except TransientError as error:
            raise Rejected(str(error)) from None


class Leaking(MemoryConnector):
    def __repr__(self) -> str:
        return f"MemoryConnector({self._secret!r})"

    async def send(self, outgoing: Outgoing) -> Receipt:
        try:
            return await super().send(outgoing)
        except Rejected as error:
            raise Rejected("refused") from ConnectionError(f"https://api.example/{self._secret}/send: {error}")


class Undeclared(MemoryConnector):
    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.capabilities = Capabilities()


class Deduplicating(MemoryConnector):
    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.capabilities = replace(self.capabilities, repeats="dropped")

    async def send(self, outgoing: Outgoing) -> Receipt:
        return Receipt((await self.platform.put(outgoing, len(outgoing.text)),))


class Flat(MemoryConnector):
    async def send(self, outgoing: Outgoing) -> Receipt:
        return await super().send(replace(outgoing, address=replace(outgoing.address, thread=None)))


class Alone(MemoryConnector):
    def is_group(self, address: Address) -> bool:
        return False


class Silent(MemoryConnector):
    async def typing(self, address: Address, *, about: str | None = None) -> None:
        return

    async def react(self, address: Address, message_id: str, emoji: str | None) -> None:
        if emoji:
            await super().react(address, message_id, emoji)


class Leftover(MemoryConnector):
    @contextlib.asynccontextmanager
    async def preview(self, outgoing: Outgoing) -> AsyncIterator[MemoryPreview]:
        yield MemoryPreview(self, replace(outgoing, key="another"))


class Raising(MemoryConnector):
    @contextlib.asynccontextmanager
    async def preview(self, outgoing: Outgoing) -> AsyncIterator[Any]:
        yield _RaisingPreview(self, outgoing)


class _RaisingPreview(MemoryPreview):
    async def update(self, text: str) -> None:
        await self._connector.platform.put(replace(self._first, text=text), len(text), preview=True)


class Swallowing(MemoryConnector):
    @contextlib.asynccontextmanager
    async def preview(self, outgoing: Outgoing) -> AsyncIterator[MemoryPreview]:
        with contextlib.suppress(Exception):
            yield MemoryPreview(self, outgoing)


class Greedy(MemoryConnector):
    async def fetch(self, attachment: Attachment, *, max_bytes: int) -> bytes:
        if (attachment.size or 0) > max_bytes:
            raise Rejected("too large")
        return await self.platform.file(attachment.file_id)


class Empty(MemoryConnector):
    async def fetch(self, attachment: Attachment, *, max_bytes: int) -> bytes:
        try:
            return await super().fetch(attachment, max_bytes=max_bytes)
        except Rejected:
            return b""


class Hasty(MemoryConnector):
    async def poll(self, accept: Accept) -> None:
        while True:
            events = self._events(await self.platform.next_event())
            self.platform.confirm()
            with contextlib.suppress(TransientError):
                await accept(events)


class Optimistic(AskingMemoryConnector):
    async def was_sent(self, outgoing: Outgoing) -> bool | None:
        return True


class Ignorant(AskingMemoryConnector):
    async def was_sent(self, outgoing: Outgoing) -> bool | None:
        return None


FLAWS: Sequence[tuple[type[MemoryConnector], str, str]] = (
    (Trusting, "a_webhook_without_its_proof_is_refused", "verify must refuse"),
    (Trusting, "a_webhook_whose_body_was_changed_is_refused", "sign the raw bytes"),
    (Trusting, "a_webhook_signed_with_another_secret_is_refused", "another secret"),
    (Lenient, "a_webhook_without_its_proof_is_refused", "without headers"),
    (Stumbling, "a_webhook_without_its_proof_is_refused", "UnicodeEncodeError"),
    (Reading, "verifying_does_not_read_the_body", "bytes only"),
    (OpenWithoutSecret, "without_a_secret_nothing_is_let_in", "ConfigurationError"),
    (LastOnly, "every_event_of_a_body_is_returned_and_kinds_that_are_not_known_are_left_out", "every event of a batch"),
    (Clocked, "parsing_is_pure", "no clock"),
    (Calling, "parsing_is_pure", "socket.connect"),
    (Numbering, "ids_are_those_of_one_event_each", "stand for several events"),
    (Strict, "fields_of_a_later_version_change_nothing", "not known"),
    (Naive, "a_body_of_no_platform_is_refused_or_empty", "InvalidWebhook only"),
    (Naive, "a_hostile_body_gives_events_or_is_refused", "InvalidWebhook only"),
    (Forgetful, "a_message_arrives_and_its_receipt_names_it", "does not name"),
    (Truncating, "a_text_beyond_the_limit_arrives_whole", "whole and in order"),
    (Truncating, "a_word_longer_than_a_message_arrives_whole", "whole and in order"),
    (Overlong, "a_text_beyond_the_limit_arrives_whole", "the limit is 200"),
    (Overlong, "splitting_is_pure_and_loses_nothing", "within the limit"),
    (Chopping, "no_word_is_cut", "a word was cut"),
    (Chopping, "no_emoji_is_cut", "an emoji"),
    (Chopping, "a_long_code_block_arrives_line_by_line", "lines of code"),
    (Counting, "splitting_is_pure_and_loses_nothing", "the same twice"),
    (SameKeys, "splitting_is_pure_and_loses_nothing", "key of its own"),
    (Buttoning, "splitting_is_pure_and_loses_nothing", "the last has the buttons"),
    (Buttoning, "buttons_are_shown_under_the_last_message", "under the last message"),
    (Retrying, "a_connection_that_ends_after_the_request_leaves_the_outcome_unknown", "unknown"),
    (Hopeful, "a_connection_that_ends_after_the_request_leaves_the_outcome_unknown", "only the platform knows"),
    (Hopeful, "a_rate_limit_says_when_to_try_again", "the platform said 7"),
    (Hopeful, "a_failing_server_is_transient", "TransientError"),
    (Hopeful, "a_refused_connection_is_transient", "TransientError"),
    (Hopeful, "a_person_who_blocked_the_bot_is_not_tried_again", "Rejected"),
    (Leaking, "the_connector_shows_no_secret", "'secret'"),
    (Leaking, "a_person_who_blocked_the_bot_is_not_tried_again", "holds the value of 'secret'"),
    (Undeclared, "what_is_declared_is_what_is_there", "is not declared"),
    (Undeclared, "a_thread_is_a_conversation_of_its_own", "not declared"),
    (Deduplicating, "a_second_send_with_the_same_key_does_what_is_declared", "repeats='dropped'"),
    (Flat, "a_thread_is_a_conversation_of_its_own", "did not arrive there"),
    (Alone, "groups_are_told_from_other_chats", "is_group"),
    (Silent, "typing_is_shown", "not shown"),
    (Silent, "typing_that_fails_says_so_like_a_send", "typing raises as send does"),
    (Silent, "a_reaction_is_shown_and_taken_back", "react(None)"),
    (Leftover, "a_preview_grows_and_the_answer_takes_its_place", "takes the preview's place"),
    (Raising, "a_preview_that_fails_is_not_shown_and_disturbs_nobody", "raises nothing"),
    (Swallowing, "an_error_while_an_answer_is_previewed_comes_through", "swallows no error"),
    (Greedy, "a_file_is_fetched_up_to_a_size", "whatever size was announced"),
    (Empty, "a_file_that_is_gone_is_rejected", "Rejected"),
    (Hasty, "a_polled_event_is_confirmed_only_after_it_was_recorded", "not recorded"),
    (Optimistic, "the_platform_tells_what_became_of_a_message", "before anything was sent"),
    (Ignorant, "the_platform_tells_what_became_of_a_message", "an Asking can tell"),
)
"""A flawed connector, the test that finds it, and what that test says."""


@pytest.mark.parametrize(("flawed", "test", "told"), FLAWS, ids=[f"{each[0].__name__}-{each[1]}" for each in FLAWS])
async def test_a_flaw_is_found_and_named(flawed: type[MemoryConnector], test: str, told: str) -> None:
    with pytest.raises(AssertionError) as found:
        await run(flawed, test)
    assert told in str(found.value)


async def run(connector: type[MemoryConnector], name: str) -> None:
    """One test of the suite, with each of its parameters."""
    method = getattr(Suite(connector), f"test_{name}")
    marks = [mark for mark in getattr(method, "pytestmark", ()) if mark.name == "parametrize"]
    for values in marks[0].args[1] if marks else [()]:
        names = marks[0].args[0] if marks else ()
        given = dict(zip(names, values, strict=True)) if isinstance(names, tuple) else {names: values}
        result = method(platform=MemoryPlatform(), **given)
        if inspect.isawaitable(result):
            await result


def test_a_secret_in_a_log_line_is_found_and_named() -> None:
    suite = Suite()
    with pytest.raises(AssertionError, match="a log line holds the value of 'secret'"), suite.logged():
        logging.getLogger("somebody").debug("GET https://api.example/the%20secret%20of%20the%20webhook/me")
    with pytest.raises(AssertionError, match="a log line"), suite.logged():
        logging.getLogger("somebody").error("it failed", exc_info=ValueError(SECRET))


def test_a_suite_that_is_given_too_little_says_what_is_missing() -> None:
    class Bare(ConnectorContract):
        payloads = (Payload(body(event("1", "Hello")), ("text",)),)

    with pytest.raises(AssertionError, match="a kind that the connector does not know"):
        Bare().test_the_suite_is_given_what_it_needs(MemoryPlatform())


def test_what_may_not_reach_the_network_is_stopped_and_nothing_else() -> None:
    with socket.socket() as server, socket.socket() as client, socket.socket() as another:
        server.bind(("127.0.0.1", 0))
        server.listen()
        with offline(), pytest.raises(AssertionError, match=r"socket\.connect"):
            client.connect(server.getsockname())
        another.connect(server.getsockname())
