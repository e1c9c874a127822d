"""One turn as the bot sees it: where it came from, in which language, and what a reply to it looks like."""

from __future__ import annotations

from dataclasses import dataclass

from assistant.bot.phrases import Phrase, say
from assistant.connector import Connector, Grouping
from assistant.inbox import Reply, Turn
from assistant.types import Button, Incoming, Outgoing

ABOUT_ANOTHER = ("edit", "button", "reaction")
"""Kinds of events whose `reply_to` is the message they are about, not one that their sender chose to answer."""


@dataclass(frozen=True, slots=True)
class Case:
    """A turn with its connector; `language` is a code of the bot's phrases, `opening` goes in front of what is said."""

    turn: Turn
    connector: Connector
    language: str
    opening: str = ""

    @property
    def last(self) -> Incoming:
        """The message that is answered."""
        return self.turn.messages[-1]

    @property
    def conversation(self) -> str:
        """Name of the conversation."""
        return str(self.turn.address)

    def say(self, phrase: Phrase, **values: object) -> str:
        """The phrase in the user's language."""
        return say(phrase, self.language, **values)

    @property
    def about(self) -> str | None:
        """Id of the message that is answered: of an edit, the one that was edited."""
        return self.last.reply_to if self.last.kind == "edit" else self.last.id

    def text(self, text: str) -> str:
        """The text with what goes in front of it; nothing stays nothing."""
        return f"{self.opening}\n\n{text}" if self.opening and text else text

    def message(self, text: str = "", *, buttons: tuple[Button, ...] = ()) -> Outgoing:
        """A message back; the first and only one of the turn, which a preview with the same key goes before."""
        return Outgoing(
            self.turn.address, self.text(text), reply_to=self._reply_to(), buttons=buttons, key=self.turn.key()
        )

    def reply(self, text: str, **details: object) -> Reply:
        """A reply of this text."""
        return Reply((self.message(text),), details)

    def _reply_to(self) -> str | None:
        """Where several people write, or one wrote several messages, it shows what is answered."""
        if self.last.kind in ABOUT_ANOTHER:
            return self.last.reply_to
        group = isinstance(self.connector, Grouping) and self.connector.is_group(self.turn.address)
        several = len(self.turn.messages) > 1
        return self.last.id if group or several or self.last.kind == "comment" else None
