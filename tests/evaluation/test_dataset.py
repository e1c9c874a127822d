from __future__ import annotations

import json
from pathlib import Path

import pytest
from sets import animals, folder

from assistant.errors import ConfigurationError
from assistant.evaluation import Dataset
from assistant.evaluation.dataset import Gold, Span


def line(**values: object) -> str:
    return json.dumps(values)


def test_a_folder_is_read_with_titles_grades_and_what_nothing_answers(tmp_path: Path) -> None:
    read = Dataset.read(folder(tmp_path))
    assert [("d1", "One", "first"), ("d2", "d2", "second")] == [(d.id, d.title, d.text) for d in read.documents]
    first, second = read.queries
    assert (True, {"d2": 1.0}, "en") == (first.judged, dict(first.grades), first.language)
    assert (False, False) == (second.judged, second.answerable)


def test_a_header_line_of_the_grades_is_passed_over(tmp_path: Path) -> None:
    read = Dataset.read(folder(tmp_path, qrels="query-id\tcorpus-id\tscore\nq1\td2\t1\r\n"))
    assert {"q1": {"d2": 1.0}, "q2": {}} == {query.id: dict(query.grades) for query in read.queries}


def test_a_question_without_text_is_passed_over(tmp_path: Path) -> None:
    queries = line(id="q1", text=" ") + "\n" + line(id="q2", text="which")
    assert ["q2"] == [query.id for query in Dataset.read(folder(tmp_path, queries=queries)).queries]


def test_answers_are_read_with_their_places(tmp_path: Path) -> None:
    span = {"doc_id": "d2", "start": 1, "end": 3}
    row = line(query_id="q1", answers=["ec", " "], spans=[span], all_required=True)
    read = Dataset.read(folder(tmp_path, answers=row))
    assert Gold(("ec",), (Span("d2", 1, 3),), all_required=True) == read.queries[0].gold


def test_what_was_said_before_is_read_oldest_first(tmp_path: Path) -> None:
    history = [{"role": "user", "text": "Hello"}, {"role": "assistant", "text": "Yes?"}]
    read = Dataset.read(folder(tmp_path, queries=line(id="q1", text="and?", history=history)))
    assert [("user", "Hello"), ("assistant", "Yes?")] == [(one.role, one.text) for one in read.queries[0].earlier]


@pytest.mark.parametrize(
    ("file", "text", "said"),
    [
        ("corpus", "{", "line 1: not a JSON object"),
        ("corpus", "1", "line 1: not a JSON object"),
        ("queries", '{"id": "q"}', "line 1: 'text' is missing"),
        ("queries", line(id="q", text="t", history=[{"role": "bot", "text": "x"}]), "line 1: 'history' holds"),
        ("qrels", "q\td\t1\nq d 1\n", "line 2: not"),
        ("answers", line(query_id="q1", answers=[], spans=[{"doc_id": "d1"}]), "line 1: a span is"),
        (
            "answers",
            line(query_id="q1", answers=[], spans=[{"doc_id": "d1", "start": 2, "end": 9}]),
            "is no part of a document",
        ),
    ],
)
def test_a_line_of_another_format_is_named(tmp_path: Path, file: str, text: str, said: str) -> None:
    with pytest.raises(ConfigurationError, match=file) as caught:
        Dataset.read(folder(tmp_path, **{file: text}))
    assert said in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"corpus\.jsonl"):
        Dataset.read(tmp_path)


def test_a_sample_is_the_same_each_time_and_keeps_the_order() -> None:
    whole = animals()
    drawn = whole.sample(2)
    assert drawn == whole.sample(2)
    assert [query for query in whole.queries if query in drawn.queries] == list(drawn.queries)
    assert whole == whole.sample(None) == whole.sample(9)
