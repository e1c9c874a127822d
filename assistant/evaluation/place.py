"""Where a passage stands in its document, also when the system that found it does not say."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from assistant.evaluation.dataset import CorpusDocument, Span
    from assistant.knowledge.passages import Passage


class Places:
    """The texts of a corpus, to look passages up in."""

    def __init__(self, documents: Sequence[CorpusDocument]) -> None:
        self._texts = {document.id: document.text for document in documents}

    def text(self, span: Span) -> str:
        """What stands at a span."""
        return self._texts.get(span.document, "")[span.start : span.end]

    def locate(self, passage: Passage) -> int | None:
        """Offset (characters) at which the passage begins; None where its document does not hold it.

        White space may differ: passages that were joined have some of their own between them.
        """
        text = self._texts.get(passage.source, "")
        said = passage.start if passage.start is not None else passage.metadata.get("start_index")
        if isinstance(said, int) and _same(text[said : said + len(passage.text)], passage.text):
            return said
        found = text.find(passage.text)
        return found if found >= 0 else None


def _same(text: str, other: str) -> bool:
    return text == other or text.split() == other.split()
