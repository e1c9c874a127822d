from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from assistant.errors import ConfigurationError
from assistant.evaluate import Dataset, Query, retrieval_metrics


def dataset(folder: Path, *, qrels: str = "q1\td2\t1\n") -> Path:
    corpus = [{"id": "d1", "title": "One", "text": "first"}, {"id": "d2", "text": "second"}]
    queries = [{"id": "q1", "text": "which", "lang": "en"}, {"id": "q2", "text": "none", "answerable": False}]
    (folder / "corpus.jsonl").write_text("\n".join(map(json.dumps, corpus)))
    (folder / "queries.jsonl").write_text("\n".join(map(json.dumps, queries)) + "\n\n")
    (folder / "qrels.tsv").write_text(qrels)
    return folder


def test_a_perfect_ranking_scores_one_everywhere() -> None:
    metrics = retrieval_metrics({"q": ["a", "b"]}, {"q": {"a": 1}})
    assert dict.fromkeys(["recall@1", "recall@5", "recall@10", "mrr@10", "ndcg@10"], 1.0) == metrics


def test_the_metrics_of_one_question_are_as_computed_by_hand() -> None:
    found = {"q": ["x", "a", "y", "z", "w", "b"]}
    metrics = retrieval_metrics(found, {"q": {"a": 2, "b": 1, "c": 1}})
    gain = 2 / math.log2(3) + 1 / math.log2(7)
    ideal = 2 + 1 / math.log2(3) + 1 / 2
    expected = {"recall@1": 0, "recall@5": 1 / 3, "recall@10": 2 / 3, "mrr@10": 1 / 2, "ndcg@10": gain / ideal}
    assert pytest.approx(expected) == metrics


def test_the_metrics_are_means_over_the_questions() -> None:
    metrics = retrieval_metrics({"p": ["a"], "q": ["b"]}, {"p": {"a": 1}, "q": {"a": 1}})
    assert (0.5, 0.5) == (metrics["recall@1"], metrics["ndcg@10"])


def test_several_passages_of_one_document_take_one_place() -> None:
    metrics = retrieval_metrics({"q": ["x", "x", "x", "a"]}, {"q": {"a": 1}})
    assert 0.5 == metrics["mrr@10"]


def test_what_comes_after_the_tenth_place_does_not_count() -> None:
    metrics = retrieval_metrics({"q": [*map(str, range(10)), "a"]}, {"q": {"a": 1}})
    assert {0.0} == set(metrics.values())


def test_a_grade_of_zero_is_not_relevant() -> None:
    assert {0.0} == set(retrieval_metrics({"q": ["a"]}, {"q": {"a": 0}}).values())


def test_no_question_gives_zeros() -> None:
    assert {0.0} == set(retrieval_metrics({}, {}).values())


def test_a_dataset_is_read_with_titles_and_judged_questions(tmp_path: Path) -> None:
    read = Dataset.read(dataset(tmp_path))
    found = [
        (document.metadata["source"], document.metadata["title"], document.page_content)
        for document in read.documents()
    ]
    assert [("d1", "One", "first"), ("d2", "d2", "second")] == found
    assert [Query("q1", "which")] == read.judged()


def test_a_header_line_of_the_grades_is_passed_over(tmp_path: Path) -> None:
    read = Dataset.read(dataset(tmp_path, qrels="query-id\tcorpus-id\tscore\nq1\td2\t1\r\n"))
    assert {"q1": {"d2": 1.0}} == dict(read.grades)


@pytest.mark.parametrize(
    ("file", "text", "said"),
    [
        ("corpus.jsonl", "{", "line 1: not a JSON object"),
        ("corpus.jsonl", "1", "line 1: not a JSON object"),
        ("queries.jsonl", '{"id": "q"}', "line 1: 'text' is missing"),
        ("qrels.tsv", "q\td\t1\nq d 1\n", "line 2: not"),
    ],
)
def test_a_line_of_another_format_is_named(tmp_path: Path, file: str, text: str, said: str) -> None:
    (dataset(tmp_path) / file).write_text(text)
    with pytest.raises(ConfigurationError, match=file) as caught:
        Dataset.read(tmp_path)
    assert said in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"corpus\.jsonl"):
        Dataset.read(tmp_path)
