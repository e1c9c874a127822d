"""Bytes to characters: byte order mark, UTF-8, what the document declares, then charset-normalizer."""

from __future__ import annotations

import codecs
import re

from assistant.errors import Unreadable

SAMPLE = 256 * 1024
MARKS = (  # UTF-32 first: its mark begins with that of UTF-16
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
DECLARED = re.compile(
    rb"""<meta[^>]{0,200}?charset\s*=\s*["']?([\w.:-]+)|^<\?xml[^>]{0,200}?encoding\s*=\s*["']([\w.:-]+)""", re.I
)
CONTROL = re.compile(r"[\x00-\x07\x0e-\x1a\x1c-\x1f\x7f\ufffd]")
CONTROL_SHARE = 0.01
"""Share of control characters from which on it is no text; escape sequences of terminals stay below."""


def decode(data: bytes, charset: str | None = None) -> str:
    """The text in `data`; `charset` is what came with it, for example in an HTTP header.

    Raises:
        Unreadable: the bytes are no text in any known encoding.
    """
    text = _decode(data, charset)
    head = text[:SAMPLE]
    if head.count("\0") > len(head) // 1000 or len(CONTROL.findall(head)) > CONTROL_SHARE * len(head):
        raise Unreadable("looks like binary data, not text")
    return text


def _decode(data: bytes, charset: str | None) -> str:
    for mark, encoding in MARKS:
        if data.startswith(mark):
            return data[len(mark) :].decode(encoding, "replace")
    declared = DECLARED.search(data[:2048])
    named = (declared[1] or declared[2]).decode("ascii") if declared else None
    for candidate in (_wide(data), "utf-8", charset, named):
        if candidate:
            try:
                return data.decode(candidate)
            except (UnicodeError, LookupError):
                continue
    return _guess(data)


def _wide(data: bytes) -> str | None:
    """UTF-16 without a mark: in most scripts, every second byte of spaces and line ends is zero."""
    sample = data[:4096]
    low, high = sample[::2].count(0), sample[1::2].count(0)
    if 10 * max(low, high) <= len(sample):
        return None
    return "utf-16-le" if high > low else "utf-16-be"


def _guess(data: bytes) -> str:
    from charset_normalizer import from_bytes

    sample = data[:SAMPLE]
    if len(data) > SAMPLE:
        sample = sample[: sample.rfind(b"\n") + 1] or sample
    if sample.count(b"\0"):
        raise Unreadable("looks like binary data, not text")
    best = from_bytes(sample).best()
    if best is None:
        raise Unreadable("looks like binary data, or text in an unknown encoding: save it as UTF-8")
    return data.decode(best.encoding, "replace")
