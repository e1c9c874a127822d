"""What platforms count the length of a message in; `len` counts characters."""

from __future__ import annotations


def utf16(text: str) -> int:
    """UTF-16 code units: two for a character beyond the Basic Multilingual Plane, as most emoji are."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def utf8(text: str) -> int:
    """Bytes of UTF-8."""
    return len(text.encode("utf-8", "surrogatepass"))
