"""What callers attach to documents and filter by, in the form that Chroma stores and understands."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

OWN = frozenset({"source", "title", "start", "end", "page", "headings", "media_type", "score"})
"""Keys that the SDK writes itself; all but `score` can be filtered by."""

Value = str | int | float | bool | list[str]


def flat(metadata: Mapping[str, Any]) -> dict[str, Value]:
    """Metadata as Chroma stores it.

    Strings, 64-bit integers, finite numbers, booleans and lists of strings stay; None is left out; anything else (a
    nested value, a date) becomes its JSON text, so that nothing is lost and nothing fails.

    Raises:
        ValueError: a key is no string, or one that Chroma keeps for itself.
    """
    keys: list[Any] = list(metadata)  # what callers give is not always what they declare
    wrong = [key for key in keys if not isinstance(key, str) or not key or key.startswith("chroma:")]
    if wrong:
        raise ValueError(f"metadata key {wrong[0]!r}: keys are strings, not empty and not starting with 'chroma:'")
    return {key: _value(value) for key, value in metadata.items() if value is not None}


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
        ValueError: Chroma does not know the operator or cannot compare with the value; the message names it.
    """
    from chromadb.api.types import validate_where

    if not filter:
        return None
    joined = _joined(filter)
    validate_where(joined)
    return joined


def _joined(filter: Mapping[str, Any]) -> dict[str, Any]:
    """Chroma wants exactly one key in a mapping, and two operands or more."""
    terms = [{key: _operands(key, value)} for key, value in filter.items()]
    if len(terms) > 1:
        return {"$and": terms}
    key, value = next(iter(terms[0].items()))
    return value[0] if key in ("$and", "$or") and len(value) == 1 else terms[0]


def _operands(key: str, value: Any) -> Any:
    if key not in ("$and", "$or"):
        return value
    if not isinstance(value, list) or not value or not all(isinstance(term, Mapping) and term for term in value):
        raise ValueError(f"filter operator {key!r} takes a list of filters, not {value!r}")
    return [_joined(term) for term in value]


def _value(value: Any) -> Value:
    if isinstance(value, bool | str) or (isinstance(value, int) and abs(value) < 2**63):
        return value
    if isinstance(value, float) and math.isfinite(value):
        return value
    if isinstance(value, list | tuple) and value and all(isinstance(item, str) for item in value):
        return list(value)
    return json.dumps(value, ensure_ascii=False, default=str)
