"""`assistant evaluate` as a person or a pipeline runs it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import assistant

CONFIG = """\
[engine]
kind = "assistant.testing.echo:EchoChat"
[knowledge]
embedding_model = "assistant.testing.words:WordEmbeddings"
[chat]
grounding = "prefer"
"""


class Home:
    """A working folder with a configuration, a document, a CSV of questions and a dataset."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "assistant.toml").write_text(CONFIG)
        (folder / "pump.md").write_text("# Pump\n\nThe pump delivers 90 litres per minute. It weighs 6 kilograms.\n")
        rows = [
            "question,answer,source",
            "How heavy is the pump?,6 kilograms,pump.md",
            "What does it deliver?,90,pump.md",
        ]
        (folder / "questions.csv").write_text("\n".join(rows))
        words = ("cat", "dog", "owl")
        corpus = [{"id": f"d{n}", "title": word, "text": f"All about the {word}."} for n, word in enumerate(words)]
        queries = [{"id": f"q{n}", "text": f"the {word}", "lang": "en"} for n, word in enumerate(words)]
        (folder / "set").mkdir()
        (folder / "set" / "corpus.jsonl").write_text("\n".join(map(json.dumps, corpus)))
        (folder / "set" / "queries.jsonl").write_text("\n".join(map(json.dumps, queries)))
        (folder / "set" / "qrels.tsv").write_text("q0\td0\t1\nq1\td1\t1\nq2\td2\t1\n")

    def run(self, *arguments: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        ours = {key: value for key, value in os.environ.items() if not key.startswith("ASSISTANT_")}
        env = {**ours, "PYTHONPATH": str(Path(assistant.__file__).parents[1]), "COLUMNS": "200", "NO_COLOR": "1"}
        command = [sys.executable, "-m", "assistant", "evaluate", *arguments]
        done = subprocess.run(
            command, cwd=self.folder, env=env, capture_output=True, text=True, timeout=120, check=False
        )
        assert code == done.returncode, done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        return done

    def json(self, *arguments: str, code: int = 0) -> Any:
        return json.loads(self.run(*arguments, "--json", code=code).stdout)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


def test_a_dataset_is_measured_and_nothing_is_left_behind(home: Home) -> None:
    found = home.json("set")
    assert ("set", 3, 3) == (found["dataset"], found["documents"], found["queries"])
    assert {1.0} == set(found["metrics"].values())
    assert {"recall@1", "recall@5", "recall@10", "mrr@10", "ndcg@10"} <= found["metrics"].keys()
    assert not (home.folder / "data").exists()


def test_a_persons_own_questions_are_measured_compared_and_reported(home: Home) -> None:
    arguments = ["questions.csv", "-d", "pump.md", "--against", "knowledge.chunk_tokens=40", "--report", "out.html"]
    found = home.json(*arguments, "--answers", "--floor", "contains_gold=0.1")
    assert ["knowledge.chunk_tokens=40"] == [one["system"] for one in found["against"]]
    assert "unclear" == found["against"][0]["differences"]["hit@1"]["verdict"]
    assert [] == found["shortfalls"]
    assert (home.folder / "out.html").read_text().startswith("<!doctype html>")


def test_a_floor_that_is_not_reached_is_exit_code_1_and_named(home: Home) -> None:
    done = home.run("set", "--limit", "2", "--floor", "ndcg@10=1.5", "--floor", "hit@1=0.5", code=1)
    assert "assistant: ndcg@10 is 1, below the floor of 1.5" in done.stderr
    assert "hit@1 is" not in done.stderr
    assert "2 queries" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["set", "--floor", "ndgc=1"], "did you mean 'ndcg@10'?"),
        (["set", "-d", "pump.md"], "a folder has its own corpus"),
        (["questions.csv"], "needs --documents"),
        (["set", "--against", "lanchain"], "write langchain, langchain-e5, FILE.toml"),
        (["set", "--report", "no/such/page.html"], "there is no such folder"),
        (["gone"], "does not exist"),
    ],
)
def test_a_wrong_call_is_exit_code_2_and_says_what_to_write(home: Home, arguments: list[str], said: str) -> None:
    assert said in home.run(*arguments, code=2).stderr


def test_an_override_of_no_setting_is_named_before_anything_is_measured(home: Home) -> None:
    done = home.run("set", "--against", "knowledge.chunk_token=40", code=1)
    assert "knowledge.chunk_token: no such key" in done.stderr
    assert "" == done.stdout
