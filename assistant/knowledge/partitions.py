"""Who may see a document: its labels, and the partition of all documents that have exactly these labels."""

from __future__ import annotations

import hashlib
import json
import unicodedata
from collections.abc import Iterable
from typing import Any

PUBLIC = "public"
"""The partition of the documents without labels, which everyone sees."""
MAX_LABELS = 50
"""Labels of one document."""
MAX_HELD = 1000
"""Labels one search may name: people are in more groups than a document is shared with."""
MAX_LENGTH = 200
"""Characters of a label."""
UNSEEN = {"Cc", "Cs", "Zl", "Zp"}
"""Unicode categories that no label holds: control characters, lone surrogates, line and paragraph separators."""
LIST = "access_list"
ALLOWED = "access_labels"
"""Metadata keys of a passage that not everyone may see: its partition, and its labels as JSON. Neither is shown."""
MARK = "."
"""Stands between a content's digest and its partition in a version."""


def labels(access: Iterable[str], *, most: int = MAX_LABELS) -> tuple[str, ...]:
    """The labels of `access`, each once and sorted; compared character by character, nothing is folded or trimmed.

    Raises:
        ValueError: `access` is a single text, has more than `most` labels, or one of them is no text, blank, longer
            than 200 characters or holds a control character; the message names it.
    """
    if isinstance(access, str | bytes):  # its letters would be taken for labels
        raise ValueError(f"access is a list of labels, not the text {access!r}")
    try:
        given: list[Any] = list(access)
    except TypeError:
        raise ValueError(f"access is a list of labels, not {access!r}") from None
    for label in given:
        _check(label)
    if len(found := sorted(set(given))) > most:
        raise ValueError(f"access has {len(found)} labels, {most} are allowed")
    return tuple(found)


def granted(access: Iterable[str] | None) -> tuple[str, ...] | None:
    """The labels that documents are to have; None: those that they have.

    Raises:
        ValueError: as `labels`, and where the list is empty: one computed wrongly must not publish a document.
    """
    if access is None:
        return None
    if not (found := labels(access)):
        raise ValueError(
            "access is an empty list: name who may see the documents, or leave it out for public ones (a document that "
            "is to become public is removed and added again)"
        )
    return found


def partition_of(access: Iterable[str]) -> str:
    """The name of the partition of these labels, sorted: `public`, or 12 hexadecimal digits."""
    names = list(access)
    return hashlib.sha256(json.dumps(names).encode()).hexdigest()[:12] if names else PUBLIC


def versioned(content: str, access: Iterable[str]) -> str:
    """Names one content for one audience: another audience gets passages of its own, under ids of their own."""
    partition = partition_of(access)
    return content if partition == PUBLIC else f"{content}{MARK}{partition}"


def content_of(version: str) -> str:
    """What `versioned` was given."""
    return version.partition(MARK)[0]


def partition_in(version: str) -> str:
    """The partition that `versioned` wrote into a version."""
    return version.partition(MARK)[2] or PUBLIC


def _check(label: object) -> None:
    if not isinstance(label, str):
        raise ValueError(f"access label {label!r} is no text")
    if not label.strip():
        raise ValueError(f"access label {label!r} is blank")
    if len(label) > MAX_LENGTH:
        raise ValueError(f"access label {label[:40]!r}… has {len(label)} characters, {MAX_LENGTH} are allowed")
    if any(unicodedata.category(character) in UNSEEN for character in label):
        raise ValueError(f"access label {label!r} holds a control character")
