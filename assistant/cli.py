"""The `assistant` command line; a command's module, and with it every heavy library, is imported when it runs."""

from __future__ import annotations

import logging
import sys
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from assistant.errors import AssistantError

if TYPE_CHECKING:
    from assistant.settings import Settings

app = typer.Typer(
    name="assistant",
    help="Answers from your documents, with citations, by a Llama model in vLLM.",
    epilog="Exit codes: 0 done, 1 failed, 2 wrong usage, 130 interrupted.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _not_blank(text: str) -> str:
    if not text.strip():
        raise typer.BadParameter("is empty")
    return text


ConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--config", "-c", help="Configuration file (default: $ASSISTANT_CONFIG, or ./assistant.toml).", metavar="PATH"
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else on stdout.")]
Text = Annotated[str, typer.Argument(callback=_not_blank)]


def _labels(given: list[str] | None) -> list[str] | None:
    from assistant.knowledge.partitions import labels

    try:
        return list(labels(given or ())) or None
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


AccessOption = Annotated[
    list[str] | None, typer.Option("--access", "-a", callback=_labels, metavar="LABEL", help="Repeated for each label.")
]
ConversationOption = Annotated[
    str | None, typer.Option("--conversation", "-C", help="Continue this conversation, or start it.", metavar="NAME")
]


def main() -> None:
    """Entry point of the console script: an error of ours is one line on stderr and exit code 1."""
    try:
        app()
    except AssistantError as error:
        if logging.root.isEnabledFor(logging.DEBUG):
            raise
        print(f"assistant: {error}", file=sys.stderr)
        sys.exit(1)


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"assistant {version('llama-assistant-sdk')}")
        raise typer.Exit


@app.callback()
def start(
    context: typer.Context,
    config: ConfigOption = None,
    debug: Annotated[bool, typer.Option("--debug", help="Show debug logs, and the traceback of an error.")] = False,
    _version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    context.obj = config
    logging.basicConfig(stream=sys.stderr, level="DEBUG" if debug else "WARNING", format="%(message)s", force=True)
    logging.getLogger("assistant").setLevel("DEBUG" if debug else "INFO")


def _settings(context: typer.Context, config: Path | None) -> Settings:
    from assistant.settings import Settings

    return Settings.load(config or context.obj)


@app.command()
def init(
    folder: Annotated[Path, typer.Argument(metavar="[DIR]", help="Where to write assistant.toml.")] = Path("."),
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Ask nothing, take the defaults.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Overwrite an assistant.toml that exists.")] = False,
) -> None:
    """Write a commented assistant.toml and ask for what it needs."""
    from assistant.commands import init as command

    command.run(folder, yes=yes, force=force)


@app.command()
def ingest(
    context: typer.Context,
    paths: Annotated[list[str], typer.Argument(metavar="PATH...", help="Files, folders and URLs.")],
    sync: Annotated[bool, typer.Option("--sync", help="Also remove documents that are gone from these paths.")] = False,
    access: AccessOption = None,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Take files, folders and URLs into the knowledge.

    Unchanged documents cost nothing, changed ones are replaced. What cannot be read is listed with its reason; the exit
    code is 1 only where everything was refused. With --access only searches that name one of these labels find the
    documents; without it new ones are public, and known ones stay as they are.
    """
    from assistant.commands import ingest as command

    command.run(_settings(context, config), paths, sync=sync, access=access, as_json=as_json)


@app.command()
def search(
    context: typer.Context,
    query: Text,
    k: Annotated[int | None, typer.Option("-k", min=1, max=100, help="Passages (default: knowledge.passages).")] = None,
    access: AccessOption = None,
    explain: Annotated[bool, typer.Option("--explain", help="Say what each score is made of.")] = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Find passages in the knowledge, best first, with scores.

    Only public documents are searched, and with --access those that one of these labels may see.
    """
    from assistant.commands import search as command

    command.run(_settings(context, config), query, k=k, access=access or (), explain=explain, as_json=as_json)


@app.command()
def ask(
    context: typer.Context,
    question: Text,
    as_json: JsonOption = False,
    conversation: ConversationOption = None,
    access: AccessOption = None,
    config: ConfigOption = None,
) -> None:
    """Answer one question from the knowledge, with citations; with --access also from what these labels may see."""
    from assistant.commands import ask as command

    settings = _settings(context, config)
    command.run(settings, question, conversation=conversation, access=access or (), as_json=as_json)


@app.command()
def chat(
    context: typer.Context,
    conversation: ConversationOption = None,
    access: AccessOption = None,
    config: ConfigOption = None,
) -> None:
    """Talk with the assistant; /sources, /reset and /exit are its commands, Ctrl-C stops an answer."""
    from assistant.commands import chat as command

    command.run(_settings(context, config), conversation=conversation, access=access or ())


@app.command()
def serve(
    context: typer.Context,
    host: Annotated[str | None, typer.Option(help="Address to listen at (default: server.host).")] = None,
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="Port (default: server.port; 0: any).")] = None,
    sample: Annotated[
        bool, typer.Option("--sample", help="Where the knowledge is empty, take in the sample documents first.")
    ] = False,
    config: ConfigOption = None,
) -> None:
    """Serve the HTTP API, the web chat and the messaging platforms."""
    from assistant.commands import serve as command

    command.run(_settings(context, config), host=host, port=port, sample=sample)


