"""What a visitor may see of the inbox's records: questions, answers and cited passages, and no path of this machine."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from assistant.bot.meters import Verdict
from assistant.inbox import Desk, Shown, UnknownTurn, turn_id
from assistant.types import Incoming

if TYPE_CHECKING:
    from assistant.knowledge import Knowledge

ENDED = ("answered", "parked", "dead")
LONGEST_QUERY = 1000
"""Characters of a quote that are searched for: enough to find its passage."""


async def look(desk: Desk, message: Incoming) -> Shown | None:
    """The record of the turn that answers a message; None: there is no such message, or it was dropped."""
    try:
        shown = await desk.ashow(turn_id(message))
        if shown.answered_by:
            shown = await desk.ashow(shown.answered_by)
    except UnknownTurn:
        return None
    return None if shown.entry.state == "dropped" else shown


def answer_of(shown: Shown) -> dict[str, Any] | None:
    """The answer as the page shows it; None while there is none. `failed`: there will be none."""
    recorded = shown.details.get("answer")
    if recorded is None and shown.entry.state not in ENDED:
        return None
    if isinstance(recorded, Mapping):
        citations = [_citation(each) for each in recorded.get("citations", ())]
        answer = {"text": recorded.get("text", ""), "grounded": recorded.get("grounded"), "citations": citations}
    else:
        answer = {"text": "\n\n".join(part.text for part in shown.parts), "grounded": None, "citations": []}
    return {**answer, "failed": shown.entry.state == "dead" and not answer["text"]}


def said(id: str, shown: Shown, *, opinion: Verdict | None = None) -> dict[str, Any]:
    """One line of the history: the question, its answer so far, and what the visitor thinks of it."""
    text = "\n".join(message.text for message in shown.messages)
    line = {"id": id, "text": text, "sent_at": shown.entry.received_at.isoformat()}
    return {**line, "answer": answer_of(shown), "opinion": opinion}


async def passage(knowledge: Knowledge | None, shown: Shown, number: int) -> dict[str, Any] | None:
    """The passage behind a citation of an answer, and where the quote stands in it; None: the answer has no such."""
    recorded = shown.details.get("answer") or {}
    cited = next((each for each in recorded.get("citations", ()) if each.get("number") == number), None)
    if cited is None:
        return None
    quote = str(cited["quote"])
    text = await _around(knowledge, quote, str(cited["source"])) if knowledge else None
    start = (text or quote).index(quote)
    return {"number": number, "text": text or quote, "start": start, "end": start + len(quote)}


async def _around(knowledge: Knowledge, quote: str, source: str) -> str | None:
    found = await knowledge.asearch(quote[:LONGEST_QUERY], 10)
    return next((each.text for each in found if each.source == source and quote in each.text), None)


def _citation(recorded: Mapping[str, Any]) -> dict[str, Any]:
    """Title, page and quote; of the source only an address on the web, or a file's name."""
    source = str(recorded.get("source", ""))
    title = str(recorded.get("title") or "") or re.split(r"[/\\]", source.rstrip("/\\"))[-1]
    about = {key: recorded.get(key) for key in ("number", "page", "quote")}
    return {**about, "title": title, "url": source if _is_public(source) else None}


def _is_public(source: str) -> bool:
    """Whether it is an address on the web without a name and a password in it."""
    try:
        parts = urlsplit(source)
    except ValueError:
        return False
    return source.startswith(("http://", "https://")) and "@" not in parts.netloc
