"""`assistant init`: a commented `assistant.toml`."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, field
from getpass import getpass
from pathlib import Path

import typer
from rich.prompt import Prompt

from assistant.commands import terminal
from assistant.configuration import render
from assistant.errors import ConfigurationError

NAME = "assistant.toml"


@dataclass(slots=True)
class Answers:
    """What was asked: values by dotted key, and where the documents are."""

    values: dict[str, str] = field(default_factory=dict)
    documents: str = "docs"


def run(folder: Path, *, yes: bool, force: bool) -> None:
    """Write the file into `folder` and say what comes next; asks only in a terminal.

    Raises:
        ConfigurationError: the file exists, or the folder cannot be written.
    """
    path = folder / NAME
    if path.exists() and not force:
        raise ConfigurationError(f"{str(path)!r} exists: `assistant init --force` overwrites it")
    answers = Answers() if yes or not sys.stdin.isatty() else ask()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write(path, render(answers.values))
    except OSError as error:
        raise ConfigurationError(f"{str(path)!r} cannot be written: {error.strerror}") from None
    typer.echo(f"wrote {path}")
    option = "" if folder.resolve() == Path.cwd() else f" --config {path}"
    terminal.log.print(f"next: assistant{option} ingest {answers.documents}; assistant{option} serve", markup=False)


def ask() -> Answers:
    """Ask for the model and the documents."""
    answers = Answers()
    kind = Prompt.ask(
        "Model: in this process (vllm) or on a server (openai)", choices=["vllm", "openai"], default="vllm"
    )
    answers.values["engine.kind"] = kind
    if kind == "openai":
        answers.values["engine.base_url"] = Prompt.ask("URL of the server", default="http://127.0.0.1:8001/v1")
        answers.values["engine.model"] = Prompt.ask("Name of the model there")
        if key := getpass("API key of the server (empty: none): "):
            answers.values["engine.api_key"] = key
    else:
        answers.values["engine.model"] = Prompt.ask(
            "Model: built-in name, folder or hub id", default="smollm2-135m-instruct"
        )
    answers.documents = Prompt.ask("Folder of your documents", default="docs")
    return answers


def write(path: Path, text: str) -> None:
    """Write `text` readable for the owner only: the file is where secrets go."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with open(descriptor, "w", encoding="utf-8") as file:
        os.fchmod(descriptor, 0o600)
        file.write(text)
