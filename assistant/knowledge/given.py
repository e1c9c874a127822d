"""What `Knowledge.add` is given, sorted: paths and addresses to discover, and LangChain documents bundled by source."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from langchain_core.documents import Document

from assistant.knowledge.metadata import OWN, flat, storable

Given = str | Path | Document


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of text with what its caller says of it; `page` as the caller counts."""

    text: str
    page: int | None
    metadata: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Bundle:
    """The LangChain documents of one source, in the order given: loaders give one a page."""

    source: str
    title: str
    parts: tuple[Part, ...]

    def digest(self) -> str:
        """SHA-256 of everything in it."""
        parts = [(part.text, part.page, dict(part.metadata)) for part in self.parts]
        return hashlib.sha256(json.dumps([self.title, parts], sort_keys=True).encode()).hexdigest()

    def size(self) -> int:
        """Bytes of text."""
        return sum(len(part.text.encode()) for part in self.parts)


def sort(sources: Iterable[Given] | Given) -> tuple[list[str | Path], list[Bundle]]:
    """Paths and addresses as they came, and the documents bundled.

    Raises:
        ValueError: something else is among them, or a document's metadata cannot be stored.
    """
    given: list[Any] = [sources] if isinstance(sources, str | Path | Document) else list(sources)
    wrong = next((item for item in given if not isinstance(item, str | Path | Document)), None)
    if wrong is not None:
        raise ValueError(f"{wrong!r} is no path, address or LangChain Document")
    documents = [item for item in given if isinstance(item, Document)]
    return [item for item in given if not isinstance(item, Document)], _bundles(documents)


def _bundles(documents: Iterable[Document]) -> list[Bundle]:
    grouped: dict[str, list[Document]] = {}
    for document in documents:
        grouped.setdefault(_source(document), []).append(document)
    return [_bundle(source, members) for source, members in grouped.items()]


def _bundle(source: str, documents: list[Document]) -> Bundle:
    title = next((str(d.metadata["title"]) for d in documents if d.metadata.get("title")), source)
    return Bundle(source, storable(title), tuple(map(_part, documents)))


def _part(document: Document) -> Part:
    page = document.metadata.get("page")
    theirs = {key: value for key, value in document.metadata.items() if key not in OWN}
    return Part(storable(document.page_content), page if isinstance(page, int) else None, flat(theirs))


def _source(document: Document) -> str:
    named = document.metadata.get("source")
    content = hashlib.sha256(storable(document.page_content).encode()).hexdigest()
    return storable(str(named)) if named else f"document:{content[:20]}"
