"""What answers the messages of the platforms: the assistant, behind everything else that people expect of a bot."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry

from assistant.answers import Answer
from assistant.bot.asking import Question, asked
from assistant.bot.attachments import Attachments, Taken
from assistant.bot.case import Case
from assistant.bot.commands import Commands, command_in
from assistant.bot.comments import Comments, on_comment
from assistant.bot.disclosures import Disclosures
from assistant.bot.documents import Documents, label_of
from assistant.bot.encounters import Encounters
from assistant.bot.handover import Handover, Holds
from assistant.bot.language import guessed, told
from assistant.bot.meters import BotMeters, Feedback, Verdict
from assistant.bot.progress import shown
from assistant.bot.recall import earlier_questions, renamed
from assistant.bot.sources import Tap, listed, offered, tapped
from assistant.bot.transcriber import Transcriber
from assistant.connector import Connector, Grouping
from assistant.errors import ConfigurationError, InvalidQuestion, PromptTooLong, TransientError
from assistant.inbox import Reply, Turn
from assistant.plugins import made
from assistant.settings import Settings
from assistant.types import Address, Outgoing

if TYPE_CHECKING:
    from assistant.assistant import Assistant

SILENT = ("delete", "status", "echo", "system")
"""Kinds of events that nobody expects an answer to."""
THUMBS: Mapping[str, Verdict] = {"👍": "up", "👎": "down"}
"""Reactions that say something of an answer, in any colour of skin."""


class Responder:
    """Answers turns: `assistant.inbox.Respond`.

    A question is answered by the assistant from the documents that everyone may see, those of the labels in `bot.access`
    and those that were sent in its conversation. Nothing it does is done twice where a turn runs twice.

    Args:
        assistant: gives the assistant; raises EngineUnavailable while it is starting.
        connectors: by the name of their section; they show typing and previews, and fetch files.
        settings: `bot`, `safety`, `chat.grounding` and where the state is kept are read.
        stop: cancels the running answer of a conversation, as `Inbox.stop_turn`.
        holds: who answers in which conversation; None: nobody but the bot.
        registry: where it counts.
        on_feedback: called with every opinion on an answer.

    Raises:
        ConfigurationError: `bot.transcriber` cannot be made.
    """

    def __init__(
        self,
        assistant: Callable[[], Assistant],
        connectors: Mapping[str, Connector],
        *,
        settings: Settings,
        stop: Callable[[Address], Awaitable[bool]],
        holds: Holds | None = None,
        registry: CollectorRegistry | None = None,
        on_feedback: Callable[[Feedback], None] | None = None,
    ) -> None:
        bot = self._bot = settings.bot
        self._max_chars = settings.safety.max_question_chars
        self._assistant = assistant
        self._connectors = connectors
        self._holds = holds
        self._meters = BotMeters(registry, on_feedback=on_feedback)
        documents = Documents(settings.data_dir, most=bot.max_documents)
        self._encounters = Encounters(settings.state_url)
        self._disclosures = Disclosures(self._encounters, holds)
        self._commands = Commands(
            assistant,
            stop=stop,
            documents=documents,
            settings=bot,
            meters=self._meters,
            handover=Handover(self._encounters, holds, wanted=bot.handover),
        )
        strict = settings.chat.grounding == "strict"
        self._comments = Comments(assistant, self._disclosures, bot, strict=strict)
        hears = made(bot.transcriber, _transcriber, key="bot.transcriber") if bot.transcriber else None
        self._attachments = Attachments(assistant, documents, bot, hears)

    async def __call__(self, turn: Turn) -> Reply:
        """The reply to a turn; without messages where there is nothing to say.

        Raises:
            TransientError: the assistant, a database or the platform does not answer now.
        """
        if turn.kind in SILENT:
            return Reply()
        if turn.kind == "reaction":
            return self._reacted(turn)
        case = Case(turn, self._connector(turn.address), await self._language(turn))
        if on_comment(case):
            return await self._comments.answer(case)
        opening = await self._disclosures.due(case, turn.address)
        reply = await self._replied(replace(case, opening=opening))
        if not reply.messages:
            return reply
        await self._disclosures.said(case, turn.address, disclosed=bool(opening))
        return replace(reply, details={**reply.details, "disclosed": True}) if opening else reply

    async def aclose(self) -> None:
        """Close the connections; the next use opens them again."""
        await self._encounters.aclose()

    async def _replied(self, case: Case) -> Reply:
        turn = case.turn
        access = [label_of(turn.address), *self._bot.access]
        if turn.kind == "edit":
            return await self._edited(case, access)
        if turn.kind == "button" and (tap := tapped(turn.text)):
            return await self._tapped(case, tap, access)
        if command := command_in(turn):
            return await self._commands.run(command, case, access=access)
        return await self._answered(case, turn.id, access)

    async def _answered(self, case: Case, name: str, access: Sequence[str]) -> Reply:
        """The answer to what was asked; `name` is that of the turn in the memory of the conversation."""
        growing = await self._reached(case.message())
        async with shown(case.connector, growing, self._meters, about=case.about) as bare:

            async def show(text: str) -> None:
                await bare(case.text(text))

            taken = await self._attachments.take(case, show)
            question = "\n".join(filter(None, [case.turn.text.strip(), *taken.spoken]))
            if not question:
                return _noted(case, taken, "" if taken.notes else self._attachments.readable(case))

            async def below(text: str) -> None:
                await show(taken.text(text))

            try:
                answer = await asked(self._assistant(), Question(question, case.conversation, access, name), below)
            except (InvalidQuestion, PromptTooLong) as error:
                empty = isinstance(error, InvalidQuestion) and len(question) <= self._max_chars
                return _noted(case, taken, self._attachments.readable(case) if empty else case.say("long"))
        return self._reply(case, answer, name, taken)

    def _reply(self, case: Case, answer: Answer, name: str, taken: Taken) -> Reply:
        most = case.connector.capabilities.buttons
        buttons = offered(answer, name, most=most, settings=self._bot, language=case.language)
        behind = self._bot.sources == "off" or (self._bot.sources == "button" and most > 0)
        below = [] if behind or not answer.citations else [listed(answer.citations, case.language)]
        text = taken.text("\n\n".join([answer.text, *below]))
        return Reply((case.message(text, buttons=buttons),), {"answer": answer.to_dict(), **_told(taken)})

    async def _edited(self, case: Case, access: Sequence[str]) -> Reply:
        """An edit of the last question is answered anew; any other changes what was answered long ago."""
        kept = self._assistant().conversations
        name = await renamed(kept, case.conversation, case.last, access=access)
        return await self._answered(case, name, access) if name else Reply(details={"ignored": "edit"})

    async def _tapped(self, case: Case, tap: Tap, access: Sequence[str]) -> Reply:
        if tap.choice == "sources":
            return await self._commands.sources(case, access=access, about=tap.about)
        turn = case.turn
        feedback = Feedback(tap.choice, turn.address, turn.sender, tap.about, "button")
        first = self._meters.heard(feedback, turn=turn.id)
        shown = getattr(case.connector, "thanks", False)  # at the button itself: a message would be too much
        messages = (case.message(case.say("thanks")),) if first and not shown else ()
        return Reply(messages, {"feedback": tap.choice, "about": tap.about})

    def _reacted(self, turn: Turn) -> Reply:
        """In a group nothing is counted: people react to each other, and a reaction does not tell whose the message is."""
        verdict = next((given for thumb, given in THUMBS.items() if turn.text.startswith(thumb)), None)
        about = turn.messages[-1].reply_to or ""
        connector = self._connector(turn.address)
        if verdict is None or (isinstance(connector, Grouping) and connector.is_group(turn.address)):
            return Reply()
        self._meters.heard(Feedback(verdict, turn.address, turn.sender, about, "reaction"), turn=turn.id)
        return Reply(details={"feedback": verdict, "about": about})

    async def _reached(self, message: Outgoing) -> Outgoing:
        """The message to where its conversation is reached now."""
        if self._holds is None:
            return message
        try:
            return replace(message, address=await self._holds.reach(message.address))
        except TransientError:  # then typing may not be shown: the answer matters more
            return message

    def _connector(self, address: Address) -> Connector:
        try:
            return self._connectors[address.connector]
        except KeyError:
            raise ConfigurationError(
                f"a message of connector {address.connector!r} waits for an answer, but there is no such connector: "
                f"configure it again as connectors.{address.connector}, or drop the message"
            ) from None

    async def _language(self, turn: Turn) -> str:
        def earlier() -> list[str]:
            try:
                return earlier_questions(self._assistant().conversations, str(turn.address))
            except TransientError:  # to say something in English is better than to say nothing
                return []

        return await asyncio.to_thread(lambda: told(turn) or guessed(turn, earlier))


_transcriber: type[Transcriber] = Transcriber  # type: ignore[type-abstract]  # a bound, never made


def _noted(case: Case, taken: Taken, more: str) -> Reply:
    return case.reply(taken.text(more), **_told(taken))


def _told(taken: Taken) -> dict[str, object]:
    return {"documents": taken.documents} if taken.documents else {}
