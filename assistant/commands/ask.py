"""`assistant ask`: one answer with its citations."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, TextIO

from assistant.answers import Answer, Citation, Done, TextDelta
from assistant.assistant import Assistant
from assistant.commands import terminal

if TYPE_CHECKING:
    from assistant.answers import Event
    from assistant.settings import Settings

GROUNDED = {
    "yes": "grounded: yes, the documents support this answer",
    "partly": "grounded: partly, not every statement is supported by the documents",
    "no": "grounded: no, this is not from the documents",
}
SHOWN = 240
"""Characters of a quote shown to a person; `--json` has the whole of it."""


def run(
    settings: Settings, question: str, *, conversation: str | None, access: Sequence[str] = (), as_json: bool
) -> None:
    """Answer and print: as it is written, or as one JSON document."""
    with terminal.reserved() as out, Assistant.open(settings) as assistant:
        if as_json:
            terminal.write_json(out, assistant.ask(question, conversation=conversation, access=access).to_dict())
            return
        answer = write_stream(out, assistant.stream(question, conversation=conversation, access=access))
        out.writelines(f"{line}\n" for line in ("", *describe(answer)))
        hint_if_empty(assistant, answer)


def write_stream(out: TextIO, events: Iterable[Event]) -> Answer:
    """Write the text as it comes, ended by a newline; the whole answer."""
    answer: Answer | None = None
    for event in events:
        if isinstance(event, TextDelta):
            out.write(event.text)
            out.flush()
        elif isinstance(event, Done):
            answer = event.answer
    out.write("\n")
    out.flush()
    if answer is None:
        raise RuntimeError("the stream ended without its answer")
    return answer


def describe(answer: Answer) -> Iterator[str]:
    """The citations and how far the documents support the answer, for a person."""
    for citation in answer.citations:
        yield from describe_citation(citation)
    yield GROUNDED[answer.grounded]


def describe_citation(citation: Citation) -> Iterator[str]:
    """Number, title, page and quote on one line, the source on the next."""
    page = f", page {citation.page}" if citation.page is not None else ""
    quote = " ".join(citation.quote.split())
    quote = quote if len(quote) <= SHOWN else f"{quote[:SHOWN].rstrip()}…"
    yield f'[{citation.number}] {citation.title or citation.source}{page}: "{quote}"'
    yield f"    {citation.source}"


def hint_if_empty(assistant: Assistant, answer: Answer) -> None:
    """Tell who asks an empty knowledge how to fill it."""
    if answer.grounded == "no" and assistant.knowledge is not None and not assistant.knowledge.documents():
        terminal.log.print("the knowledge is empty: `assistant ingest PATH` takes documents in", markup=False)
