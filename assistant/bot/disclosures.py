"""What people are told where they have to know that they write to a machine, and when they are told so again."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

from assistant.bot.case import Case
from assistant.bot.encounters import Encounters, Spoke
from assistant.bot.phrases import say
from assistant.connector import Disclosing
from assistant.types import Address

PAUSE = timedelta(hours=24)
"""Silence of the bot after which it is said again. Meta asks for it at the start, "after a significant lapse of time", and
when a person hands over to the bot (developers.facebook.com, Messenger Platform, Send Messages, 2026-05-05)."""

Returned = Callable[[Address], Awaitable[datetime | None]]
"""When a person or another application last gave a conversation back; None: never, or they still have it."""


class Disclosures:
    """Says it before the first answer of a conversation, after a long pause, and once the bot has it back from a person.

    A turn that runs twice says the same in both: what it said first was never sent.
    """

    def __init__(self, encounters: Encounters, returned: Returned) -> None:
        self._encounters = encounters
        self._returned = returned

    async def due(self, case: Case, address: Address) -> str:
        """What goes in front of what the turn says to `address`; empty: nothing.

        Raises:
            TransientError: the database does not answer.
        """
        if not isinstance(case.connector, Disclosing) or (own := case.connector.disclosure) is None:
            return ""
        told = await self._told(case.turn.id, address)
        return "" if told else own or say("disclosure", case.language)

    async def said(self, case: Case, address: Address, *, disclosed: bool) -> None:
        """Note that the turn says something to `address`. Raises as `due`."""
        if isinstance(case.connector, Disclosing) and case.connector.disclosure is not None:
            await self._encounters.spoke(address, Spoke(case.turn.id, datetime.now(UTC), disclosed))

    async def _told(self, turn: str, address: Address) -> bool:
        last = await self._encounters.last(address)
        if last is None:
            return False
        if last.turn == turn:
            return not last.disclosed
        if datetime.now(UTC) - last.at > PAUSE:
            return False
        returned = await self._returned(address)
        return returned is None or returned <= last.at
