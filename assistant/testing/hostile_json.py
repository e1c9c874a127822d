"""Bodies that nobody sends by accident: genuine ones changed in one or several places, for hypothesis."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Sequence
from typing import Any

from hypothesis import strategies as st

HOSTILE_BODIES: tuple[bytes, ...] = (
    b"",
    b" ",
    b"not JSON",
    b"\xff\xfe\x00",
    b"null",
    b"0",
    b'""',
    b"[]",
    b"{}",
    b"[[[]]]",
    b'{"\\ud800": "\\udfff"}',
    b"9" * 10_000,
    b"[" * 200_000,
    b'{"a":' * 100_000,
    b"NaN",
)
"""Not of any platform."""

VALUES: tuple[Any, ...] = (
    None, True, False, 0, -1, 10**18, 10**400, -(10**400), 1e308, float("nan"), float("inf"),
    "", " ", "\x00", "\ud800", "-1", "1e999", "🧑‍🚀" * 50, "x" * 20_000,
    [], [[]], [None], {}, {"": None}, {"id": []}, [{"id": {"id": 1}}],
)  # fmt: skip
"""What a field holds that its description does not allow."""


def hostile_bodies(bodies: Sequence[bytes]) -> st.SearchStrategy[bytes]:
    """One of `bodies`, with JSON values replaced, repeated or taken out, or with its bytes changed."""
    bytewise = st.builds(_overwritten, st.sampled_from(bodies), st.integers(0), st.binary(max_size=4))
    structured = [body for body in bodies if _is_json(body)]
    return st.one_of(bytewise, st.sampled_from(structured).flatmap(_changed)) if structured else bytewise


def with_unknown_fields(body: bytes) -> bytes | None:
    """The same JSON with a field more in each of its objects; None: it is not JSON."""
    if not _is_json(body):
        return None
    value = json.loads(body)
    for found in list(_objects(value)):
        found["x_new_in_a_later_version"] = {"list": [1, None, "…"]}
    return json.dumps(value).encode()


def _is_json(body: bytes) -> bool:
    try:
        json.loads(body)
    except ValueError:
        return False
    return True


def _objects(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
    for child in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _objects(child)


def _changed(body: bytes) -> st.SearchStrategy[bytes]:
    places = list(_places(json.loads(body)))
    changes = st.tuples(st.sampled_from(places), st.sampled_from(["set", "repeat", "remove"]), st.sampled_from(VALUES))
    return st.lists(changes, min_size=1, max_size=4).map(lambda chosen: _applied(body, chosen))


def _places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in children:
        yield from _places(child, (*path, key))


def _applied(body: bytes, changes: Sequence[tuple[tuple[Any, ...], str, Any]]) -> bytes:
    root = [json.loads(body)]
    for path, action, value in changes:
        _apply(root, (0, *path), action, value)
    return json.dumps(root[0] if root else None).encode()


def _apply(root: Any, path: tuple[Any, ...], action: str, value: Any) -> None:
    *parents, last = path
    try:
        for key in parents:
            root = root[key]
        if action == "remove":
            del root[last]
        else:
            root[last] = copy.deepcopy(value) if action == "set" else [copy.deepcopy(root[last])] * 2
    except (LookupError, TypeError):  # an earlier change took the place away
        return


def _overwritten(body: bytes, position: int, data: bytes) -> bytes:
    start = position % (len(body) + 1)
    return body[:start] + data + body[start + len(data) :]
