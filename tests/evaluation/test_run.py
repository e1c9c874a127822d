from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever
from langchain_core.vectorstores import InMemoryVectorStore
from sets import animals

from assistant.errors import ConfigurationError
from assistant.evaluation import Dataset, LangChain, Ours, Report, Retriever, compare, evaluate
from assistant.evaluation.dataset import CorpusDocument, Query
from assistant.evaluation.system import packed
from assistant.knowledge.passages import Passage
from assistant.settings import Settings
from assistant.testing.echo import EchoChat
from assistant.testing.words import WordEmbeddings


class Fixed:
    """A system that ranks whole documents by their place in `order`, whatever is asked."""

    def __init__(self, *order: str, name: str = "fixed") -> None:
        self.name = name
        self.closed = False
        self._order = order
        self._passages: list[Passage] = []

    def index(self, documents: Sequence[CorpusDocument]) -> int:
        ordered = sorted(documents, key=lambda document: self._order.index(document.id))
        scores = (1 - place / 10 for place in range(len(ordered)))
        self._passages = [Passage(d.id, d.id, d.title, d.text, s) for d, s in zip(ordered, scores, strict=True)]
        return len(documents)

    def search(self, query: Query, k: int) -> Sequence[Passage]:
        return self._passages[:k]

    def pack(self, query: Query, found: Sequence[Passage], budget: int) -> Sequence[Passage]:
        return packed(found, budget)

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings.model_validate(
        {
            "data_dir": tmp_path / "untouched",
            "engine": {"kind": "assistant.testing.echo:EchoChat"},
            "knowledge": {"embedding_model": "assistant.testing.words:WordEmbeddings"},
            "chat": {"grounding": "prefer"},  # what is evidence to such an embedding is no matter here
        }
    )


def test_every_question_is_a_case_with_the_places_of_its_documents() -> None:
    system = Fixed("dog", "cat", "owl")
    report = evaluate(animals(), system)
    assert [{"cat": 2}, {"dog": 1}, {"owl": 3}, {}] == [dict(case.ranks) for case in report.cases]
    assert pytest.approx(1 / 3) == report.metrics["hit@1"].value
    assert pytest.approx((1 / 2 + 1 + 1 / 3) / 3) == report.metrics["mrr@10"].value
    assert (3, 1, 3) == (len(report.judged), len(report.unanswerable), report.passages)
    assert system.closed


def test_the_passage_of_the_right_document_is_kept_with_its_place() -> None:
    report = evaluate(animals(), Fixed("dog", "cat", "owl"))
    places = [case.right[0] if case.right else None for case in report.cases]
    assert [2, 1, 3, None] == places


def test_languages_are_told_apart() -> None:
    report = evaluate(animals(), Fixed("dog", "cat", "owl"))
    assert {"de": 0.0, "en": 0.5} == {name: found["hit@1"].value for name, found in report.languages.items()}


def test_the_worst_cases_come_first_and_the_right_ones_not_at_all() -> None:
    report = evaluate(animals(), Fixed("dog", "cat", "owl"))
    assert ["q3", "q1"] == [case.query.id for case in report.worst()]


def test_a_metric_counts_the_questions_it_applies_to() -> None:
    dataset = animals()
    bare = replace(dataset.queries[0], grades={})
    report = evaluate(replace(dataset, queries=(bare, *dataset.queries[1:])), Fixed("dog", "cat", "owl"))
    assert (2, 3) == (report.metrics["hit@1"].count, report.metrics["answer_in_context"].count)


def test_a_report_is_json_with_the_keys_scripts_rely_on() -> None:
    found = json.loads(json.dumps(evaluate(animals(), Fixed("dog", "cat", "owl")).to_dict()))
    assert {"dataset": "animals", "documents": 3, "passages": 3, "queries": 3}.items() <= found.items()
    assert found["metrics"].keys() == found["intervals"].keys()
    low, high = found["intervals"]["mrr@10"]
    assert low <= found["metrics"]["mrr@10"] <= high
    assert 0.5 == found["separation"]


def test_a_report_renders_as_text_and_in_notebooks() -> None:
    report = evaluate(animals(), Fixed("dog", "cat", "owl"))
    assert "hit@1                   33.3%   0.0% to 100.0%" in str(report)
    assert "| hit@1 | 33.3% | 0.0% to 100.0% | 3 |" in report._repr_markdown_()


