"""`assistant chat`: a conversation in the terminal, or line by line from a pipe."""

from __future__ import annotations

import sys
import uuid
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, TextIO

import typer

from assistant.assistant import Assistant
from assistant.commands import terminal
from assistant.commands.ask import describe, write_stream
from assistant.errors import AssistantError

if TYPE_CHECKING:
    from assistant.answers import Answer
    from assistant.settings import Settings

HELP = "/sources shows what the last answer rests on, /reset starts anew, /exit ends; Ctrl-C stops an answer"


def run(settings: Settings, *, conversation: str | None, access: Sequence[str] = ()) -> None:
    """Talk until /exit or the end of the input; exit code 1 where input came from a pipe and a turn failed."""
    interactive = sys.stdin.isatty() and sys.stdout.isatty()
    # A terminal's line editing needs the real stdout; there, stdout and stderr are the same screen.
    stdout = nullcontext(sys.stdout) if interactive else terminal.reserved()
    with stdout as out, Assistant.open(settings) as assistant:
        assistant.start()
        session = Session(assistant, out, conversation or new_conversation(), access)
        if interactive:
            terminal.log.print(f"{HELP}\nconversation {session.conversation}", markup=False)
        for line in lines(interactive):
            if not session.handle(line.strip()):
                break
    if session.failed and not interactive:
        raise typer.Exit(1)


@dataclass(slots=True)
class Session:
    """One conversation: what was said last, and whether a turn failed."""

    assistant: Assistant
    out: TextIO
    conversation: str
    access: Sequence[str] = ()
    last: Answer | None = None
    failed: bool = False

    def handle(self, line: str) -> bool:
        """Answer one line or obey its command; False ends the conversation."""
        if line == "/exit":
            return False
        if line == "/reset":
            self.conversation, self.last = new_conversation(), None
            terminal.log.print(f"conversation {self.conversation}", markup=False)
        elif line == "/sources":
            self._show_sources()
        elif line.startswith("/"):
            terminal.log.print(f"{line.split()[0]!r} is not a command; {HELP}", markup=False)
        elif line:
            self._answer(line)
        return True

    def _answer(self, question: str) -> None:
        try:
            self.last = write_stream(
                self.out, self.assistant.stream(question, conversation=self.conversation, access=self.access)
            )
        except KeyboardInterrupt:
            self.out.write("\n")
            terminal.log.print("stopped", markup=False)
            return
        except AssistantError as error:
            self.failed = True
            terminal.log.print(f"assistant: {error}", markup=False)
            return
        numbers = ", ".join(f"[{citation.number}] {citation.title}" for citation in self.last.citations)
        terminal.log.print(f"grounded: {self.last.grounded}{'; ' + numbers if numbers else ''}", markup=False)

    def _show_sources(self) -> None:
        if self.last is None:
            terminal.log.print("nothing was answered yet", markup=False)
            return
        self.out.writelines(f"{line}\n" for line in describe(self.last))
        self.out.flush()


def new_conversation() -> str:
    """A name no other conversation has."""
    return f"chat-{uuid.uuid4().hex[:12]}"


def lines(interactive: bool) -> Iterator[str]:
    """What is typed, with a prompt and line editing in a terminal; ends with the input."""
    if not interactive:
        if hasattr(sys.stdin, "reconfigure"):
            sys.stdin.reconfigure(errors="replace")
        yield from sys.stdin
        return
    import readline  # noqa: F401 - importing it gives `input` line editing

    while True:
        try:
            yield input("> ")
        except EOFError:
            sys.stdout.write("\n")
            return
