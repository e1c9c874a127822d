from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.errors import ConfigurationError
from assistant.evaluation import Dataset
from assistant.evaluation.questions import read_questions


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    for name in ("pump.md", "old/pump.md", "prices.csv"):
        path = tmp_path / "docs" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("The pump weighs 6 kilograms.\n")
    (tmp_path / "docs" / "empty.txt").write_text("")
    return tmp_path / "docs"


def read(docs: Path, text: str) -> Dataset:
    file = docs.parent / "questions.csv"
    file.write_text(text, encoding="utf-8")
    return Dataset.from_csv(file, documents=[docs])


def test_a_row_is_a_question_with_its_answers_and_sources(docs: Path) -> None:
    read_set = read(docs, 'question,answer,source\n"Heavy, is it?",6 kg | 6 kilograms,prices.csv|old/pump.md\n')
    query = read_set.queries[0]
    assert ("questions", "Heavy, is it?", ("6 kg", "6 kilograms")) == (read_set.name, query.text, query.gold.answers)
    assert {str(docs / "prices.csv"), str(docs / "old" / "pump.md")} == query.relevant
    assert query.relevant < {document.id for document in read_set.documents}


def test_a_spreadsheet_with_semicolons_a_mark_and_capitals_is_read(docs: Path) -> None:
    query = read(docs, "\ufeffQuestion;Answer\r\nHow heavy, please?;6\r\n").queries[0]
    assert ("How heavy, please?", ("6",)) == (query.text, query.gold.answers)


def test_rows_of_a_conversation_are_asked_with_what_was_said_before(docs: Path) -> None:
    rows = "question,answer,conversation\nWeight?,6 kg,a\nPrice?,9,b\nAnd in grams?,6000,a\n"
    earlier = [[(one.role, one.text) for one in query.earlier] for query in read(docs, rows).queries]
    assert [[], [], [("user", "Weight?"), ("assistant", "6 kg")]] == earlier


def test_the_language_is_the_columns_or_told_from_the_question(docs: Path) -> None:
    rows = "question,answer,language\nCuánto cuesta el envío a casa?,9,\nWeight?,6,nl\n"
    assert ["es", "nl"] == [query.language for query in read(docs, rows).queries]


def test_a_question_that_nothing_answers_needs_neither_answer_nor_source(docs: Path) -> None:
    assert [False] == [query.answerable for query in read(docs, "question,answerable\nWho won?,No\n").queries]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("frage,answer\nx,y\n", "line 1: no such column 'frage'"),
        ("question,anwser\nx,y\n", "did you mean 'answer'?"),
        ("answer\nx\n", "line 1: no column 'question'"),
        ("question,question\nx,y\n", "stands there twice"),
        ("question,answer\n", "holds no question"),
        ("question,answer\nok,1\n\n ,2\n", "line 4, column 'question': is empty"),
        ('question,answer\n"two\nlines",1\nx,\n', "line 4, column 'answer': is empty"),
        ("question,answerable\nx,maybe\n", "line 2, column 'answerable': is 'maybe'"),
        ("question,answer,answerable\nx,1,no\n", "line 2, column 'answerable': is no, but 'answer'"),
        ("question,answer\nx,9,90\n", "line 2: '90' stands beyond the last column"),
        ("question,source\nx,pumpe.md\n", "line 2, column 'source': no document 'pumpe.md'"),
        ("question,source\nx,pump.md\n", "write more of the path"),
        ("question,source\nx,empty.txt\n", "line 2, column 'source': 'empty.txt' was not taken"),
        ('question,answer\n"x,1\n', "line 2:"),
    ],
)
def test_what_is_wrong_is_named_with_line_and_column(docs: Path, text: str, said: str) -> None:
    with pytest.raises(ConfigurationError, match=r"questions\.csv") as caught:
        read(docs, text)
    assert said in str(caught.value)


def test_documents_that_cannot_be_read_are_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"no document to ask can be read.*does not exist"):
        Dataset.from_csv(tmp_path / "q.csv", documents=[tmp_path / "gone"])


TEXT = st.text(st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="|\u2028\u2029\x85"), min_size=1)


@given(rows=st.lists(st.tuples(TEXT, TEXT).filter(lambda row: all(cell.strip() for cell in row)), min_size=1))
def test_whatever_a_csv_writer_writes_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str]]
) -> None:
    out = io.StringIO()
    csv.writer(out).writerows([("question", "answer", "language"), *((*row, "en") for row in rows)])
    file = tmp_path_factory.mktemp("csv") / "q.csv"
    file.write_text(out.getvalue(), encoding="utf-8", newline="")
    expected = [(question.strip(), (answer.strip(),)) for question, answer in rows]
    assert expected == [(query.text, query.gold.answers) for query in read_questions(file, ())]
