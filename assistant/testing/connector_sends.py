"""The part of the contract suite that proves `send` and `split`."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from itertools import count
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assistant.connector import Commenting, Connector, Splitting
from assistant.errors import RateLimited, Rejected, TransientError
from assistant.markup import utf8, utf16
from assistant.testing.connector_subject import ConnectorSubject, bare, demand, is_a
from assistant.testing.connector_webhooks import MANY
from assistant.testing.platform import Platform, Sent
from assistant.types import Attachment, Button, Outgoing, Receipt

FAMILY = "👨‍👩‍👧‍👦"
"""One emoji of seven code points, eleven UTF-16 units and 25 bytes."""

SCRIPTS = (
    "The quick brown fox. ",
    "天地玄黄宇宙洪荒。",
    "Съешь же ещё этих булок. ",
    "كلمة أخرى هنا. ",
    "नमस्ते दुनिया। ",
    "สวัสดีชาวโลก ",
)

WORDS = st.text(alphabet="abcéß漢字한निสวัус🙂👩‍🚀🇩🇪 \n", min_size=1, max_size=60)
"""Nothing that Markdown reads as markup: letters of many scripts, emoji and white space."""


UNITS: Mapping[str, Callable[[str], int]] = {"characters": len, "utf16": utf16, "bytes": utf8}
"""How `Capabilities.text_unit` is counted."""


class SendContract(ConnectorSubject):
    """What is sent arrives whole, in order and once, or the error says what became of it."""

    @pytest.mark.asyncio
    async def test_a_message_arrives_and_its_receipt_names_it(self, platform: Platform) -> None:
        async with self.opened(platform) as connector:
            receipt = await connector.send(self.outgoing(connector, "Good morning."))
            seen = self.seen(platform, connector)
            demand(["Good morning."] == [each.text.strip() for each in seen], f"one message was to arrive: {seen}")
            demand(receipt.ids == (seen[0].id,), f"{receipt} does not name the message {seen[0].id!r}")
            demand(receipt.state in ("sent", "delivered", "read"), f"{receipt}: the platform said that it was sent")

    @pytest.mark.asyncio
    async def test_an_answer_to_a_message_arrives_where_that_came_from(self, platform: Platform) -> None:
        async with self.opened(platform) as connector:
            for event in self.texts(connector):
                await connector.send(Outgoing(event.address, f"To {event.sender}", reply_to=event.id, key=event.id))
                texts = [sent.text.strip() for sent in platform.messages(event.address)]
                demand(f"To {event.sender}" in texts, f"an answer to {event.id!r} did not arrive at {event.address}")

    @pytest.mark.asyncio
    @pytest.mark.parametrize("script", SCRIPTS)
    async def test_a_text_beyond_the_limit_arrives_whole(self, platform: Platform, script: str) -> None:
        async with self.opened(platform) as connector:
            await self.arrives(platform, connector, script * self.times(connector, script))

    @pytest.mark.asyncio
    async def test_no_word_is_cut(self, platform: Platform) -> None:
        async with self.opened(platform) as connector:
            words = [f"word{number}" for number in range(self.times(connector, "word1 "))]
            seen = await self.arrives(platform, connector, " ".join(words))
            demand([word for each in seen for word in each.text.split()] == words, "a word was cut: cut at white space")

    @pytest.mark.asyncio
    async def test_no_emoji_is_cut(self, platform: Platform) -> None:
        async with self.opened(platform) as connector:
            seen = await self.arrives(platform, connector, FAMILY * self.times(connector, FAMILY))
            rest = {each.text.replace(FAMILY, "").strip() for each in seen}
            demand(rest == {""}, f"an emoji of several code points was cut: {rest}")

    @pytest.mark.asyncio
    async def test_a_long_code_block_arrives_line_by_line(self, platform: Platform) -> None:
        async with self.opened(platform) as connector:
            lines = [f"value_{number} = {number} < 3 and a_b" for number in range(self.times(connector, "x" * 26))]
            seen = await self.arrives(
                platform, connector, "Like this:\n\n```\n" + "\n".join(lines) + "\n```\n\nThat is all."
            )
            known = {*lines, "Like this:", "That is all."}
            strange = [
                line for each in seen for line in each.text.splitlines() if bare(line) and line.strip() not in known
            ]
            demand(not strange, f"lines of code were cut or changed: {strange[:3]}")

    @pytest.mark.asyncio
    async def test_a_word_longer_than_a_message_arrives_whole(self, platform: Platform) -> None:
        async with self.opened(platform) as connector:
            await self.arrives(
                platform, connector, f"See https://example.org/{'abc/' * self.times(connector, 'abc/')}end"
            )

    @pytest.mark.asyncio
    async def test_every_part_is_sent_as_one_message(self, platform: Platform) -> None:
        async with self.opened(platform) as connector:
            if not is_a(connector, Splitting):
                return
            parts = connector.split(
                self.outgoing(connector, "A sentence of some words. " * self.times(connector, "A" * 26))
            )
            for part, number in zip(parts, count(1), strict=False):
                receipt = await connector.send(part)
                seen = self.seen(platform, connector)
                demand(
                    number == len(seen), f"part {number} of {len(parts)} became {len(receipt.ids)} messages, not one"
                )

    @settings(MANY, max_examples=25)
    @given(words=st.lists(WORDS, min_size=1, max_size=12), messages=st.integers(0, 3))
    def test_splitting_is_pure_and_loses_nothing(self, platform: Platform, words: list[str], messages: int) -> None:
        connector: Any = self.connector(platform)
        if not is_a(connector, Splitting):
            return
        some = f"x {' '.join(words)} "
        text = some * (1 + messages * connector.capabilities.text_limit // len(some))
        outgoing = self.outgoing(
            connector,
            text,
            reply_to="1",
            buttons=(Button("Yes", data="yes"),),
            attachments=(Attachment("image", url="https://example.org/a.png"),),
        )
        parts = connector.split(outgoing)
        demand(parts == connector.split(outgoing), "split must give the same twice")
        demand(bare("".join(part.text for part in parts)) == bare(text), "split lost or changed something")
        can = connector.capabilities
        for part in parts:
            size = UNITS[can.text_unit](bare(part.text))
            demand(
                size <= can.text_limit, f"a part of {size} {can.text_unit} is not within the limit of {can.text_limit}"
            )
        self.well_formed(connector, outgoing, parts)

    @pytest.mark.asyncio
    async def test_a_rate_limit_says_when_to_try_again(self, platform: Platform) -> None:
        async with self.opened(platform) as connector:
            platform.fail("rate_limit", retry_after=7)
            with self.refused(RateLimited, "a 429 is RateLimited") as caught:
                await connector.send(self.outgoing(connector, "Hello."))
            demand(caught[0].retry_after == 7, f"retry_after is {caught[0].retry_after!r}, the platform said 7")
            platform.heal()
            await self.arrives_after(platform, connector)

    @pytest.mark.asyncio
    async def test_a_failing_server_is_transient(self, platform: Platform) -> None:
        async with self.opened(platform) as connector:
            platform.fail("server_error")
            with self.refused(TransientError, "a 5xx is TransientError: the message was not sent, another try may do"):
                await connector.send(self.outgoing(connector, "Hello."))
            await self.arrives_after(platform, connector)

    @pytest.mark.asyncio
    async def test_a_refused_connection_is_transient(self, platform: Platform) -> None:
        async with self.opened(platform) as connector:
            await platform.stop()
            with self.refused(TransientError, "a connection that was refused is TransientError: nothing left"):
                await connector.send(self.outgoing(connector, "Hello."))

    @pytest.mark.asyncio
    async def test_a_person_who_blocked_the_bot_is_not_tried_again(self, platform: Platform) -> None:
        async with self.opened(platform) as connector:
            platform.fail("blocked")
            with self.refused(Rejected, "who blocked the bot is Rejected: no other try will do"):
                await connector.send(self.outgoing(connector, "Hello."))

    @pytest.mark.asyncio
    @pytest.mark.parametrize("failure", ["cut", "lost"])
    async def test_a_connection_that_ends_after_the_request_leaves_the_outcome_unknown(
        self, platform: Platform, failure: Any
    ) -> None:
        async with self.opened(platform) as connector:
            platform.fail(failure)
            receipt = await connector.send(self.outgoing(connector, "Hello."))
            demand(
                receipt.state == "unknown", f"{receipt}: once a request left, only the platform knows: state 'unknown'"
            )
            arrived = len(self.seen(platform, connector))
            demand(arrived == (failure == "cut"), f"{arrived} messages arrived: the connector must not try by itself")

    @pytest.mark.asyncio
    async def test_a_second_send_with_the_same_key_does_what_is_declared(self, platform: Platform) -> None:
        async with self.opened(platform) as connector:
            for _ in range(2):
                await connector.send(self.outgoing(connector, "Once."))
            arrived, declared = len(self.seen(platform, connector)), connector.capabilities.repeats
            demand(arrived == (1 if declared == "dropped" else 2), f"{arrived} messages arrived, repeats={declared!r}")

    def test_the_connector_shows_no_secret(self, platform: Platform) -> None:
        connector = self.connector(platform)
        self.hides(repr(connector) + str(connector), "the connector's repr")

    def seen(self, platform: Platform, connector: Connector) -> Sequence[Sent]:
        """What is seen at `destination`."""
        return platform.messages(self.destination(connector))

    def times(self, connector: Connector, piece: str) -> int:
        """How often `piece` makes a text of three messages."""
        return 3 * (connector.capabilities.text_limit or 2000) // len(piece)

    async def arrives(self, platform: Platform, connector: Connector, text: str) -> Sequence[Sent]:
        """Send a text; demand that it arrives whole, in messages within the limit, which the receipt names in order."""
        receipt: Receipt = await connector.send(self.outgoing(connector, text))
        seen = self.seen(platform, connector)
        limit = connector.capabilities.text_limit
        demand(receipt.ids == tuple(each.id for each in seen), f"{receipt} does not name {len(seen)} messages in order")
        demand(all(each.text.strip() for each in seen), "a message without text arrived")
        long = [each.length for each in seen if limit is not None and each.length > limit]
        demand(not long, f"messages of {long} {connector.capabilities.text_unit} arrived, the limit is {limit}")
        demand(bare("".join(each.text for each in seen)) == bare(text), "the text did not arrive whole and in order")
        return seen

    async def arrives_after(self, platform: Platform, connector: Connector) -> None:
        """Demand that nothing arrived, and that the next try does."""
        demand(not self.seen(platform, connector), "the error says that nothing was sent, but something arrived")
        await connector.send(self.outgoing(connector, "Hello."))
        demand(len(self.seen(platform, connector)) == 1, "the next try did not arrive")

    def well_formed(self, connector: Splitting, outgoing: Outgoing, parts: Sequence[Outgoing]) -> None:
        """Demand what a split promises of its parts."""
        for part in parts:
            demand(len(connector.split(part)) == 1, "a part of a split is split again: it must be within the limit")
            demand(part.address == outgoing.address, "every part goes to the same address")
            demand(re.search(r"\S", part.text), "a part has no text")
        keys = [part.key for part in parts]
        demand(len(set(keys)) == len(keys) and None not in keys, f"every part needs a key of its own: {keys}")
        rest = "1" if isinstance(connector, Commenting) else None  # each part is below the comment that is answered
        replies = ["1", *[rest] * (len(parts) - 1)]
        demand([each.reply_to for each in parts] == replies, "the first part is the reply")
        demand(
            [bool(each.buttons) for each in parts] == [*[False] * (len(parts) - 1), True], "the last has the buttons"
        )
        demand(
            [bool(each.attachments) for each in parts] == [True, *[False] * (len(parts) - 1)],
            "the first part has the attachments",
        )
