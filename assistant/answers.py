"""The answer to a question, with its citations, and the events an answer streams as."""

from __future__ import annotations

import html
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Grounded = Literal["yes", "partly", "no"]


@dataclass(frozen=True, slots=True)
class Citation:
    """The passage behind a `[number]` in an answer; `quote` stands at `start`..`end` of the source's text (characters)."""

    number: int
    source: str
    title: str
    quote: str
    page: int | None = None
    start: int | None = None
    end: int | None = None
    score: float | None = None


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one answer; `cached_tokens` of the prompt were served from the prefix cache."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0

    @property
    def total_tokens(self) -> int:
        return self.prompt_tokens + self.completion_tokens


@dataclass(frozen=True, slots=True)
class Answer:
    """What was answered; `grounded` says whether the documents support it. Renders in notebooks.

    `evidence` are the ids of the passages cited: a question that follows is read with them.
    """

    text: str
    grounded: Grounded
    citations: tuple[Citation, ...] = ()
    usage: Usage = field(default_factory=Usage)
    conversation: str | None = None
    evidence: tuple[str, ...] = field(default=(), repr=False)

    def to_dict(self) -> dict[str, Any]:
        """The JSON form that `assistant ask --json` prints."""
        usage = {**asdict(self.usage), "total_tokens": self.usage.total_tokens}
        return {
            "text": self.text,
            "grounded": self.grounded,
            "citations": [asdict(citation) for citation in self.citations],
            "usage": usage,
            "conversation": self.conversation,
        }

    def __str__(self) -> str:
        return self.text

    def _repr_markdown_(self) -> str:
        lines = [self.text, ""]
        for c in self.citations:
            page = f", page {c.page}" if c.page is not None else ""
            quote = html.escape(" ".join(c.quote.split()), quote=False)
            lines.append(f"> **[{c.number}]** *{html.escape(c.title or c.source, quote=False)}*{page}: {quote}\n>")
        return "\n".join(lines)


@dataclass(frozen=True, slots=True)
class TextDelta:
    """The next piece of the answer's text."""

    text: str
    type: Literal["text"] = "text"


@dataclass(frozen=True, slots=True)
class Cited:
    """A citation, sent when the text it supports has been sent."""

    citation: Citation
    type: Literal["citation"] = "citation"


@dataclass(frozen=True, slots=True)
class Done:
    """The end of a stream: the whole answer."""

    answer: Answer
    type: Literal["done"] = "done"


Event = TextDelta | Cited | Done
"""What `Assistant.astream` yields: text deltas and citations in any order, then one `Done`."""
