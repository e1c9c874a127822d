"""What people are told where they have to know that they write to a machine, and when they are told so again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from assistant.bot.case import Case
from assistant.bot.encounters import Encounters, Spoke
from assistant.bot.handover import Holds
from assistant.bot.phrases import say
from assistant.connector import Disclosing
from assistant.types import Address

PAUSE = timedelta(hours=24)
"""Silence of the bot after which it is said again. Meta asks for it at the start, "after a significant lapse of time", and
when a person hands over to the bot (developers.facebook.com, Messenger Platform, Send Messages, 2026-05-05)."""


class Disclosures:
    """Says it before the first answer of a conversation, after a long pause, and once the bot has it back from a person.

    A turn that runs twice says the same in both: what it said first was never sent. Where an answer that was to say it did
    not arrive, the next one says it. `holds` None: there is no inbox to ask.
    """

    def __init__(self, encounters: Encounters, holds: Holds | None) -> None:
        self._encounters = encounters
        self._holds = holds

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
        if abs(datetime.now(UTC) - last.at) > PAUSE:  # the clock may have been set back
            return False
        if self._holds is None:
            return True
        returned = await self._holds.returned(address)
        if returned is not None and returned > last.at:
            return False
        return not last.disclosed or await self._holds.arrived(last.turn)
