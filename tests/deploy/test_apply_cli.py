"""`assistant-deploy` from plan to destroy, as a user types it, against the local stand-ins."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import pytest
from aws_server import Aws, running, say
from aws_setup import POOR_LOG, TOKEN, account_of, make_ready, plan_of, set_credentials
from sagemaker_container import Container, spoken
from sagemaker_site import Site
from typer.testing import CliRunner, Result

from assistant.errors import AssistantError
from deploy import logs
from deploy.cli import app

GROUP = "/aws/sagemaker/Endpoints/llama"


@pytest.fixture(scope="module")
def server() -> Iterator[Aws]:
    with running() as started:
        yield started


@pytest.fixture
def aws(server: Aws, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Aws:
    """An account that is ready for the first plan, which boto3 finds as it finds AWS."""
    set_credentials(monkeypatch, tmp_path)
    monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
    make_ready(server)
    return server


@pytest.fixture
def file(tmp_path: Path) -> str:
    """A plan file."""
    path = tmp_path / "plan.json"
    plan_of(scale_max=2).write(path)
    return str(path)


def run(*arguments: str) -> Result:
    """The command in this process."""
    return CliRunner().invoke(app, arguments)


def test_a_plan_file_goes_up_is_seen_and_comes_down(aws: Aws, file: str) -> None:
    applied = run("apply", file, "--poll", "0", "--json")
    again = run("apply", file, "--json")
    status = run("status", file, "--json")
    survey = run("status", "--json")
    destroyed = run("destroy", file, "--yes", "--poll", "0", "--json")

    assert [0] * 5 == [one.exit_code for one in (applied, again, status, survey, destroyed)]
    assert "created endpoint llama" in json.loads(applied.stdout)["changes"]
    assert [] == json.loads(again.stdout)["changes"]
    seen = json.loads(status.stdout)
    assert ("InService", True, {"min": 1, "max": 2}) == (seen["status"], seen["serving"], seen["scaling"])
    assert [24] == [one["instance_hours_a_day"] for one in json.loads(survey.stdout)["running"]]
    assert "endpoint llama" in json.loads(destroyed.stdout)["removed"]
    assert [] == aws.fleet.names()


def test_progress_goes_to_stderr_and_the_result_to_stdout(aws: Aws, file: str) -> None:
    result = run("apply", file, "--poll", "0")

    assert "endpoint llama in us-east-1 is in service\n" == result.stdout
    assert "Creating for" in result.stderr
    assert "ok  role" in result.stderr
    assert TOKEN not in result.output


def test_a_failure_is_one_message_with_cause_remedy_and_log(aws: Aws, file: str) -> None:
    aws.fleet.failures.append(("did not pass the ping health check", POOR_LOG))

    result = run("apply", file, "--poll", "0", "--keep-failed")
    status = run("status", "llama")

    assert 1 == result.exit_code
    assert isinstance(result.exception, AssistantError)
    for part in (
        "ping health check",
        "Cause: The KV cache",
        "What to do: plan with a shorter --context",
        "destroy llama",
    ):
        assert part in str(result.exception)
    assert "Failed since" in status.stdout
    assert "cause: The KV cache" in status.stdout
    assert "max_model_len not known" not in status.stdout


def test_the_console_script_ends_with_1_and_one_message(aws: Aws, file: str) -> None:
    aws.fleet.quotas["ml.g5.2xlarge"] = 0

    done = subprocess.run(
        [sys.executable, "-c", "from deploy.cli import main; main()", "apply", file, "--json"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert (1, "") == (done.returncode, done.stdout)
    assert "assistant-deploy: plan 'llama' would fail, so nothing was created" in done.stderr
    assert "Traceback" not in done.stderr


def test_logs_are_shown_by_time_and_without_tokens(aws: Aws, file: str) -> None:
    say(aws.url, GROUP, ["first", f"token {TOKEN}", "last"])

    plain, data = run("logs", file, "-n", "2"), run("logs", "llama", "--json")

    assert ["hf_…", "last"] == [line.split()[-1] for line in plain.stdout.splitlines()]
    assert ["first", "token hf_…", "last"] == [line["text"] for line in json.loads(data.stdout)["lines"]]


def test_an_endpoint_without_a_log_says_what_that_means(aws: Aws) -> None:
    result = run("logs", "llama")

    assert (0, "") == (result.exit_code, result.stdout)
    assert "has not started" in result.stderr


def test_a_followed_log_shows_each_line_once(aws: Aws) -> None:
    say(aws.url, GROUP, ["one", "two"])
    lines = logs.follow(account_of(aws), "llama", lines=1, poll=0.01)
    first = next(lines)
    later = Thread(target=say, args=(aws.url, GROUP, ["three", "four"]))
    later.start()

    assert ["two", "three", "four"] == [first.text, next(lines).text, next(lines).text]
    later.join()


def test_the_model_is_asked_and_its_answer_streamed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    set_credentials(monkeypatch, tmp_path)
    container = Container(spoken(["Twice ", "a ", "year."]))
    with Site().opened() as site:
        site.reset(container)
        monkeypatch.setenv("AWS_ENDPOINT_URL", site.url)

        plain = run("invoke", "llama", "How often?", "--system", "Be short.")
        data = CliRunner().invoke(app, ["invoke", "llama", "-", "--json"], input="How often?")

    assert "Twice a year.\n" == plain.stdout
    assert ["system", "user"] == [one["role"] for one in container.asked[0]["messages"]]
    assert "Twice a year." == json.loads(data.stdout)["text"]
    assert 10 == json.loads(data.stdout)["usage"]["total_tokens"]


def test_orphans_are_told_and_removed_when_confirmed(aws: Aws, file: str) -> None:
    run("apply", file, "--poll", "0")
    aws.fleet.endpoints.clear()

    asked = run("destroy", "--orphans")
    removed = run("destroy", "--orphans", "--yes", "--json")

    assert 2 == asked.exit_code
    assert "no instance hours" in asked.stderr
    assert 3 == len(json.loads(removed.stdout)["removed"])
    assert [] == aws.fleet.names()


def test_what_is_not_there_is_said(aws: Aws) -> None:
    status, survey, destroyed = run("status", "none"), run("status"), run("destroy", "none", "--yes")

    assert "there is no endpoint 'none'" in str(status.exception)
    assert "nothing of ours in us-east-1\n" == survey.stdout
    assert "nothing to remove\n" == destroyed.stdout


@pytest.mark.parametrize("arguments", [["destroy"], ["destroy", "llama", "--orphans"], ["apply", "none.json"]])
def test_wrong_usage_ends_with_2(arguments: list[str]) -> None:
    assert 2 == run(*arguments).exit_code


def test_a_plan_that_was_changed_by_hand_is_refused(aws: Aws, file: str) -> None:
    text = Path(file).read_text().replace('"InitialInstanceCount": 1', '"InitialInstanceCount": 4')
    Path(file).write_text(text)

    assert "was changed after it was made" in str(run("apply", file).exception)
