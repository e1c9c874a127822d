"""`assistant search`: passages with their scores."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING

from assistant.commands import terminal
from assistant.knowledge import Knowledge

if TYPE_CHECKING:
    from assistant.knowledge import Passage
    from assistant.settings import Settings

SHOWN = 400
"""Characters of a passage shown to a person; `--json` has the whole of it."""


def run(
    settings: Settings, query: str, *, k: int | None, access: Sequence[str] = (), explain: bool = False, as_json: bool
) -> None:
    """Search what those with the labels `access` may see, and print the passages, best first."""
    with terminal.reserved() as out:
        with Knowledge(settings) as knowledge:
            passages = knowledge.search(query, k=k, access=access, explain=explain)
        if as_json:
            terminal.write_json(out, {"passages": [passage.to_dict() for passage in passages]})
            return
        for number, passage in enumerate(passages, start=1):
            out.write(describe(number, passage) + "\n")
        if not passages:
            terminal.log.print("nothing found: `assistant ingest PATH` takes documents in", markup=False)


def describe(number: int, passage: Passage) -> str:
    """Title, score, place and the beginning of the text, for a person."""
    score = f" (score {passage.score:.3f})" if passage.score is not None else ""
    page = f", page {passage.page}" if passage.page is not None else ""
    text = textwrap.shorten(passage.text, SHOWN, placeholder=" …")
    text = text if len(text) > len(" …") else passage.text[:SHOWN]  # a script without spaces is one long word
    body = textwrap.indent(textwrap.fill(text, 100), "   ")
    reasons = f"\n   {json.dumps(dict(passage.explanation), ensure_ascii=False)}" if passage.explanation else ""
    return f"{number}. {passage.title}{score}\n   {passage.source}{page}{reasons}\n{body}"
