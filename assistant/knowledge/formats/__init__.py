"""Documents in many formats become Markdown: `convert` looks at the content and calls the module of the format."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from assistant.errors import Unreadable
from assistant.knowledge.formats.detect import detect
from assistant.knowledge.formats.values import Converted, Raw
from assistant.knowledge.formats.write import one_line, readable, valid

__all__ = ["Converted", "Raw", "convert"]

OFFICE = "application/vnd.openxmlformats-officedocument"
FORMATS = {  # kind: module, function, media type, what a message calls it
    "pdf": ("pdf", "pdf", "application/pdf", "PDF"),
    "docx": ("office", "docx", f"{OFFICE}.wordprocessingml.document", "Word document"),
    "pptx": ("office", "pptx", f"{OFFICE}.presentationml.presentation", "PowerPoint presentation"),
    "xlsx": ("tables", "xlsx", f"{OFFICE}.spreadsheetml.sheet", "Excel workbook"),
    "epub": ("epub", "epub", "application/epub+zip", "EPUB"),
    "msg": ("mail", "msg", "application/vnd.ms-outlook", "Outlook message"),
    "mail": ("mail", "mail", "message/rfc822", "e-mail"),
    "html": ("html", "html", "text/html", "HTML page"),
    "csv": ("tables", "csv_table", "text/csv", "CSV table"),
    "json": ("data", "json_document", "application/json", "JSON document"),
    "jsonl": ("data", "json_lines", "application/x-ndjson", "JSON Lines file"),
    "notebook": ("notebook", "notebook", "application/x-ipynb+json", "notebook"),
    "markdown": ("text", "markdown", "text/markdown", "Markdown"),
    "code": ("text", "code", "text/x-source", "source code"),
    "text": ("text", "plain", "text/plain", "text"),
}


def convert(raw: Raw) -> dict[str, Any]:
    """The fields of a `Loaded` without its source, ready for JSON.

    Raises:
        Unreadable: the content is no document, is broken, encrypted, without text or built to do harm.
        RecursionError, MemoryError: it is nested too deeply or too large for this process.
    """
    module, function, media_type, label = FORMATS[detect(raw)]
    try:
        found: Converted = getattr(import_module(f"{__package__}.{module}"), function)(raw)
    except (Unreadable, RecursionError, MemoryError):
        raise
    except Exception as error:  # noqa: BLE001  parsers of hostile input raise anything
        detail = one_line(str(error))[:200] or type(error).__name__
        raise Unreadable(f"is not a readable {label}: {detail}") from None
    if not found.text.strip():
        raise Unreadable(f"has no text (as {label})")
    return {
        "title": one_line(valid(found.title))[:300] or readable(raw.name),
        "text": found.text,
        "media_type": media_type,
        "pages": found.pages,
        "metadata": {key: valid(value) if isinstance(value, str) else value for key, value in found.metadata.items()},
    }
