"""An answer while it is being written: what may be shown of it now, and how it stands to the passages at the end."""

from __future__ import annotations

from collections.abc import Sequence

from assistant.answers import Citation, Grounded
from assistant.citations import CitationFilter, appended, bind, grounded, uncited
from assistant.knowledge.passages import Passage


class Draft:
    """Takes the model's text piece by piece and gives back what may be shown; `text` is what was shown so far.

    Without `check`, brackets are not taken for citations.
    """

    def __init__(self, passages: Sequence[Passage], *, question: str, check: bool = True) -> None:
        self.text = ""
        self._check = check
        self._passages = passages
        self._question = question
        self._filter = CitationFilter(passages)
        self._trim = Trim()

    def write(self, text: str) -> str:
        """What may be shown once the model has written `text`."""
        text = self._trim(text)
        return self.add(self._filter.feed(text) if self._check else text)

    def finish(self) -> str:
        """The rest, and the citations where the model wrote none."""
        rest = self._filter.finish()
        if not self._filter.markers:
            self._filter.markers = uncited(self._filter.plain, self._passages, question=self._question)
            rest += appended(self._filter.plain, self._filter.markers)
        return self.add(rest)

    def add(self, text: str) -> str:
        """Show text of our own."""
        self.text += text
        return text

    @property
    def grounded(self) -> Grounded:
        """How much of what the model wrote the passages support."""
        return grounded(self._filter.plain, self._passages, question=self._question)

    @property
    def citations(self) -> tuple[Citation, ...]:
        """The citations that stand in the text, each bound to its place in a passage."""
        return bind(self._filter.plain, self._filter.markers, self._passages)


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
