"""JSON and JSON Lines: each object of a list becomes a record of "path: value" lines."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from assistant.errors import Unreadable
from assistant.knowledge.formats.values import Converted, Raw
from assistant.knowledge.formats.write import clean, join_blocks, record

Fields = list[tuple[str, str]]


def json_document(raw: Raw) -> Converted:
    """The members of the outer object as one record, every object of a list as its own.

    Numbers stay as written; null is left out. A file of one JSON value a line is read as such.
    """
    try:
        value = parse_json(raw.text.removeprefix("\ufeff"))
    except ValueError as error:
        try:
            return json_lines(raw)
        except Unreadable:
            raise Unreadable(f"is not valid JSON: {error}") from None
    named = value.get("title") if isinstance(value, dict) else None
    return Converted(join_blocks(_blocks(value, "")), named if isinstance(named, str) else "")


def json_lines(raw: Raw) -> Converted:
    """A record a line."""
    lines = [line for line in raw.text.removeprefix("\ufeff").split("\n") if line.strip()]
    return Converted(join_blocks(block for number, line in enumerate(lines, 1) for block in _line(line, number)))


def _line(line: str, number: int) -> Iterator[str]:
    try:
        value = parse_json(line)
    except ValueError as error:
        raise Unreadable(f"is not valid JSON Lines: record {number}: {error}") from None
    yield record(_leaves(value, "")) if isinstance(value, dict) else _scalar_or_record(value)


def parse_json(text: str) -> Any:
    """JSON with numbers as they are written, since neither their size nor their zeros may change."""
    return json.loads(text, parse_int=str, parse_float=str, parse_constant=str)


def _blocks(value: Any, path: str) -> Iterator[str]:
    """Objects are walked down to the lists in them, whose objects are the records."""
    if isinstance(value, dict):
        own: Fields = []
        deeper: list[tuple[str, Any]] = []
        for name, member in value.items():
            place = f"{path}.{name}" if path else name
            if _has_records(member):
                deeper.append((place, member))
            else:
                own += _leaves(member, place)
        yield from filter(None, [record(own)])
        for place, member in deeper:
            yield from _blocks(member, place)
    elif isinstance(value, list) and any(isinstance(item, dict) for item in value):
        for item in value:
            yield from filter(None, [record(_leaves(item, path))])
    else:
        yield from filter(None, [_scalar_or_record(value, path)])


def _has_records(value: Any) -> bool:
    if isinstance(value, dict):
        return any(_has_records(member) for member in value.values())
    return isinstance(value, list) and any(isinstance(item, dict) for item in value)


def _scalar_or_record(value: Any, path: str = "") -> str:
    if isinstance(value, str) and not path:
        return clean(value)
    return record(_leaves(value, path))


def _leaves(value: Any, path: str) -> Fields:
    """Every value in `value` with its path: "address.city", "items[2].name", a list of plain values as one."""
    match value:
        case None:
            return []
        case dict():
            return [leaf for name, item in value.items() for leaf in _leaves(item, f"{path}.{name}" if path else name)]
        case list() if not any(isinstance(item, dict | list) for item in value):
            return [(path or "values", ", ".join(_word(item) for item in value if item is not None))]
        case list():
            return [leaf for number, item in enumerate(value, 1) for leaf in _leaves(item, f"{path}[{number}]")]
        case _:
            return [(path or "value", _word(value))]


def _word(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
