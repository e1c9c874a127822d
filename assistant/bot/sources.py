"""The sources of an answer as a message, and the buttons below it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from assistant.answers import Answer, Citation
from assistant.bot.phrases import say
from assistant.sections import Bot
from assistant.types import Button

BREAK = "  \n"
"""A line break in Markdown."""
SPECIAL = re.compile(r"[\\`*\[\]<>~|]|(?<!\w)_|_(?!\w)")
"""What Markdown would take for markup within a line."""

Choice = Literal["sources", "up", "down"]


@dataclass(frozen=True, slots=True)
class Tap:
    """A tap on one of our buttons: what was chosen, and `about` which turn (as `mark` names it)."""

    choice: Choice
    about: str

    @property
    def data(self) -> str:
        """What the button carries: 24 bytes at most, of the 64 that Telegram allows (Bot API, InlineKeyboardButton)."""
        return f"{self.choice}:{self.about}"


def tapped(data: str) -> Tap | None:
    """The tap that `data` came from; None: the button is not ours."""
    choice, _, about = data.partition(":")
    known: Choice | None = next((each for each in get_args(Choice) if each == choice), None)
    return Tap(known, about) if known and re.fullmatch("[0-9a-f]{16}", about) else None


def mark(turn: str) -> str:
    """A turn's name in 16 characters: platforms limit what a button carries."""
    return hashlib.sha256(turn.encode()).hexdigest()[:16]


def offered(answer: Answer, turn: str, *, most: int, settings: Bot, language: str) -> tuple[Button, ...]:
    """The buttons below an answer, `most` at most; sources come before feedback, and 👍 never comes alone."""
    about = mark(turn)
    sources = settings.sources == "button" and answer.citations and most > 0
    buttons = [Button(say("sources", language), data=Tap("sources", about).data)] if sources else []
    if settings.feedback and most - len(buttons) >= 2:
        buttons += [Button("👍", data=Tap("up", about).data), Button("👎", data=Tap("down", about).data)]
    return tuple(buttons)


def listed(citations: Sequence[Citation], language: str) -> str:
    """A heading, and a line for each page cited, with the numbers it is cited by."""
    numbers: dict[str, list[int]] = {}
    for citation in citations:
        numbers.setdefault(_place(citation, language), []).append(citation.number)
    return _under_heading((f"{_marks(cited)} {place}" for place, cited in numbers.items()), BREAK, language)


def quoted(citations: Sequence[Citation], language: str) -> str:
    """A heading, and for each citation its page and its words."""
    entries = (
        f"{_marks([each.number])} {_place(each, language)}\n\n> “{escaped(' '.join(each.quote.split()))}”"
        for each in citations
    )
    return _under_heading(entries, "\n\n", language)


def escaped(text: str) -> str:
    """A text within a line of Markdown that is shown as it is."""
    return SPECIAL.sub(lambda found: "\\" + found[0], text)


def _under_heading(entries: Iterable[str], between: str, language: str) -> str:
    return f"**{escaped(say('sources', language))}**{between}{between.join(entries)}"


def _marks(numbers: Iterable[int]) -> str:
    return "".join(f"[{number}]" for number in numbers)


def _place(citation: Citation, language: str) -> str:
    title = escaped(" ".join((citation.title or citation.source.rsplit("/", 1)[-1]).split()))
    if citation.source.startswith(("http://", "https://")) and not re.search(r"[\s<>\\]", citation.source):
        title = f"[{title}](<{citation.source}>)"
    page = "" if citation.page is None else f", {escaped(say('page', language, page=citation.page))}"
    return title + page
