"""Names of files that other people chose, made safe to write."""

from __future__ import annotations

import os
import unicodedata

MAX_NAME_BYTES = 200
"""File systems allow 255; the prefixes of files in transit need room."""
MAX_SUFFIX_BYTES = 20
FORBIDDEN = '<>:"|?*'
"""Not allowed in names by Windows, and never needed."""


def clean_name(name: str) -> str:
    """The last part of `name` without anything a file system could take for something else.

    Raises:
        ValueError: nothing is left.
    """
    last = unicodedata.normalize("NFC", name).replace("\\", "/").rsplit("/", 1)[-1]
    kept = "".join(c for c in last if c not in FORBIDDEN and unicodedata.category(c)[0] != "C")
    stem, suffix = os.path.splitext(kept.strip(" ."))
    suffix = _cut(suffix, MAX_SUFFIX_BYTES)
    cut = _cut(stem, MAX_NAME_BYTES - len(suffix.encode())) + suffix
    if not cut:
        raise ValueError(f"file name {name!r} cannot be used")
    return cut


def _cut(text: str, size: int) -> str:
    return text.encode()[:size].decode(errors="ignore")
