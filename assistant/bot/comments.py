"""Public comments: whether they are answered, where, and what everybody may read of it."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal, get_args

from assistant.answers import Answer
from assistant.bot.asking import Question, asked
from assistant.bot.case import Case
from assistant.bot.disclosures import Disclosures
from assistant.bot.sources import listed
from assistant.connector import Commenting
from assistant.errors import InvalidQuestion, PromptTooLong
from assistant.inbox import Reply
from assistant.sections import Bot
from assistant.types import Address, Incoming, Outgoing

if TYPE_CHECKING:
    from assistant.assistant import Assistant

logger = logging.getLogger(__name__)

Moderation = Literal["answer", "ignore", "hide"]


class Comments:
    """Answers comments from public documents and those of `bot.access`; documents sent in private are never looked up.

    What is not answered has its reason in the log and in the turn's details. A comment is never a command.
    """

    def __init__(
        self, assistant: Callable[[], Assistant], disclosures: Disclosures, settings: Bot, *, strict: bool
    ) -> None:
        self._assistant = assistant
        self._disclosures = disclosures
        self._settings = settings
        self._strict = strict

    async def answer(self, case: Case) -> Reply:
        """The reply to a comment: in public, in private, or both.

        Raises:
            TransientError: the assistant, a database or the platform does not answer now.
            Rejected: the platform does not let a comment be hidden.
        """
        event, connector = case.last, case.connector
        if not isinstance(connector, Commenting):
            raise TypeError(f"connector {connector.name!r} has no comments")
        if event.kind == "edit":
            return _ignored(case, "it was edited, and is answered once")
        verdict = await moderated(connector, event)
        if verdict == "hide":
            await connector.hide(event)
            return _ignored(case, "it was hidden by moderation", hidden=True)
        if verdict == "ignore":
            return _ignored(case, "moderation says so")
        ways = connector.replies(event)
        if not ways:
            return _ignored(case, f"connectors.{connector.name} does not answer such comments")
        return await self._answered(case, ways)

    async def _answered(self, case: Case, ways: Sequence[str]) -> Reply:
        if not case.last.text.strip():
            return _ignored(case, "it has no text")
        question = Question(case.last.text, case.conversation, list(self._settings.access), case.turn.id)
        try:
            answer = await asked(self._assistant(), question)
        except (InvalidQuestion, PromptTooLong) as error:
            return _ignored(case, f"it cannot be asked: {type(error).__name__}")
        if self._strict and answer.grounded == "no":
            return _ignored(case, "the documents do not answer it", answer=answer.to_dict())
        messages = [await self._private(case, answer)] if "private" in ways else []
        if "public" in ways:
            messages += [await self._public(case, answer, told=bool(messages))]
        return Reply(tuple(messages), {"answer": answer.to_dict(), "replied": list(ways)})

    async def _private(self, case: Case, answer: Answer) -> Outgoing:
        """To the person alone; it goes first, so that nothing is announced that never arrives."""
        return await self._message(case, replace(case.turn.address, thread=None), self._whole(case, answer))

    async def _public(self, case: Case, answer: Answer, *, told: bool) -> Outgoing:
        """Where everybody reads it; `told`: the answer itself goes to the person alone."""
        if told:
            return _to(case, case.turn.address, self._settings.commented or case.say("answered"))
        return await self._message(case, case.turn.address, self._whole(case, answer))

    async def _message(self, case: Case, address: Address, text: str) -> Outgoing:
        opening = await self._disclosures.due(case, address)
        await self._disclosures.said(case, address, disclosed=bool(opening))
        return _to(case, address, "\n\n".join(filter(None, [opening, text])))

    def _whole(self, case: Case, answer: Answer) -> str:
        """The answer with its sources below it: comments have no buttons."""
        if self._settings.sources == "off" or not answer.citations:
            return answer.text
        return "\n\n".join([answer.text, listed(answer.citations, case.language)])


def on_comment(case: Case) -> bool:
    """Whether a turn is about a public comment."""
    commented = case.turn.kind == "comment" or (case.turn.kind == "edit" and case.turn.address.thread is not None)
    return commented and isinstance(case.connector, Commenting)


async def moderated(connector: Any, event: Incoming) -> Moderation:
    """What the connector's moderation says of a comment; without one it is answered.

    Raises:
        ValueError: it says something else.
    """
    moderate = getattr(connector, "moderate", None)
    if moderate is None:
        return "answer"
    said = moderate(event)
    verdict = await said if inspect.isawaitable(said) else said
    found: Moderation | None = next((each for each in get_args(Moderation) if each == verdict), None)
    if found is None:
        raise ValueError(
            f"the moderation of connector {connector.name!r} says {verdict!r}, none of {get_args(Moderation)}"
        )
    return found


def _to(case: Case, address: Address, text: str) -> Outgoing:
    return Outgoing(address, text, reply_to=case.last.id)


def _ignored(case: Case, reason: str, **details: object) -> Reply:
    logger.info("comment=not answered conversation=%s comment=%s: %s", case.turn.address, case.last.id, reason)
    return Reply(details={"ignored": "comment", "reason": reason, **details})
