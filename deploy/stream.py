"""JSON objects out of the bytes of a streamed answer, wherever these are cut: in a character, a line, a JSON value."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

DONE = "[DONE]"
LINE_END = re.compile(rb"\r\n|\n|\r")


class Garbled(Exception):
    """What came is not what a model's container says: no UTF-8, or no JSON object."""


class Unfinished(Exception):
    """The stream ended before the answer did."""


class JsonStream:
    """Reads what containers write: server-sent events whose data is JSON (vLLM, LMI), one object a line, or one object.

    Lines are cut out as bytes first (no byte of a longer UTF-8 sequence is a line break) and decoded whole. Events end as
    in WHATWG HTML, "Server-sent events", except that the last one needs no empty line after it; `[DONE]` says nothing.
    """

    def __init__(self) -> None:
        self._rest = b""
        self._data: list[str] = []
        self._bare: list[str] = []

    def feed(self, part: bytes) -> Iterator[dict[str, Any]]:
        """The objects that are complete with `part`.

        Raises:
            Garbled: a line is no UTF-8, or its data no JSON object.
        """
        self._rest += part
        start = 0
        for end in LINE_END.finditer(self._rest):
            if end.group() == b"\r" and end.end() == len(self._rest):
                break  # its line feed may be in the next part
            line, start = self._rest[start : end.start()], end.end()
            yield from self._line(line)
        self._rest = self._rest[start:]

    def end(self) -> Iterator[dict[str, Any]]:
        """The objects that are complete now that nothing more comes.

        Raises:
            Unfinished: the last object is cut off.
        """
        rest, self._rest = self._rest.removesuffix(b"\r"), b""
        try:
            yield from [*self._line(rest), *self._line(b"")]
        except Garbled:
            raise Unfinished("its stream ended within an event") from None
        if self._bare:
            raise Unfinished("its stream ended within a JSON object")

    def _line(self, raw: bytes) -> Iterator[dict[str, Any]]:
        try:
            line = raw.decode("utf-8")
        except UnicodeDecodeError as error:
            raise Garbled(f"a line is no UTF-8: {error.reason} at byte {error.start}") from None
        if self._bare or line.lstrip().startswith("{"):
            yield from self._object(line)
        elif line.startswith("data:"):
            self._data.append(line.removeprefix("data:").removeprefix(" "))
        elif not line and self._data:
            data, self._data = "\n".join(self._data), []
            if data.strip() != DONE:
                yield _parsed(data)

    def _object(self, line: str) -> Iterator[dict[str, Any]]:
        """A line of JSON, or of JSON over several lines: tried whenever it may be whole."""
        if not self._bare and not line.strip():
            return
        self._bare.append(line)
        if not line.rstrip().endswith("}"):
            return
        try:
            found = json.loads("\n".join(self._bare))
        except (ValueError, RecursionError):
            return
        self._bare = []
        yield found


def _parsed(data: str) -> dict[str, Any]:
    try:
        found = json.loads(data)
    except (ValueError, RecursionError):
        raise Garbled(f"an event of {len(data)} characters is no JSON: {data[:40]!r}…") from None
    if not isinstance(found, dict):
        raise Garbled(f"an event is a JSON {type(found).__name__}, not an object")
    return found
