"""The part of the contract suite that proves what is optional: each declared capability, and no other."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest

from assistant.connector import (
    Asking,
    Capabilities,
    Fetching,
    Grouping,
    Polling,
    Reacting,
    Splitting,
    Streaming,
    Typing,
)
from assistant.errors import RateLimited, Rejected, TransientError
from assistant.testing.connector_subject import KEY, ConnectorSubject, bare, demand, fail, is_a, needed, until, within
from assistant.testing.platform import KeepsFiles, Platform, Queues, SeesPreviews, SeesReactions, SeesTyping
from assistant.types import Address, Button, Incoming, Outgoing

DECLARED: Sequence[tuple[str, type, Callable[[Capabilities], object]]] = (
    ("text_limit", Splitting, lambda can: can.text_limit is not None),
    ("typing_seconds", Typing, lambda can: can.typing_seconds is not None),
    ("streaming", Streaming, lambda can: can.streaming),
    ("media", Fetching, lambda can: can.media),
    ("polling", Polling, lambda can: can.polling),
    ("reactions", Reacting, lambda can: can.reactions),
)
"""A capability, the protocol it stands for, and whether it is declared."""

GROWING = (
    "It takes a while until an answer is complete, ",
    "so that people see how it grows, word by word, ",
    "until the end.",
)


class AbilityContract(ConnectorSubject):
    """Whatever is declared is there and works, and what is not declared is not there."""

    @pytest.mark.parametrize(("name", "kind", "declared"), DECLARED, ids=[each[0] for each in DECLARED])
    def test_what_is_declared_is_what_is_there(
        self, platform: Platform, name: str, kind: type, declared: Callable[[Capabilities], object]
    ) -> None:
        connector = self.connector(platform)
        there = is_a(connector, kind)
        if declared(connector.capabilities):
            demand(there, f"{name} is declared, but the connector is no {kind.__name__}: write it or do not declare it")
        else:
            demand(not there, f"the connector is a {kind.__name__}, but {name} is not declared: nobody would use it")

    def test_capabilities_are_sensible(self, platform: Platform) -> None:
        connector = self.connector(platform)
        can = connector.capabilities
        demand(can == self.connector(platform).capabilities, "capabilities are the same for every object")
        demand(can.text_limit is None or can.text_limit > 0, f"text_limit={can.text_limit!r}")
        demand(can.typing_seconds is None or can.typing_seconds > 0, f"typing_seconds={can.typing_seconds!r}")
        demand(can.buttons >= 0, f"buttons={can.buttons!r}")
        for rate in can.rates:
            demand(rate.count > 0 and rate.seconds > 0, f"{rate} allows nothing")
            demand(rate.scope != "group" or is_a(connector, Grouping), f"{rate} needs a Grouping: add is_group")

    def test_groups_are_told_from_other_chats(self, platform: Platform) -> None:
        connector: Any = self.connector(platform)
        if is_a(connector, Grouping):
            found = {connector.is_group(event.address) for event in self.events(connector)}
            demand(found == {True, False}, "give `payloads` from a group and from a chat that is none; is_group tells them apart")  # fmt: skip

    @pytest.mark.asyncio
    async def test_a_thread_is_a_conversation_of_its_own(self, platform: Platform) -> None:
        async with self.opened(platform) as connector:
            threads = {event.address for event in self.events(connector) if event.address.thread}
            if not connector.capabilities.threads:
                demand(not threads, f"addresses {threads} have a thread, but threads are not declared")
                return
            demand(threads, "threads are declared: give `payloads` one from a thread")
            for address in threads:
                await connector.send(Outgoing(address, "In the thread.", key=f"{address}"))
                demand(len(platform.messages(address)) == 1, f"a message to the thread {address} did not arrive there")
                beside = platform.messages(replace(address, thread=None))
                demand(not beside, f"a message to the thread {address} arrived beside it")

    @pytest.mark.asyncio
    async def test_typing_is_shown(self, platform: Platform) -> None:
        async with self.opened(platform) as connector:
            if is_a(connector, Typing):
                screen, address = needed(platform, SeesTyping), self.destination(connector)
                for times in (1, 2):
                    await connector.typing(address)
                    demand(screen.typings(address) == times, f"typing {times} times was not shown {times} times")

    @pytest.mark.asyncio
    async def test_typing_that_fails_says_so_like_a_send(self, platform: Platform) -> None:
        async with self.opened(platform) as connector:
            if is_a(connector, Typing):
                await platform.stop()
                with self.refused(TransientError, "typing raises as send does"):
                    await connector.typing(self.destination(connector))

    @pytest.mark.asyncio
    async def test_a_preview_grows_and_the_answer_takes_its_place(self, platform: Platform) -> None:
        async with self.opened(platform) as connector:
            for address in self.streams(connector):
                outgoing = Outgoing(address, "".join(GROWING), key=f"{KEY}-{address}")
                async with connector.preview(replace(outgoing, text="")) as preview:
                    for end in range(1, len(GROWING)):
                        await within(preview.update("".join(GROWING[:end])), "update must return at once")
                    await self.shows(platform, address, GROWING[0][:20])
                await connector.send(outgoing)
                self.ends_with(platform, outgoing)

    @pytest.mark.asyncio
    async def test_a_preview_longer_than_a_message_loses_nothing(self, platform: Platform) -> None:
        async with self.opened(platform) as connector:
            long = "An answer can be long. " * (2 * (connector.capabilities.text_limit or 2000) // 23)
            for address in self.streams(connector):
                outgoing = Outgoing(address, long, key=f"{KEY}-{address}")
                async with connector.preview(replace(outgoing, text="")) as preview:
                    await preview.update(long[: len(long) // 3])
                    await self.shows(platform, address, long[:20])
                    await preview.update(long)
                for part in connector.split(outgoing) if is_a(connector, Splitting) else [outgoing]:
                    await connector.send(part)
                self.ends_with(platform, outgoing)

    @pytest.mark.asyncio
    @pytest.mark.parametrize("failure", ["rate_limit", "server_error", "blocked", "lost"])
    async def test_a_preview_that_fails_is_not_shown_and_disturbs_nobody(
        self, platform: Platform, failure: Any
    ) -> None:
        async with self.opened(platform) as connector:
            for address in self.streams(connector):
                outgoing = Outgoing(address, "".join(GROWING), key=f"{KEY}-{address}")
                platform.fail(failure, times=1000, retry_after=1)
                try:
                    async with connector.preview(outgoing) as preview:
                        for end in range(1, len(GROWING)):
                            await preview.update("".join(GROWING[:end]))
                        await asyncio.sleep(0.05)
                except Exception as error:  # noqa: BLE001 - whatever it raises is the finding
                    fail(f"a preview raises nothing, but {type(error).__name__} came: log it, show less", cause=error)
                platform.heal()
                try:
                    await connector.send(outgoing)
                except RateLimited as limited:  # as the platform asked of the preview, in the same chat
                    wait = limited.retry_after
                    demand(wait is not None and wait <= 1, f"the platform said 1 s, the connector {wait!r}")
                    await asyncio.sleep(wait or 0)
                    await connector.send(outgoing)
                self.ends_with(platform, outgoing)

    @pytest.mark.asyncio
    async def test_an_error_while_an_answer_is_previewed_comes_through(self, platform: Platform) -> None:
        async with self.opened(platform) as connector:
            for address in self.streams(connector):
                with self.refused(ZeroDivisionError, "the context of a preview swallows no error"):
                    async with connector.preview(Outgoing(address, "", key=KEY)) as preview:
                        await preview.update(GROWING[0])
                        raise ZeroDivisionError

    @pytest.mark.asyncio
    async def test_a_file_is_fetched_up_to_a_size(self, platform: Platform) -> None:
        async with self.opened(platform) as connector:
            if not is_a(connector, Fetching):
                return
            data = bytes(range(256)) * 40
            attachment = needed(platform, KeepsFiles).add_file(data, name="a.bin")
            demand(await connector.fetch(attachment, max_bytes=len(data)) == data, "the file came changed")
            for told in (attachment, replace(attachment, size=None), replace(attachment, size=1)):
                with self.refused(Rejected, "a file larger than max_bytes is refused, whatever size was announced"):
                    await connector.fetch(told, max_bytes=len(data) - 1)

    @pytest.mark.asyncio
    async def test_a_file_that_is_gone_is_rejected(self, platform: Platform) -> None:
        async with self.opened(platform) as connector:
            if is_a(connector, Fetching):
                found = needed(platform, KeepsFiles).add_file(b"data", name="a.bin")
                gone = {key: f"{getattr(found, key)}-gone" for key in ("file_id", "url") if getattr(found, key)}
                with self.refused(Rejected, "a file that is gone is Rejected: no other try will do"):
                    await connector.fetch(replace(found, **gone), max_bytes=1000)

    def test_files_that_people_send_are_attachments(self, platform: Platform) -> None:
        connector = self.connector(platform)
        if connector.capabilities.media:
            sent = [event for event in self.events(connector) if event.attachments]
            demand(sent, "media is declared: give `payloads` one with a file, parsed to an Attachment")

    @pytest.mark.asyncio
    async def test_buttons_are_shown_under_the_last_message(self, platform: Platform) -> None:
        async with self.opened(platform) as connector:
            most = connector.capabilities.buttons
            if not most:
                return
            buttons = [Button("Open", url="https://example.org/"), Button("Yes", data="yes"), Button("No", data="no")]
            long = "Please choose one of these. " * (2 * (connector.capabilities.text_limit or 2000) // 28)
            await connector.send(self.outgoing(connector, long, buttons=tuple(buttons[-most:])))
            seen = [sent.buttons for sent in platform.messages(self.destination(connector))]
            labels = tuple(button.label for button in buttons[-most:])
            demand(seen == [*[()] * (len(seen) - 1), labels], f"buttons {labels} belong under the last message: {seen}")

    def test_a_tap_on_a_button_is_an_event(self, platform: Platform) -> None:
        connector = self.connector(platform)
        if connector.capabilities.buttons:
            taps = [event for event in self.events(connector) if event.kind == "button"]
            demand(taps and all(tap.text for tap in taps), "buttons are declared: give `payloads` a tap; its text is the button's `data`")  # fmt: skip

    @pytest.mark.asyncio
    async def test_a_reaction_is_shown_and_taken_back(self, platform: Platform) -> None:
        async with self.opened(platform) as connector:
            if is_a(connector, Reacting):
                screen, event = needed(platform, SeesReactions), self.texts(connector)[0]
                for emoji, shown in (("👍", ["👍"]), (None, [])):
                    await connector.react(event.address, event.id, emoji)
                    found = list(screen.reactions(event.address, event.id))
                    demand(found == shown, f"after react({emoji!r}) the message has {found}")

    @pytest.mark.asyncio
    async def test_a_polled_event_is_confirmed_only_after_it_was_recorded(self, platform: Platform) -> None:
        async with self.opened(platform, **self.polling_options) as connector:
            if not is_a(connector, Polling):
                return
            demand(connector.polls, "`polls` is False: give `polling_options` with which the connector polls")
            waiting = needed(platform, Queues)
            payloads = sorted(self.payloads, key=lambda payload: not payload.kinds)  # the first one has events
            for payload in payloads:
                waiting.queue(payload.body)
            expected = [event.id for event in self.events(connector)]
            log = _Recorder(waiting, len(payloads))
            await self.polls(
                connector, log, lambda: log.lost or (set(expected) <= set(log.ids) and not waiting.pending())
            )
            demand(not log.lost, "an event was confirmed though it was not recorded")
            demand(list(dict.fromkeys(log.ids)) == expected, f"events came as {log.ids}, not in the order {expected}")
            demand(not log.confirmed_early, "an event was confirmed before `accept` returned")

    @pytest.mark.asyncio
    async def test_the_platform_tells_what_became_of_a_message(self, platform: Platform) -> None:
        async with self.opened(platform) as connector:
            if not is_a(connector, Asking):
                return
            outgoing = self.outgoing(connector, "Hello.")
            demand(await connector.was_sent(outgoing) is not True, "was_sent is True before anything was sent")
            platform.fail("lost")
            await connector.send(outgoing)
            demand(await connector.was_sent(outgoing) is not True, "was_sent is True, but the message was lost")
            platform.fail("cut")
            await connector.send(outgoing)
            demand(await connector.was_sent(outgoing) is True, "was_sent is not True, though the message arrived: an Asking can tell")  # fmt: skip

    def streams(self, connector: Any) -> list[Address]:
        """The places where texts come from, if answers can be shown there while they are written."""
        return list(dict.fromkeys(event.address for event in self.texts(connector))) if is_a(connector, Streaming) else []  # fmt: skip

    async def shows(self, platform: Platform, address: Address, start: str) -> None:
        """Wait until a preview that begins with `start` is on the screen."""
        screen = needed(platform, SeesPreviews)
        remedy = f"no preview was shown at {address}: the first text is shown soon, later ones at the platform's pace"
        await until(lambda: any(bare(each).startswith(bare(start)) for each in screen.shown(address)), remedy)

    def ends_with(self, platform: Platform, outgoing: Outgoing) -> None:
        """Demand that the answer, and nothing of its preview, is what is seen in the end."""
        seen = "".join(sent.text for sent in platform.messages(outgoing.address))
        demand(
            bare(seen) == bare(outgoing.text), f"seen in the end: {seen[:200]!r}; the answer takes the preview's place"
        )

    async def polls(self, connector: Polling, log: _Recorder, ended: Callable[[], bool]) -> None:
        """Poll until `ended`."""
        task = asyncio.create_task(connector.poll(log.accept))
        try:
            await until(lambda: ended() or task.done(), "poll did not bring every event, or did not confirm them")
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        if not ended():
            fail("poll ended by itself")


class _Recorder:
    """Records events, but not the first ones it is given."""

    def __init__(self, waiting: Queues, total: int) -> None:
        self._waiting = waiting
        self._total = total
        self._refused = False
        self.ids: list[str] = []
        self.lost = False
        self.confirmed_early = False

    async def accept(self, events: Sequence[Incoming]) -> None:
        """Raises TransientError the first time."""
        await asyncio.sleep(0.05)
        if not self._refused and events:
            self._refused = True
            self.lost = self._waiting.pending() < self._total
            raise TransientError("the disk is full")
        self.confirmed_early |= not self._waiting.pending()
        self.ids.extend(event.id for event in events)
