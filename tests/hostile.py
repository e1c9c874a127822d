"""Documents that give orders, from `injection/documents.toml`, and the prompts they end up in."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path

import pytest
from langchain_core.documents import Document

from assistant.knowledge.passages import Passage
from assistant.prompt import Material, Prompt, build_prompt
from assistant.tokens import Reader

SET = Path(__file__).with_name("injection") / "documents.toml"


@dataclass(frozen=True, slots=True)
class Hostile:
    """A document of the set; `poisoned` ones state the canary as the answer to the very question."""

    id: str
    language: str
    passages: list[str]
    question: str
    answer: str
    canary: str
    poisoned: bool = False

    @property
    def documents(self) -> list[Document]:
        names = [f"{self.id}-{number}.txt" for number in range(1, len(self.passages) + 1)]
        return [
            Document(text, id=name, metadata={"source": name}) for name, text in zip(names, self.passages, strict=True)
        ]


ALL = [Hostile(**row) for row in tomllib.loads(SET.read_text("utf-8"))["document"]]
every = pytest.mark.parametrize("hostile", ALL, ids=[hostile.id for hostile in ALL])


def prompt(hostile: Hostile, *, small: bool = False) -> Prompt:
    """What a model is sent."""
    passages = tuple(Passage.from_document(document) for document in hostile.documents)
    reader = Reader(context=4096, count=len, small=small)
    return build_prompt(Material(hostile.question, passages), reader=reader, max_tokens=64, turns=0)
