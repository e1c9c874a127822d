"""The commands as a person or a script runs them: real processes, a shipped stand-in for the model and the embedding."""

from __future__ import annotations

import json
import os
import pty
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import tomllib
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any, cast

import pytest

import assistant
from assistant.commands.serve import listen
from assistant.settings import Settings

HEAVY = (
    "vllm",
    "torch",
    "transformers",
    "chromadb",
    "onnxruntime",
    "numpy",
    "fastapi",
    "uvicorn",
    "pydantic",
    "sqlalchemy",
    "dbos",
    "telegram",
)
SECRET = "sk-never-shown-0123456789"
CONFIG = """\
[engine]
kind = "assistant.testing.echo:EchoChat"
{engine}
[knowledge]
embedding_model = "assistant.testing.words:WordEmbeddings"
[chat]
min_confidence = 0  # an embedding that compares words is never sure
"""
COMMAND = [sys.executable, "-m", "assistant"]


class Home:
    """A working folder with a configuration and a document, and the commands run in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.configure()
        docs = folder / "docs"
        docs.mkdir()
        (docs / "pump.md").write_text("# Pump\n\nThe pump delivers 90 litres per minute. It weighs 6 kilograms.\n")

    def configure(self, engine: str = "", more: str = "") -> None:
        (self.folder / "assistant.toml").write_text(CONFIG.format(engine=engine) + more)

    @property
    def environment(self) -> dict[str, str]:
        ours = {key: value for key, value in os.environ.items() if not key.startswith("ASSISTANT_")}
        where = str(Path(assistant.__file__).parents[1])
        paths = [where, str(self.folder), *filter(None, [os.environ.get("PYTHONPATH")])]
        return {**ours, "PYTHONPATH": os.pathsep.join(paths), "COLUMNS": "200", "NO_COLOR": "1"}

    def run(self, *arguments: str, code: int = 0, text: str = "", env: Mapping[str, str] | None = None) -> Result:
        done = subprocess.run(
            [*COMMAND, *arguments],
            cwd=self.folder,
            env={**self.environment, **(env or {})},
            input=text,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert code == done.returncode, done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        return Result(done.stdout, done.stderr)

    def json(self, *arguments: str, code: int = 0) -> Any:
        return json.loads(self.run(*arguments, "--json", code=code).out)

    @contextmanager
    def background(self, *arguments: str) -> Iterator[subprocess.Popen[str]]:
        process = subprocess.Popen(
            [*COMMAND, *arguments],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            yield process
        finally:
            process.kill()
            process.communicate()


class Result:
    """What a command wrote."""

    def __init__(self, out: str, err: str) -> None:
        self.out, self.err = out, err


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


@pytest.fixture(scope="module")
def ingested(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = Home(tmp_path_factory.mktemp("ingested"))
    home.run("ingest", "docs")
    return home.folder / "data"


@pytest.fixture
def filled(home: Home, ingested: Path) -> Home:
    """A home whose knowledge holds the document already."""
    shutil.copytree(ingested, home.folder / "data")
    return home


# ------------------------------------------------------------------------------------------------ the program itself


def test_help_lists_every_command_and_imports_nothing_heavy(home: Home) -> None:
    look = f"""if True:
        import sys
        sys.argv = ["assistant", "--help"]
        from assistant.cli import main
        try:
            main()
        finally:
            print([name for name in {HEAVY} if name in sys.modules] +
                  [name for name in sys.modules if name.startswith("langchain")], file=sys.stderr)
    """
    done = subprocess.run(
        [sys.executable, "-c", look], env=home.environment, capture_output=True, text=True, check=True, timeout=60
    )
    assert "[]" == done.stderr.strip()
    for command in ("init", "ingest", "search", "ask", "chat", "serve", "evaluate", "doctor", "models"):
        assert f" {command} " in done.stdout


def test_the_version_is_that_of_the_distribution(home: Home) -> None:
    assert f"assistant {version('llama-assistant-sdk')}\n" == home.run("--version").out


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["no-such-command"],
        ["ask"],
        ["ask", "  "],
        ["search", ""],
        ["search", "a", "-k", "0"],
        ["ingest"],
        ["evaluate", "no"],
    ],
    ids=" ".join,
)
def test_a_wrong_call_is_exit_code_2(home: Home, arguments: list[str]) -> None:
    home.run(*arguments, code=2)


def test_an_error_is_one_line_that_names_the_key(home: Home) -> None:
    home.configure(more="[server]\nprot = 1\n")
    result = home.run("search", "pump", code=1)
    said = "assistant: server.prot: no such key in assistant.toml; did you mean 'server.port'?"
    assert ("", [said]) == (result.out, result.err.splitlines())


def test_debug_shows_the_traceback_of_an_error(home: Home) -> None:
    done = subprocess.run(
        [*COMMAND, "--debug", "--config", "missing.toml", "search", "x"],
        cwd=home.folder,
        env=home.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert 1 == done.returncode
    assert "Traceback" in done.stderr


@pytest.mark.parametrize("before", [True, False])
def test_the_configuration_can_be_named_before_or_after_the_command(filled: Home, before: bool) -> None:
    (filled.folder / "assistant.toml").rename(filled.folder / "other.toml")
    option, command = ["--config", "other.toml"], ["search", "pump", "--json"]
    assert json.loads(filled.run(*(option + command if before else command + option)).out)["passages"]


def test_the_configuration_can_be_named_by_the_environment(filled: Home) -> None:
    (filled.folder / "assistant.toml").rename(filled.folder / "other.toml")
    assert "pump.md" in filled.run("search", "pump", env={"ASSISTANT_CONFIG": "other.toml"}).out


# --------------------------------------------------------------------------------------------- ingest, search and ask


def test_ingest_reports_what_it_did_and_costs_nothing_twice(home: Home) -> None:
    first, second = home.json("ingest", "docs"), home.json("ingest", "docs")
    assert (1, 0, 1) == (first["added"], first["unchanged"], first["passages"])
    assert (0, 1, 0) == (second["added"], second["unchanged"], second["passages"])


def test_ingest_lists_refusals_with_their_reasons_and_goes_on(home: Home) -> None:
    (home.folder / "docs" / "broken.pdf").write_bytes(b"%PDF-1.7 and then nothing of one")
    report = home.json("ingest", "docs")
    assert 1 == report["added"]
    [refused] = report["refused"]
    assert refused["source"].endswith("broken.pdf")
    assert refused["reason"]


def test_ingest_fails_where_everything_was_refused(home: Home) -> None:
    assert "no-such-file" in home.run("ingest", "no-such-file.md", code=1).out


def test_ingest_removes_what_is_gone_only_with_sync(home: Home) -> None:
    home.run("ingest", "docs")
    (home.folder / "docs" / "pump.md").unlink()
    assert 0 == home.json("ingest", "docs")["removed"]
    assert 1 == home.json("ingest", "docs", "--sync")["removed"]


def test_search_prints_passages_with_all_their_fields(filled: Home) -> None:
    [passage] = filled.json("search", "how many litres", "-k", "3")["passages"]
    fields = {"id", "source", "title", "text", "score", "start", "end", "page", "metadata"}
    assert fields == set(passage)
    assert passage["source"].endswith("docs/pump.md")
    assert 0 < passage["score"] < 1


def test_search_is_readable_without_json(filled: Home) -> None:
    out = filled.run("search", "litres").out
    assert re.match(r"1\. Pump \(score 0\.\d{3}\)\n   /.*pump\.md\n", out)
    assert "90 litres" in out


def test_search_in_an_empty_knowledge_says_how_to_fill_it(home: Home) -> None:
    result = home.run("search", "anything")
    assert ("", True) == (result.out, "assistant ingest" in result.err)


def test_ask_prints_the_answer_with_its_citations_as_json(filled: Home) -> None:
    answer = filled.json("ask", "How many litres does the pump deliver?", "--conversation", "mine")
    assert "The pump delivers 90 litres per minute. [1]" == answer["text"]
    assert ("yes", "mine") == (answer["grounded"], answer["conversation"])
    [citation] = answer["citations"]
    assert {"number", "source", "title", "quote", "page", "start", "end", "score"} == set(citation)
    assert {"prompt_tokens", "completion_tokens", "cached_tokens", "total_tokens"} == set(answer["usage"])


def test_ask_is_readable_without_json(filled: Home) -> None:
    lines = filled.run("ask", "How many litres does the pump deliver?").out.splitlines()
    assert "The pump delivers 90 litres per minute. [1]" == lines[0]
    assert lines[2].startswith('[1] Pump: "')
    assert lines[3].endswith("pump.md")
    assert lines[4].startswith("grounded: yes")


def test_ask_of_an_empty_knowledge_says_so(home: Home) -> None:
    result = home.run("ask", "How many litres does the pump deliver?")
    assert "grounded: no" in result.out
    assert "the knowledge is empty" in result.err


def test_nothing_else_is_on_stdout_even_when_libraries_and_children_print(filled: Home) -> None:
    (filled.folder / "noisy.py").write_text("""if True:
        import os, subprocess
        from assistant.testing.echo import EchoChat
        print("noise on import")
        class Noisy(EchoChat):
            def _stream(self, *arguments, **options):
                print("noise of a library")
                os.write(1, b"noise on the descriptor")
                subprocess.run(["echo", "noise of a child"], check=True)
                yield from super()._stream(*arguments, **options)
            async def _astream(self, *arguments, **options):
                print("noise of a library")
                os.write(1, b"noise on the descriptor")
                subprocess.run(["echo", "noise of a child"], check=True)
                async for chunk in super()._astream(*arguments, **options):
                    yield chunk
    """)
    filled.configure()
    text = (filled.folder / "assistant.toml").read_text().replace("assistant.testing.echo:EchoChat", "noisy:Noisy")
    (filled.folder / "assistant.toml").write_text(text)
    result = filled.run("ask", "How many litres does the pump deliver?", "--json")
    assert json.loads(result.out)["citations"]
    assert "noise of a child" in result.err


def test_interrupting_ask_is_exit_code_130_without_a_traceback(filled: Home) -> None:
    filled.configure(engine="options = { delay = 1 }")
    with filled.background("ask", "How many litres does the pump deliver?") as process:
        assert process.stdout is not None
        assert "The" == process.stdout.read(3)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert (130, False) == (process.returncode, "Traceback" in err)


def test_a_reader_that_goes_away_is_no_traceback(filled: Home) -> None:
    with filled.background("search", "pump", "--json") as process:
        assert process.stdout is not None
        process.stdout.close()
        assert process.stderr is not None
        err = process.stderr.read()
    assert "Traceback" not in err


# ------------------------------------------------------------------------------------------------------------- chat


def test_chat_answers_line_by_line_from_a_pipe(filled: Home) -> None:
    result = filled.run(
        "chat", text="How many litres?\n/sources\n/nonsense\n\n/reset\n/sources\n/exit\nnever answered\n"
    )
    assert 1 == result.out.count("The pump delivers 90 litres per minute. [1]\n")
    assert '[1] Pump: "' in result.out
    assert "'/nonsense' is not a command" in result.err
    assert "nothing was answered yet" in result.err


def test_chat_goes_on_after_a_failed_turn_and_says_so_at_the_end(filled: Home) -> None:
    filled.configure(more="[safety]\nmax_question_chars = 20\n")
    result = filled.run("chat", text="This question is longer than twenty characters.\nHow many litres?\n", code=1)
    assert "assistant: " in result.err
    assert "90 litres" in result.out


class Terminal:
    """A command that believes it runs in a terminal."""

    def __init__(self, home: Home, *arguments: str) -> None:
        self.shown = ""
        pid, self._terminal = pty.fork()
        if pid == 0:
            os.chdir(home.folder)
            os.execve(sys.executable, [*COMMAND, *arguments], {**home.environment, "TERM": "dumb"})
        self._pid = pid

    def type(self, text: str) -> None:
        os.write(self._terminal, text.encode())

    def wait_for(self, text: str) -> None:
        """Read until `text` is shown; what came before it is not looked at again."""
        while text not in self.shown:
            try:
                self.shown += os.read(self._terminal, 4096).decode(errors="replace")
            except OSError as error:  # the program has ended
                raise AssertionError(f"{text!r} was not shown: {self.shown}") from error
        self.shown = self.shown.partition(text)[2]

    def end(self) -> int:
        _, status = os.waitpid(self._pid, 0)
        os.close(self._terminal)
        return os.waitstatus_to_exitcode(status)


def test_ctrl_c_stops_the_answer_and_not_the_chat(filled: Home) -> None:
    filled.configure(engine="options = { delay = 1 }")
    terminal = Terminal(filled, "chat")
    terminal.wait_for("> ")
    terminal.type("How many litres?\n")
    terminal.wait_for("The pump")
    terminal.type("\x03")
    terminal.wait_for("stopped")
    terminal.wait_for("> ")
    terminal.type("/exit\n")
    assert 0 == terminal.end()


# ------------------------------------------------------------------------------------------------------------ serve


def served(process: subprocess.Popen[str]) -> str:
    """The URL that the server says it listens at."""
    assert process.stdout is not None
    line = process.stdout.readline()
    found = re.search(r"http://\S+:\d+", line)
    assert found, line + (process.stderr.read() if process.stderr else "")
    return found[0]


def call(url: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as response:
        return cast(dict[str, Any], json.load(response))


def wait_until_ready(url: str) -> None:
    for _ in range(300):
        try:
            call(f"{url}/ready")
        except urllib.error.HTTPError:
            time.sleep(0.1)
        else:
            return
    raise AssertionError("the server did not become ready")


def test_serve_says_where_and_ends_well_when_asked_to(filled: Home) -> None:
    with filled.background("serve", "--port", "0") as process:
        url = served(process)
        wait_until_ready(url)
        found = call(f"{url}/v1/knowledge/search", {"query": "litres"})
        process.terminate()
        process.communicate(timeout=60)
    assert found["passages"]
    assert 0 == process.returncode


def test_interrupting_serve_is_exit_code_130(filled: Home) -> None:
    with filled.background("serve", "--port", "0") as process:
        served(process)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert (130, False) == (process.returncode, "Traceback" in err)


def test_a_folder_held_by_a_server_is_refused_with_the_reason(filled: Home) -> None:
    with filled.background("serve", "--port", "0") as process:
        wait_until_ready(served(process))
        err = filled.run("ingest", "docs", code=1).err
    assert f"in use by process {process.pid}" in err


def test_serve_sample_fills_an_empty_knowledge_once(home: Home) -> None:
    with home.background("serve", "--port", "0", "--sample") as process:
        url = served(process)
        wait_until_ready(url)
        found = call(f"{url}/v1/knowledge/search", {"query": "Zeta-9 flow rate litres per minute"})
        process.terminate()
        process.communicate(timeout=60)
    assert "/samples/" in found["passages"][0]["source"]
    with home.background("serve", "--port", "0", "--sample") as process:
        served(process)
        process.terminate()
        _, err = process.communicate(timeout=60)
    assert "the sample was not added" in err


def test_serve_refuses_the_network_without_keys(home: Home) -> None:
    assert "server.api_keys" in home.run("serve", "--host", "0.0.0.0", "--port", "0", code=1).err


def test_serve_names_a_port_that_is_taken(home: Home) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = str(listener.getsockname()[1])
        assert f"port {port}" in home.run("serve", "--port", port, code=1).err


# --------------------------------------------------------------------------------------------- init, doctor, models


def test_init_writes_every_key_with_its_default(tmp_path: Path, home: Home) -> None:
    home.run("init", "new", "--yes")
    path = tmp_path / "new" / "assistant.toml"
    uncommented = re.sub(r"^# (\w+ = )", r"\1", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    values = tomllib.loads(uncommented)
    for name, field in Settings.model_fields.items():
        keys = getattr(field.annotation, "model_fields", {})
        assert name == "connectors" or name in values
        assert set(keys) == (set(values[name]) if keys else set())
    assert Settings() == Settings.model_validate(values)


def test_init_writes_a_file_that_loads_and_only_its_owner_reads(tmp_path: Path, home: Home) -> None:
    home.run("init", "new", "--yes")
    path = tmp_path / "new" / "assistant.toml"
    assert Settings() == Settings.load(path)
    assert 0o600 == path.stat().st_mode & 0o777


def test_init_overwrites_only_when_told_to(home: Home) -> None:
    assert "--force" in home.run("init", code=1).err
    home.run("init", "--force")


def test_init_asks_in_a_terminal_and_shows_no_secret(home: Home) -> None:
    terminal = Terminal(home, "init", "new")
    for question, reply in (
        ("(vllm)", "openai"),
        ("(http://127.0.0.1:8001/v1)", "http://model.example/v1"),
        ("Name of the model", "llama"),
        ("API key", SECRET),
        ("(docs)", "papers"),
    ):
        terminal.wait_for(question)
        terminal.type(f"{reply}\n")
    terminal.wait_for("ingest papers")
    assert 0 == terminal.end()
    engine = Settings.load(home.folder / "new" / "assistant.toml").engine
    assert ("openai", "http://model.example/v1", "llama") == (engine.kind, engine.base_url, engine.model)
    assert engine.api_key is not None
    assert SECRET == engine.api_key.get_secret_value()


def test_doctor_is_exit_code_0_when_all_is_well(filled: Home) -> None:
    checks = filled.json("doctor")["checks"]
    assert {"name", "state", "detail", "remedy"} == set(checks[0])
    assert not [check for check in checks if check["state"] == "fail"]


def test_doctor_is_exit_code_1_with_the_remedy_when_something_fails(home: Home) -> None:
    home.configure(more=f'[server]\nhost = "0.0.0.0"\n[connectors.pigeon]\ntoken = "{SECRET}"\n')
    result = home.run("doctor", code=1)
    assert "server.api_keys" in result.out
    assert SECRET not in result.out + result.err


def test_models_prints_the_family_with_its_figures(home: Home) -> None:
    models = {model["name"]: model for model in home.json("models")["models"]}
    fields = "name family parameters layers heads kv_heads hidden_size vocab_size context prompt_format stop_token_ids"
    assert {*fields.split(), "licence", "source"} <= set(models["Llama-3.1-8B-Instruct"])
    assert 8030261248 == models["Llama-3.1-8B-Instruct"]["parameters"]


def test_models_is_one_line_a_model_in_a_pipe(home: Home) -> None:
    [line] = [line for line in home.run("models").out.splitlines() if line.startswith("SmolLM2-135M-Instruct ")]
    assert "Apache-2.0" in line


def test_connections_to_the_server_send_at_once() -> None:
    with listen("127.0.0.1", 0) as listener, socket.create_connection(listener.getsockname()):
        connection, _ = listener.accept()
        with connection:
            assert 0 != connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
