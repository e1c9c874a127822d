"""What the bot remembers of a conversation: its answers, their sources, and which question was the last."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage

from assistant.answers import Citation
from assistant.bot.sources import mark
from assistant.inbox import turn_id
from assistant.memory import TURN, Conversations
from assistant.types import Incoming

REACH = 100
"""Turns that are looked through for the answer a button belongs to."""
EDITED = " edited:"
"""Stands in a turn's name between the name of the turn whose message was edited and the id of the edit."""


def earlier_questions(conversations: Conversations, conversation: str) -> list[str]:
    """The last questions, oldest first. Blocks."""
    return [said.text for said in conversations.messages(conversation, 5) if isinstance(said, HumanMessage)]


async def sources(
    conversations: Conversations, conversation: str, *, access: Sequence[str], about: str | None = None
) -> list[Citation] | None:
    """The citations of the last answer, or of that whose turn has the mark `about`; None: it is not remembered."""
    said = await conversations.amessages(conversation, 1 if about is None else REACH, access=access)
    answers = [each for each in said if isinstance(each, AIMessage)]
    if about is not None:
        answers = [each for each in answers if mark(str(each.additional_kwargs.get(TURN))) == about]
    return [Citation(**each) for each in answers[-1].additional_kwargs.get("citations", ())] if answers else None


async def renamed(
    conversations: Conversations, conversation: str, edit: Incoming, *, access: Sequence[str]
) -> str | None:
    """The name of the turn that an edited message begins; None: it asks nothing new.

    It does where the message was the last one asked, and now asks something else. The turn's name tells both, so that
    a second edit is one of the same message, and a turn that runs again finds itself.
    """
    if edit.reply_to is None or not edit.text.strip():
        return None
    first = turn_id(replace(edit, id=edit.reply_to))
    name = f"{first}{EDITED}{edit.id}"
    asked, last = _last(await conversations.amessages(conversation, 1, access=access))
    if last != name and (last.partition(EDITED)[0] != first or asked.strip() == edit.text.strip()):
        return None
    return name


def _last(said: Sequence[BaseMessage]) -> tuple[str, str]:
    """The last question, and the name of its turn."""
    if len(said) < 2:
        return "", ""
    return said[0].text, str(said[-1].additional_kwargs.get(TURN, ""))
