"""A passage: a piece of one document that search returns and answers cite."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from langchain_core.documents import Document

FIELDS = ("source", "title", "score", "start", "end", "page")


@dataclass(frozen=True, slots=True)
class Passage:
    """`text` is characters `start`..`end` of the document at `source`; `score` (0 to 1) is how well it fits the query.

    `explanation` says where the score comes from, where a search was asked to explain.
    """

    id: str
    source: str
    title: str
    text: str
    score: float | None = None
    start: int | None = None
    end: int | None = None
    page: int | None = None
    metadata: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    explanation: Mapping[str, Any] | None = None

    def to_dict(self) -> dict[str, Any]:
        """The JSON form that `assistant search --json` prints."""
        plain = {name: getattr(self, name) for name in self.__slots__ if name not in ("metadata", "explanation")}
        explained = {} if self.explanation is None else {"explanation": dict(self.explanation)}
        return {**plain, "metadata": dict(self.metadata), **explained}

    def to_document(self) -> Document:
        """As LangChain knows it: the fields stand in the metadata."""
        own = {name: getattr(self, name) for name in FIELDS if getattr(self, name) is not None}
        return Document(id=self.id, page_content=self.text, metadata={**self.metadata, **own})

    @classmethod
    def from_document(cls, document: Document, number: int = 0) -> Passage:
        """From any LangChain retriever; `number` names a document that has neither id nor source."""
        meta = dict(document.metadata)
        source = str(meta.pop("source", "") or document.id or f"document {number}")
        title = str(meta.pop("title", "") or source)
        own = {name: meta.pop(name, None) for name in FIELDS[2:]}
        return cls(document.id or source, source, title, document.page_content, **own, metadata=meta)
