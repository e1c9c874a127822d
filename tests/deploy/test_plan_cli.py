from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from deploy.cli import app
from deploy.plan import Plan

BIN = Path(sys.executable).parent / "assistant-deploy"
QUIET = {key: value for key, value in os.environ.items() if not key.startswith("AWS_")}


def run(*arguments: str, cwd: Path | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(BIN), *arguments], capture_output=True, text=True, cwd=cwd, env={**QUIET, **environment}, check=False
    )


def test_plan_prints_one_json_document_and_nothing_else() -> None:
    done = run("plan", "--model", "8B", "--instance-type", "ml.g5.2xlarge", "--users", "2", "--json")
    assert (0, "") == (done.returncode, done.stderr)
    values = json.loads(done.stdout)
    assert ("ml.g5.2xlarge", 8192) == (values["instance_type"], values["max_model_len"])


def test_plan_shows_a_person_what_and_why() -> None:
    done = run("plan", "--model", "70B", "--price", "g6e.12xlarge=10", "--secret", "hub")
    assert 0 == done.returncode
    for part in (
        "ml.g6e.12xlarge",
        "tensor parallel 4",
        "GiB weights",
        "Why",
        "Take care",
        "sagemaker.create_endpoint",
        "10 an hour",
    ):
        assert part in done.stdout


def test_what_does_not_fit_is_one_line_on_stderr_and_exit_code_1() -> None:
    done = run("plan", "--model", "405B", "--instance-type", "ml.p5.48xlarge", "--dtype", "bfloat16", "--json")
    assert (1, "") == (done.returncode, done.stdout)
    assert done.stderr.startswith("assistant-deploy: Llama-3.1-405B-Instruct in bfloat16 does not fit ml.p5.48xlarge")
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ("plan",),
        ("plan", "--model", "8B", "--users", "0"),
        ("plan", "--model", "8B", "--strategy", "yolo"),
        ("plan", "--model", "8B", "--engine", "nothing"),
        ("plan", "--model", "8B", "--price", "ml.g5.2xlarge=cheap"),
        ("export", "not-there.json"),
        ("unknown",),
    ],
)
def test_wrong_usage_is_exit_code_2(arguments: tuple[str, ...], tmp_path: Path) -> None:
    done = run(*arguments, cwd=tmp_path)
    assert (2, "") == (done.returncode, done.stdout)


def test_plan_diff_and_export_go_through_files(tmp_path: Path) -> None:
    one, other, exported = (str(tmp_path / name) for name in ("a.json", "b.json", "template.json"))
    assert (
        0
        == run(
            "plan",
            "-m",
            "8B",
            "-o",
            one,
            "--tag",
            "team=a",
            "--subnet",
            "subnet-0123abcd",
            "--security-group",
            "sg-0123abcd",
        ).returncode
    )
    assert (
        0 == run("plan", "-m", "8B", "-o", other, "--scale-min", "0", "--scale-max", "2", "--kms", "alias/x").returncode
    )
    assert "register_scalable_target: added" in run("diff", one, other).stdout
    assert {"changes": []} == json.loads(run("diff", one, one, "--json").stdout)
    assert 0 == run("export", other, "--out", exported).returncode
    assert json.loads(run("export", other).stdout) == json.loads(Path(exported).read_text())


def test_the_region_comes_from_the_environment_where_none_is_given() -> None:
    done = run("plan", "-m", "8B", "--json", AWS_REGION="eu-central-1")
    assert "eu-central-1" == json.loads(done.stdout)["region"]


def test_a_plan_needs_no_credentials_and_no_network(tmp_path: Path) -> None:
    nowhere: dict[str, str] = {
        "HTTPS_PROXY": "http://127.0.0.1:9",
        "HTTP_PROXY": "http://127.0.0.1:9",
        "AWS_CONFIG_FILE": str(tmp_path / "no"),
    }
    assert 0 == run("plan", "-m", "70B", "--json", cwd=tmp_path, **nowhere).returncode


def test_a_file_that_cannot_be_written_is_an_error_and_no_traceback(tmp_path: Path) -> None:
    done = run("plan", "-m", "8B", "-o", str(tmp_path / "no" / "plan.json"))
    assert 1 == done.returncode
    assert "cannot be written" in done.stderr
    assert "Traceback" not in done.stderr


def test_help_imports_neither_boto3_nor_langchain() -> None:
    code = (
        "import sys; from typer.testing import CliRunner; from deploy.cli import app; "
        "assert CliRunner().invoke(app, ['plan', '--help']).exit_code == 0; "
        "print([name for name in ('boto3', 'botocore', 'langchain_core', 'torch', 'vllm') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "[]" == done.stdout.strip()


GUIDE = Path(__file__).parents[2] / "docs" / "sagemaker.md"


def test_the_commands_of_the_guide_run_in_order_as_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    text = GUIDE.read_text(encoding="utf-8")
    blocks = re.findall(r"```bash\n(.*?)```", text, flags=re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines()]
    commands = [shlex.split(line)[1:] for line in lines if re.match(r"assistant-deploy (plan|diff|export)\b", line)]
    assert 8 < len(commands)
    for command in commands:
        done = CliRunner().invoke(app, command, catch_exceptions=False)
        assert (0, "") == (done.exit_code, done.stderr), command


def test_the_figures_of_the_guide_are_what_a_plan_says() -> None:
    text = GUIDE.read_text(encoding="utf-8")
    small = Plan.make("8B", instance_type="ml.g5.2xlarge")
    picked = Plan.make("8B")
    assert f"{small.memory.tokens:,} tokens, four contexts of 7,168; three of 8,192 where the instance is named" in text
    assert (3, 8192) == (small.max_concurrency, small.max_model_len)
    assert ("ml.g5.2xlarge", 4, 7168) == (picked.instance_type, picked.max_concurrency, picked.max_model_len)
    assert 5 == Plan.make("70B", instance_type="ml.g5.48xlarge", dtype="bfloat16").max_concurrency
    assert 8 == Plan.make("70B", instance_type="ml.g6e.12xlarge").max_concurrency
    assert 25 == Plan.make("405B", instance_type="ml.p5.48xlarge", dtype="fp8").max_concurrency
    assert "25 contexts of 8,192, with Meta's fp8 checkpoint" in text
