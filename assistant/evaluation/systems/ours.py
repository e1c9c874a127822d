"""This SDK as a system to evaluate."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, HumanMessage

from assistant.evaluation.dataset import CorpusDocument, Query
from assistant.evaluation.system import Answered, packed
from assistant.knowledge.knowledge import Knowledge
from assistant.knowledge.passages import Passage
from assistant.knowledge.report import Progress
from assistant.knowledge.rerank import WIDER
from assistant.settings import Settings

if TYPE_CHECKING:
    from assistant.assistant import Assistant


class Ours:
    """The knowledge and the assistant of `settings`, with the documents in a temporary folder of their own.

    Args:
        settings: the configuration; where it names a Chroma server, an embedded Chroma is measured in its place.
        name: as it stands in reports.
        model: writes the answers; without it, the one in `settings.engine`.
        progress: told of every step of the ingest.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        name: str = "assistant",
        model: BaseChatModel | None = None,
        progress: Callable[[Progress], None] | None = None,
    ) -> None:
        self.name = name
        self._model = model
        self._progress = progress
        with ExitStack() as opened:
            folder = opened.enter_context(tempfile.TemporaryDirectory(prefix="assistant-evaluate-"))
            embedded = settings.knowledge.model_copy(update={"url": "", "collection": "evaluate"})
            self._settings = settings.model_copy(update={"data_dir": Path(folder), "knowledge": embedded})
            self._knowledge = opened.enter_context(Knowledge(self._settings))
            self._opened = opened.pop_all()

    def index(self, documents: Sequence[CorpusDocument]) -> int:
        """Files as an ingest would load them, other documents as LangChain's."""
        given = [document.id if document.is_file else document.as_langchain() for document in documents]
        return self._knowledge.add(given, progress=self._progress).passages

    def search(self, query: Query, k: int) -> Sequence[Passage]:
        """As `Knowledge.search`, with what was said before."""
        return self._knowledge.search(query.text, k, earlier=query.earlier)

    def pack(self, query: Query, found: Sequence[Passage], budget: int) -> Sequence[Passage]:
        """What the assistant would show its model: as many passages as fit, with the text around them."""
        known = self._settings.knowledge
        best = self._knowledge.fitting(
            found[: known.passages * WIDER], least=known.passages, tokens=known.context_tokens
        )
        return packed(self._knowledge.widened(best), budget)

    def answer(self, query: Query) -> Answered:
        """As `Assistant.ask`; refused is what no document grounds and nothing is cited for."""
        kinds = {"user": HumanMessage, "assistant": AIMessage}
        history = [kinds[remark.role](remark.text) for remark in query.earlier]
        began = time.perf_counter()
        answer = self._assistant.ask(query.text, history=history)
        seconds = time.perf_counter() - began
        refused = answer.grounded == "no" and not answer.citations
        return Answered(answer.text, refused, answer.citations, answer.usage.prompt_tokens, seconds)

    def close(self) -> None:
        """Close what was opened and delete the folder."""
        self._opened.close()

    @cached_property
    def _assistant(self) -> Assistant:
        from assistant.assistant import Assistant

        assistant = Assistant(self._model, settings=self._settings, knowledge=self._knowledge)
        return self._opened.enter_context(assistant).start()
