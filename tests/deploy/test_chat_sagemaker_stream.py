"""The bytes of an answer, cut anywhere, are the same JSON objects."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.stream import Garbled, JsonStream, Unfinished

ITEMS = [
    {"choices": [{"delta": {"content": text}}]} for text in ("Größe", "中文 😀", "a\u2028b\x85c", '{"}\n data: ', "")
]

TEXTS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
OBJECTS = st.lists(st.dictionaries(st.text(), TEXTS, max_size=3), max_size=4)


def read(data: bytes, cuts: list[int]) -> list[dict[str, Any]]:
    stream = JsonStream()
    found: list[dict[str, Any]] = []
    for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True):
        found += stream.feed(data[start:end])
    return [*found, *stream.end()]


def written(items: list[Any], *, line: str = "\n", ascii_only: bool = False) -> bytes:
    events = [f"data: {json.dumps(item, ensure_ascii=ascii_only)}{line}{line}" for item in items]
    return "".join([f": ping{line}{line}", *events, f"event: end{line}", f"data: [DONE]{line}{line}"]).encode()


@pytest.mark.parametrize("line", ["\n", "\r\n", "\r"])
def test_events_cut_at_every_byte_are_the_same_objects(line: str) -> None:
    data = written(ITEMS, line=line)
    assert [] == [cut for cut in range(len(data) + 1) if read(data, [cut]) != ITEMS]
    assert ITEMS == read(data, list(range(1, len(data))))


@given(items=OBJECTS, line=st.sampled_from(["\n", "\r\n", "\r"]), ascii_only=st.booleans(), data=st.data())
def test_any_objects_cut_at_any_bytes_come_whole(items: Any, line: str, ascii_only: bool, data: st.DataObject) -> None:
    sent = written(items, line=line, ascii_only=ascii_only)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(sent)), max_size=8)))
    assert items == read(sent, cuts)


@given(items=OBJECTS, data=st.data())
def test_one_object_a_line_cut_anywhere_comes_whole(items: Any, data: st.DataObject) -> None:
    sent = "".join(f"{json.dumps(item)}\n" for item in items).encode()
    cuts = sorted(data.draw(st.lists(st.integers(0, len(sent)), max_size=8)))
    assert items == read(sent, cuts)


@pytest.mark.parametrize("indent", [None, 1])
def test_a_single_object_needs_no_line_end(indent: int | None) -> None:
    data = json.dumps(ITEMS[1], ensure_ascii=False, indent=indent).encode()
    assert [[ITEMS[1]]] * len(data) == [read(data, [cut]) for cut in range(len(data))]


def test_the_last_event_needs_no_empty_line() -> None:
    assert [{"a": 1}] == read(b'data: {"a": 1}', [])


def test_an_event_of_several_data_lines_is_one_object() -> None:
    assert [{"a": 1}] == read(b'data: {"a":\ndata: 1}\n\n', [])


@pytest.mark.parametrize("data", [b'data: {"a": 1', b'{"a": [1,', b'data: {"a": 1}\n\ndata: {"b', b'data: "\xe4\xb8'])
def test_a_stream_that_ends_inside_an_object_is_unfinished(data: bytes) -> None:
    with pytest.raises(Unfinished):
        read(data, [])


@pytest.mark.parametrize("data", [b"data: nonsense\n\n", b"data: [1]\n\n", b'data: "\xff"\n\n', b"data: \xe4\xb8\n\n"])
def test_what_is_no_object_is_refused(data: bytes) -> None:
    with pytest.raises(Garbled):
        read(data, [])


@given(st.binary(max_size=200), st.integers(0, 200))
def test_any_bytes_give_objects_or_one_of_two_errors(data: bytes, cut: int) -> None:
    with contextlib.suppress(Garbled, Unfinished):
        assert all(isinstance(item, dict) for item in read(data, [min(cut, len(data))]))
