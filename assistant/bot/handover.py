"""Giving a conversation to a person who answers on the platform, and back to the bot."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Protocol

from assistant.bot.case import Case
from assistant.bot.encounters import Encounters
from assistant.connector import Handing, Holder
from assistant.inbox.holders import Held
from assistant.types import Address

SOON = timedelta(minutes=10)
"""Within this time after somebody asked for a person their conversation is held because of that: first they are told."""


class Holds(Protocol):
    """Who answers in which conversation, as the inbox knows it. Every method raises TransientError: it does not answer."""

    async def holder(self, address: Address) -> Held | None:
        """Who has a conversation; None: the bot."""

    async def release(self, address: Address) -> bool:
        """Give a conversation back to the bot; whether somebody else had it."""

    async def returned(self, address: Address) -> datetime | None:
        """When the bot last got a conversation back; None: it always had it, or has not got it."""

    async def reach(self, address: Address) -> Address:
        """Where a conversation is reached now."""

    async def arrived(self, turn: str) -> bool:
        """Whether the person got what a turn says; False also while it is being sent."""


class Handover:
    """Between the bot and people; whoever asked for a person may take the bot back, what others did is theirs to undo."""

    def __init__(self, encounters: Encounters, holds: Holds | None, *, wanted: bool) -> None:
        self._encounters = encounters
        self._holds = holds if wanted else None

    def possible(self, case: Case) -> bool:
        """Whether people can answer there."""
        return self._holds is not None and isinstance(case.connector, Handing)

    async def asked(self, case: Case) -> None:
        """Note that this person asks for another; the inbox hands the conversation over once they are told."""
        await self._encounters.asked(case.turn.address, datetime.now(UTC))

    async def taken_back(self, case: Case) -> Holder | None:
        """Give the conversation back to the bot, where this person had asked for another; None: the bot has it.

        Else who keeps it.
        """
        if self._holds is None or not self.possible(case):
            return None
        address = case.turn.address
        held = await self._holds.holder(address)
        if held is None:
            return None
        asked = await self._encounters.asked_at(address)
        if held.holder != "person" or asked is None or asked < held.since - SOON:
            return held.holder
        await self._holds.release(address)
        return None
