"""An answer while it is being written: what may be shown of it now, and how it stands to the passages at the end."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

from assistant.answers import Citation, Grounded
from assistant.citations import Verifier, bind
from assistant.evidence import Evidence
from assistant.knowledge.passages import Passage

if TYPE_CHECKING:
    from assistant.meaning import Meaning


class Draft:
    """Takes the model's text piece by piece and gives back what may be shown; `text` is what was shown so far,
    `citations`, known when it is finished, are those in it, each bound to its place in a passage.

    Args:
        passages: what the model sees as [1], [2] …
        question: what was asked; repeating it proves nothing.
        earlier: the questions before it, oldest first; they tell the language where the question is too short.
        check: without it, the text passes as it is and brackets are not taken for citations.
        withhold: keep back what no passage supports; the text then comes a sentence at a time.
        meaning: recognises support in other words and languages; without it, shared words must tell.

    On an event loop use `awrite` and `afinish`, and `grounded` only after the latter.
    """

    def __init__(
        self,
        passages: Sequence[Passage],
        *,
        question: str,
        earlier: Sequence[str] = (),
        check: bool = True,
        withhold: bool = False,
        meaning: Meaning | None = None,
    ) -> None:
        self.text = ""
        self.citations: tuple[Citation, ...] = ()
        self._check = check
        self._evidence = Evidence(passages, question=question, earlier=earlier, meaning=meaning)
        self._verifier = Verifier(self._evidence, withhold=withhold)
        self._trim = Trim()

    def write(self, text: str) -> str:
        """What may be shown once the model has written `text`."""
        return self.add(self._trim(self._verifier.feed(text) if self._check else text))

    async def awrite(self, text: str) -> str:
        """As `write`; what has to be judged is judged in a thread."""
        light = not self._check or self._verifier.passes(text)
        return self.write(text) if light else await asyncio.to_thread(self.write, text)

    def finish(self) -> str:
        """The rest."""
        shown = self.add(self._trim(self._verifier.finish()))
        self.citations = bind(self._verifier.plain, self._verifier.markers, self._evidence)
        return shown

    async def afinish(self) -> str:
        """As `finish`."""
        return await asyncio.to_thread(self.finish)

    def add(self, text: str) -> str:
        """Show text of our own."""
        self.text += text
        return text

    @property
    def evidence(self) -> tuple[str, ...]:
        """The ids of the passages cited."""
        return tuple(self._evidence.passages[citation.number - 1].id for citation in self.citations)

    @property
    def grounded(self) -> Grounded:
        """How much of what the model wrote the passages support."""
        return self._verifier.grounded


class Trim:
    """Drops the white space around a text that comes in pieces."""

    def __init__(self) -> None:
        self._held = ""
        self._begun = False

    def __call__(self, piece: str) -> str:
        text = self._held + piece
        text = text if self._begun else text.lstrip()
        body = text.rstrip()
        self._held = text[len(body) :]
        self._begun = self._begun or bool(body)
        return body
