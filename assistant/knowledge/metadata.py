"""What callers attach to documents and filter by, in the form that Chroma stores and understands."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

from assistant.knowledge.partitions import ALLOWED, LIST

HIDDEN = frozenset({ALLOWED, LIST})
"""Keys that say who may see a passage: no caller writes them, filters by them or reads them."""
OWN = frozenset({"source", "title", "start", "end", "page", "headings", "media_type", "score"}) | HIDDEN
"""Keys that the SDK writes itself; all but `score` and the hidden ones can be filtered by."""

RESERVED = ("chroma:", "$", "#")
"""Starts of keys that Chroma keeps for itself."""
MAX_DEPTH = 64
MAX_KEYS = 400
MAX_VALUES = 10_000
"""Levels, keys and values of a filter; not far beyond, Chroma's parser (100 levels) and its database (1000 terms, 32,766
values) give up."""

Value = str | int | float | bool | list[str]


def flat(metadata: Mapping[str, Any]) -> dict[str, Value]:
    """Metadata as Chroma stores it.

    Strings (without lone surrogates), 64-bit integers, finite numbers, booleans and lists of strings stay; None is
    left out; anything else (a nested value, a date) becomes its JSON text, so that nothing fails.

    Raises:
        ValueError: a key is no string, or one that Chroma keeps for itself.
    """
    keys: list[Any] = list(metadata)  # what callers give is not always what they declare
    wrong = [key for key in keys if not isinstance(key, str) or not key or key.startswith(RESERVED)]
    if wrong:
        starts = "'chroma:', '$' or '#'"
        raise ValueError(f"metadata key {wrong[0]!r}: keys are strings, not empty and not starting with {starts}")
    return {storable(key): _value(value) for key, value in metadata.items() if value is not None}


def own_excluded(metadata: Mapping[str, Any]) -> dict[str, Value]:
    """`flat`, for a caller's metadata that must not speak for the SDK.

    Raises:
        ValueError: a key is one of the SDK's own.
    """
    taken = sorted(OWN & metadata.keys())
    if taken:
        raise ValueError(f"metadata key {taken[0]!r} is written by the SDK itself: use another name")
    return flat(metadata)


def where(filter: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """A Chroma filter from `{"key": value, …}` (all must equal) or from Chroma's own operators (`$in`, `$gt`, `$or` …).

    Raises:
        ValueError: Chroma does not know the operator or cannot compare with the value, the message names it; or the
            filter is too large.
    """
    from chromadb.api.types import validate_where

    if not filter:
        return None
    _measure(filter)
    joined = _joined(filter)
    validate_where(joined)
    return joined


def storable(text: str) -> str:
    """Without lone surrogates, which neither SQLite nor Chroma can hold."""
    return text.encode("utf-8", "surrogatepass").decode("utf-8", "replace")


def _measure(filter: Any) -> None:
    """Refuse what is too large, level by level: a recursion would fail on what it looks for."""
    level, keys, values = [filter], 0, 0
    for _ in range(MAX_DEPTH):
        keys += sum(len(node) for node in level if isinstance(node, Mapping))
        inside = [value for node in level for value in (node.values() if isinstance(node, Mapping) else node)]
        values += len(inside)
        level = [value for value in inside if isinstance(value, Mapping | list)]
        if not level:
            break
    if level or keys > MAX_KEYS or values > MAX_VALUES:
        raise ValueError(
            f"the filter is too large: {MAX_DEPTH} levels, {MAX_KEYS} keys and {MAX_VALUES} values are allowed"
        )


def _joined(filter: Mapping[str, Any]) -> dict[str, Any]:
    """Chroma wants exactly one key in a mapping, and two operands or more."""
    terms = [{key: _operands(key, value)} for key, value in filter.items()]
    if len(terms) > 1:
        return {"$and": terms}
    key, value = next(iter(terms[0].items()))
    return value[0] if key in ("$and", "$or") and len(value) == 1 else terms[0]


def _operands(key: str, value: Any) -> Any:
    if key not in ("$and", "$or"):
        if key.startswith("$"):  # Chroma's own check lets it pass, and its query then fails
            raise ValueError(f"filter operator {key!r} stands where a metadata key, $and or $or is expected")
        if key in HIDDEN:
            raise ValueError(f"filter key {key!r} belongs to the access lists: give the labels as access")
        return value
    if not isinstance(value, list) or not value or not all(isinstance(term, Mapping) and term for term in value):
        raise ValueError(f"filter operator {key!r} takes a list of filters, not {value!r}")
    return [_joined(term) for term in value]


def _value(value: Any) -> Value:
    if isinstance(value, str):
        return storable(value)
    if isinstance(value, bool) or (isinstance(value, int) and abs(value) < 2**63):
        return value
    if isinstance(value, float) and math.isfinite(value):
        return value
    if isinstance(value, list | tuple) and value and all(isinstance(item, str) for item in value):
        return [storable(item) for item in value]
    return storable(json.dumps(value, ensure_ascii=False, default=str))