def test_two_reports_are_compared_question_by_question() -> None:
    good, bad = (evaluate(animals(), Fixed(*order.split(), name=order)) for order in ("dog cat owl", "owl cat dog"))
    found = compare(good, bad)
    assert 0.0 == found.differences["hit@1"].value
    assert {name: 0.0 for name in found.differences} == {
        name: one.value for name, one in compare(good, good).differences.items()
    }
    assert "dog cat owl over owl cat dog" in str(found)
    assert "| hit@1 | 33.3% | 33.3% | +0.0% |" in found._repr_markdown_()
    assert "unclear" == found.to_dict()["differences"]["hit@1"]["verdict"]


def test_reports_of_other_questions_are_not_compared() -> None:
    one, other = (
        evaluate(animals(), Fixed("dog", "cat", "owl")),
        evaluate(animals(), Fixed("dog", "cat", "owl"), limit=2),
    )
    with pytest.raises(ValueError, match="not asked the same questions"):
        compare(one, other)


def test_this_sdk_is_measured_in_a_knowledge_of_its_own(settings: Settings) -> None:
    report = evaluate(animals(), settings)
    assert ("assistant", 1.0) == (report.system, report.metrics["hit@1"].value)
    assert not settings.data_dir.exists()


def test_answers_are_measured_with_their_citations_and_prompts(settings: Settings) -> None:
    report = evaluate(animals(), settings, answers=True)
    metrics = report.metrics
    assert (1.0, 1.0, 1.0) == tuple(
        metrics[name].value for name in ("contains_gold", "citation_precision", "citation_recall")
    )
    assert metrics["prompt_tokens"].value > 50
    assert report.latency is not None
    assert report.latency["p50"] <= report.latency["p95"]


def test_a_follow_up_is_asked_with_what_was_said_before(settings: Settings) -> None:
    from assistant.evaluation.dataset import remarks

    dataset = animals()
    follow_up = replace(dataset.queries[0], text="And how long?", earlier=remarks([("user", "Tell me of the cat")]))
    report = evaluate(replace(dataset, queries=(follow_up,)), settings, answers=True)
    assert 1.0 == report.metrics["hit@1"].value


def test_files_are_measured_as_an_ingest_loads_them(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "pump.md").write_text("# Pump\n\nThe pump weighs 6 kilograms.\n")
    (tmp_path / "q.csv").write_text("question,answer,source\nHow heavy is the pump?,6 kilograms,pump.md\n")
    dataset = Dataset.from_csv(tmp_path / "q.csv", documents=[tmp_path / "pump.md"], settings=settings)
    found = evaluate(dataset, settings).metrics
    assert (1.0, 1.0) == (found["hit@1"].value, found["answer_in_context"].value)


def test_langchains_recipe_is_measured_with_any_embedding_and_model() -> None:
    recipe = LangChain(WordEmbeddings(), model=EchoChat())
    report = evaluate(animals(), recipe, answers=True)
    assert {"langchain"} == {report.system}
    assert 1.0 == report.metrics["hit@1"].value
    assert 0.0 == report.metrics["refused_unanswerable"].value
    assert "citation_recall" not in report.metrics
    assert all(case.top is not None and -1 <= case.top <= 1.001 for case in report.cases)


def test_langchains_recipe_splits_and_says_where_its_chunks_stand() -> None:
    long = CorpusDocument("long", "Long", " ".join(f"word{number}" for number in range(900)))
    recipe = LangChain(WordEmbeddings())
    try:
        assert recipe.index([long]) > 5
        found = recipe.search(Query("q", "word700"), 3)
    finally:
        recipe.close()
    assert [long.text[(at := one.metadata["start_index"]) : at + len(one.text)] for one in found] == [
        one.text for one in found
    ]


def test_any_langchain_retriever_is_measured() -> None:
    def make(documents: list[Document]) -> BaseRetriever:
        store = InMemoryVectorStore.from_documents(documents, WordEmbeddings())
        return store.as_retriever(search_kwargs={"k": 50})

    report: Report = evaluate(animals(), Retriever(make, name="in memory"))
    assert ("in memory", 1.0) == (report.system, report.metrics["hit@1"].value)


def test_a_system_that_only_searches_cannot_be_asked_for_answers() -> None:
    with pytest.raises(ConfigurationError, match="'fixed' only searches"):
        evaluate(animals(), Fixed("dog", "cat", "owl"), answers=True)


def test_a_folder_that_the_knowledge_cannot_open_is_given_back(settings: Settings) -> None:
    wrong = settings.model_copy(
        update={"knowledge": settings.knowledge.model_copy(update={"embedding_model": "no.such:Thing"})}
    )
    with pytest.raises(ConfigurationError, match=r"no\.such:Thing"):
        Ours(wrong)
