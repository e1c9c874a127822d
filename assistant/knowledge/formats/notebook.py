"""Jupyter notebooks: Markdown and code cells, with the beginning of text outputs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from assistant.errors import Unreadable
from assistant.knowledge.formats.data import parse_json
from assistant.knowledge.formats.text import first_heading
from assistant.knowledge.formats.values import Converted, Raw
from assistant.knowledge.formats.write import clean, join_blocks

MAX_OUTPUT = 2_000
"""Characters of the outputs of one cell that are kept."""


def notebook(raw: Raw) -> Converted:
    """Cells in order (nbformat 3 and 4); code and outputs are fenced, so that a "# comment" is no heading."""
    content = parse_json(raw.text)
    if not isinstance(content, dict):
        raise Unreadable("is not a readable notebook: it holds no cells")
    sheets = content.get("worksheets") or [content]
    cells = [cell for sheet in sheets for cell in sheet.get("cells", ())]
    about = content.get("metadata", {})
    language = str(
        about.get("language_info", {}).get("name") or about.get("kernelspec", {}).get("language") or "python"
    )
    text = join_blocks(block for cell in cells for block in _cell(cell, language) if block)
    return Converted(text, first_heading(text), metadata={"kernel": language})


def _cell(cell: dict[str, Any], language: str) -> Iterator[str]:
    source = clean(_text(cell.get("source", cell.get("input"))))
    match cell.get("cell_type"):
        case "heading":
            yield f"{'#' * int(cell.get('level', 1))} {source}"
        case "code" if source.strip():
            yield _fence(source, language)
            output = "\n".join(filter(None, map(_output, cell.get("outputs", ()))))
            if output.strip():
                yield _fence(clean(output[:MAX_OUTPUT] + ("\n…" if len(output) > MAX_OUTPUT else "")), "")
        case "markdown" | "raw":
            yield source


def _output(output: dict[str, Any]) -> str:
    """Printed text and plain results; pictures and tracebacks are left out."""
    return _text(output.get("text") or output.get("data", {}).get("text/plain"))


def _text(value: Any) -> str:
    return "".join(map(str, value)) if isinstance(value, list) else str(value or "")


def _fence(code: str, language: str) -> str:
    fence = "```" if "```" not in code else "~~~~~~"
    return f"{fence}{language}\n{code}\n{fence}"
