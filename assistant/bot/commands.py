"""What the bot does after a slash."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from assistant.bot import phrases
from assistant.bot.case import Case
from assistant.bot.documents import Documents
from assistant.bot.handover import Handover
from assistant.bot.meters import BotMeters
from assistant.bot.recall import sources
from assistant.bot.sources import BREAK, quoted
from assistant.inbox import Reply, Turn
from assistant.sections import Bot
from assistant.types import Address

if TYPE_CHECKING:
    from assistant.assistant import Assistant

Stop = Callable[[Address], Awaitable[bool]]
"""Cancels the running answer of a conversation; False: there is none."""


def command_in(turn: Turn) -> str | None:
    """The command of a turn, without the slash; one that is not known is `help`. None: it is no command.

    Platforms without commands get them as texts; there only a whole text that is one counts.
    """
    last = turn.messages[-1]
    found = re.match(r"/(\w+)", last.text.strip())
    name = found[1].lower() if found else ""
    if last.kind == "command":
        return name if name in phrases.COMMANDS else "help"
    alone = found is not None and last.text.strip() == found[0] and len(turn.messages) == 1
    return name if last.kind == "text" and alone and name in phrases.COMMANDS else None


class Commands:
    """Carries out commands; `stop` is the inbox's."""

    def __init__(
        self,
        assistant: Callable[[], Assistant],
        *,
        stop: Stop,
        documents: Documents,
        settings: Bot,
        meters: BotMeters,
        handover: Handover,
    ) -> None:
        self._handover = handover
        self._assistant = assistant
        self._stop_turn = stop
        self._documents = documents
        self._settings = settings
        self._meters = meters

    async def run(self, name: str, case: Case, *, access: Sequence[str]) -> Reply:
        """The reply to a command.

        Raises:
            TransientError: the assistant or a database does not answer now.
        """
        if name == "reset":
            return await self._reset(case)
        if name == "stop":
            return case.reply(case.say("stopped" if await self._stop_turn(case.turn.address) else "idle"))
        if name == "sources":
            return await self.sources(case, access=access)
        if name == "human":
            return await self._human(case)
        if name == "start":
            return await self._start(case)
        return case.reply(self._help(case))

    async def sources(self, case: Case, *, access: Sequence[str], about: str | None = None) -> Reply:
        """The sources of the last answer, or of that whose turn has the mark `about`, with the words that were cited."""
        kept = self._assistant().conversations
        cited = await sources(kept, case.conversation, access=access, about=about)
        if cited:
            return case.reply(quoted(cited, case.language))
        return case.reply(case.say("unsourced" if cited is not None or about is None else "lost"))

    async def _human(self, case: Case) -> Reply:
        """Where people answer on the platform, the conversation is theirs once this is said."""
        self._meters.human(case.turn.address)
        own = self._settings.human or ""
        if not self._handover.possible(case):
            return case.reply(own or case.say("nobody"), human=True)
        await self._handover.asked(case)
        reply = case.reply("\n\n".join(filter(None, [own, case.say("handed")])), human=True)
        return replace(reply, hands_to="person")

    async def _start(self, case: Case) -> Reply:
        """Takes the conversation back from the person who was asked for; from anybody else it does not."""
        keeps = await self._handover.taken_back(case)
        return Reply(details={"held_by": keeps}) if keeps else case.reply(self._welcome(case))

    async def _reset(self, case: Case) -> Reply:
        assistant = self._assistant()
        await assistant.conversations.aclear(case.conversation)
        knowledge = await asyncio.to_thread(lambda: assistant.knowledge)
        deleted = await self._documents.forget(knowledge, case.turn.address) if knowledge else 0
        return case.reply(case.say("forgotten"), documents_deleted=deleted)

    def _welcome(self, case: Case) -> str:
        return "\n\n".join([self._settings.greeting or case.say("greeting"), self._help(case)])

    def _help(self, case: Case) -> str:
        described = phrases.commands(case.language)
        person = self._settings.human or self._handover.possible(case)
        known = [name for name in phrases.COMMANDS if name != "human" or person]
        lines = BREAK.join(f"/{name} – {described[name]}" for name in known)
        upload = [case.say("upload")] if self._settings.documents and case.connector.capabilities.media else []
        return "\n\n".join([case.say("usage"), lines, *upload])