@app.command()
def evaluate(
    context: typer.Context,
    dataset: Annotated[Path, typer.Argument(exists=True, metavar="DATASET", help="Folder, or CSV of questions.")],
    documents: Annotated[
        list[str] | None, typer.Option("--documents", "-d", help="What a CSV asks: files, folders, URLs.")
    ] = None,
    answers: Annotated[bool, typer.Option("--answers", help="Also let the model answer every question.")] = False,
    limit: Annotated[int | None, typer.Option(min=1, help="Ask a random sample of so many questions.")] = None,
    against: Annotated[
        list[str] | None,
        typer.Option(help="Compare with: langchain, langchain-e5, FILE.toml, KEY=VALUE or package.module:name."),
    ] = None,
    report: Annotated[Path | None, typer.Option(help="Write an HTML page with plots and the worst cases.")] = None,
    floor: Annotated[
        list[str] | None, typer.Option(help="Exit with 1 where a metric falls short, as ndcg@10=0.9.", metavar="M=V")
    ] = None,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Measure retrieval, and with --answers the answers, on a dataset or on your own questions.

    The documents go through a knowledge of their own that is deleted afterwards; yours is not touched. Every figure has
    a 95 % bootstrap interval. --against, --documents and --floor may be repeated.
    """
    from assistant.commands import evaluate as command

    command.run(
        config or context.obj,
        command.Wanted(dataset, documents or (), answers, limit, against or (), report, floor or ()),
        as_json=as_json,
    )


inbox = typer.Typer(
    no_args_is_help=True, help="Look into the durable inbox, and decide about what it could not answer."
)
app.add_typer(inbox, name="inbox")


@inbox.command("list")
def list_turns(
    context: typer.Context,
    state: Annotated[
        Literal["queued", "running", "answered", "parked", "dead"] | None,
        typer.Option("--state", "-s", help="Only turns in this state."),
    ] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=1_000_000, help="Turns shown at most.")] = 100,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Turns, the newest first; `dead` gave up, `parked` has a send whose outcome nobody knows."""
    from assistant.commands import inbox as command

    command.list_turns(_settings(context, config), state=state, limit=limit, as_json=as_json)


@inbox.command()
def show(
    context: typer.Context,
    turn: Annotated[str, typer.Argument(metavar="ID", callback=_not_blank)],
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Everything about one turn: messages, the parts of its answer with their receipts, what happened when."""
    from assistant.commands import inbox as command

    command.show(_settings(context, config), turn, as_json=as_json)


@inbox.command()
def retry(
    context: typer.Context,
    turns: Annotated[list[str] | None, typer.Argument(metavar="ID...", show_default=False)] = None,
    all_dead: Annotated[bool, typer.Option("--all-dead", help="Every dead letter.")] = False,
    config: ConfigOption = None,
) -> None:
    """Try dead or parked turns again, from where they ended: an answer that is recorded is not written again.

    They go to the end of their conversation's lane, and are answered by the running server, or the next one.
    """
    from assistant.commands import inbox as command

    if not turns and not all_dead:
        raise typer.BadParameter("give the ids of turns, or --all-dead", param_hint="ID...")
    command.retry(_settings(context, config), turns or [], all_dead=all_dead)


@inbox.command()
def drop(
    context: typer.Context,
    turns: Annotated[list[str], typer.Argument(metavar="ID...")],
    config: ConfigOption = None,
) -> None:
    """Give turns up: they are not answered, also not when the platform sends their message again."""
    from assistant.commands import inbox as command

    command.drop(_settings(context, config), turns)


@inbox.command()
def holders(context: typer.Context, as_json: JsonOption = False, config: ConfigOption = None) -> None:
    """Conversations in which somebody else answers than the bot: a person, or another application of the platform."""
    from assistant.commands import inbox as command

    command.holders(_settings(context, config), as_json=as_json)


@inbox.command()
def hold(
    context: typer.Context,
    conversations: Annotated[list[str], typer.Argument(metavar="CONVERSATION...", help="As `list --json` shows them.")],
    config: ConfigOption = None,
) -> None:
    """Let a person answer in conversations: the bot is silent there, for inbox.takeover_hours or until `release`."""
    from assistant.commands import inbox as command

    command.hold(_settings(context, config), conversations)


@inbox.command()
def release(
    context: typer.Context,
    conversations: Annotated[list[str], typer.Argument(metavar="CONVERSATION...", help="As `holders` shows them.")],
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Let the bot answer in conversations again that somebody else has; messages from now on are answered."""
    from assistant.commands import inbox as command

    command.release(_settings(context, config), conversations, as_json=as_json)


@app.command()
def doctor(
    context: typer.Context,
    offline: Annotated[bool, typer.Option("--offline", help="Do not ask the messaging platforms.")] = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Check installation, configuration, storage, memory, exposure and platforms, and say what to do."""
    from assistant.commands import doctor as command

    command.run(config or context.obj, offline=offline, as_json=as_json)


@app.command()
def models(as_json: JsonOption = False) -> None:
    """The Llama family: sizes, context, prompt format, licence, memory, and what fits here."""
    from assistant.commands import models as command

    command.run(as_json=as_json)
