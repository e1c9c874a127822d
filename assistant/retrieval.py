"""What the documents hold on the question of a turn, from our own knowledge or from any LangChain retriever."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from assistant.knowledge.passages import Passage

if TYPE_CHECKING:
    from langchain_core.retrievers import BaseRetriever

    from assistant.knowledge.question import Remark
    from assistant.meaning import Meaning


Near = Callable[[Sequence[str]], Sequence[float]]


@dataclass(frozen=True, slots=True)
class Retrieved:
    """Passages, best first, and what is known of them.

    `confidence` is how likely they answer the question (0 to 1), None where nobody knows; `follows` says whether the
    question could not be understood without what was said before. `near` tells how near sentences are to the question
    (0 to 1) and `meaning` compares sentences, both by the embedding that the passages were found with; they take time.
    """

    passages: tuple[Passage, ...] = ()
    confidence: float | None = None
    follows: bool = False
    near: Near | None = None
    meaning: Meaning | None = None


@dataclass(frozen=True, slots=True)
class Inquiry:
    """What is asked: the question, what was said before (oldest first), the ids of the passages cited last, and the
    labels that whoever asks has."""

    question: str
    earlier: tuple[Remark, ...] = ()
    cited: tuple[str, ...] = ()
    access: tuple[str, ...] = ()


@runtime_checkable
class Knowing(Protocol):
    """A retriever that understands a conversation."""

    async def aretrieve(self, inquiry: Inquiry) -> Retrieved:
        """What it finds on the inquiry."""


async def retrieve(retriever: BaseRetriever, inquiry: Inquiry) -> Retrieved:
    """What `retriever` finds; one that knows questions only is asked a follow-up that finds nothing together with the
    question before it."""
    if isinstance(retriever, Knowing):
        return await retriever.aretrieve(inquiry)
    asked = [remark.text for remark in inquiry.earlier if remark.role == "user"]
    documents = await retriever.ainvoke(inquiry.question)
    if follows := not documents and bool(asked):
        documents = await retriever.ainvoke(f"{asked[-1]}\n{inquiry.question}")
    found: Sequence[Passage] = [Passage.from_document(document, n) for n, document in enumerate(documents, 1)]
    return Retrieved(tuple(found), follows=follows)
