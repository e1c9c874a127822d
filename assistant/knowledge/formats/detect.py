"""What a document is, by its content first and its name second."""

from __future__ import annotations

import re

from assistant.errors import Unreadable
from assistant.knowledge.formats.languages import LANGUAGES
from assistant.knowledge.formats.values import Raw

SIGNATURES = (  # offset, bytes, name; from the formats' own specifications
    (0, b"\x89PNG\r\n", "a PNG image"),
    (0, b"\xff\xd8\xff", "a JPEG image"),
    (0, b"GIF8", "a GIF image"),
    (0, b"II*\0", "a TIFF image"),
    (0, b"MM\0*", "a TIFF image"),
    (0, b"8BPS", "a Photoshop image"),
    (8, b"WEBP", "a WebP image"),
    (0, b"\0\0\1\0", "an icon"),
    (4, b"ftyp", "a video, audio or HEIC file"),
    (8, b"WAVE", "a WAV recording"),
    (8, b"AVI ", "an AVI video"),
    (0, b"\x1aE\xdf\xa3", "a Matroska video"),
    (0, b"OggS", "an Ogg recording"),
    (0, b"fLaC", "a FLAC recording"),
    (0, b"ID3", "an MP3 recording"),
    (0, b"\x1f\x8b", "a gzip archive"),
    (0, b"BZh", "a bzip2 archive"),
    (0, b"\xfd7zXZ\0", "an xz archive"),
    (0, b"\x28\xb5\x2f\xfd", "a Zstandard archive"),
    (0, b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"),
    (0, b"Rar!\x1a\x07", "a RAR archive"),
    (257, b"ustar", "a tar archive"),
    (0, b"!<arch>\n", "a library archive or Debian package"),
    (0, b"\x7fELF", "a program"),
    (0, b"\xcf\xfa\xed\xfe", "a program"),
    (0, b"\xca\xfe\xba\xbe", "a program"),
    (0, b"\0asm", "a program"),
    (0, b"SQLite format 3\0", "an SQLite database"),
    (0, b"PAR1", "a Parquet table"),
    (0, b"\x89HDF", "an HDF5 file"),
    (0, b"GGUF", "a GGUF model"),
    (0, b"wOF", "a font"),
    (0, b"\0\1\0\0\0", "a font"),
    (0, b"OTTO", "a font"),
    (0, b"AT&TFORM", "a DjVu scan: convert it to PDF"),
    (0, b"%!PS", "a PostScript file: convert it to PDF"),
    (0, b"{\\rtf", "an RTF document: save it as .docx"),
)
HTML = re.compile(r"\s*(<\?xml[^>]*>\s*)?(?><!--.*?-->\s*)*<(!doctype\s+html|html)[\s>]", re.IGNORECASE | re.DOTALL)
MAIL = re.compile(r"(return-path|received|delivered-to|mime-version|message-id|x-[\w-]+): ", re.IGNORECASE)
BY_EXTENSION = {
    ".html": "html", ".htm": "html", ".xhtml": "html",
    ".md": "markdown", ".markdown": "markdown", ".mdx": "markdown", ".qmd": "markdown", ".rmd": "markdown",
    ".csv": "csv", ".tsv": "csv", ".tab": "csv",
    ".json": "json", ".geojson": "json", ".jsonld": "json", ".jsonl": "jsonl", ".ndjson": "jsonl",
    ".ipynb": "notebook", ".eml": "mail", ".mht": "mail", ".mhtml": "mail",
    **dict.fromkeys(LANGUAGES, "code"),
}  # fmt: skip
BY_MEDIA_TYPE = {
    "text/html": "html", "application/xhtml+xml": "html", "text/markdown": "markdown", "text/csv": "csv",
    "text/tab-separated-values": "csv", "application/json": "json", "application/ld+json": "json",
    "application/x-ndjson": "jsonl", "application/jsonl": "jsonl", "message/rfc822": "mail",
}  # fmt: skip


def detect(raw: Raw) -> str:
    """The kind of document: a key of `FORMATS`.

    Raises:
        Unreadable: it is empty or certainly no document; the message says what it looks like.
    """
    data = raw.data
    if not data:
        raise Unreadable("is empty")
    if data.lstrip()[:5] == b"%PDF-" or (raw.extension == ".pdf" and b"%PDF-" in data[:1024]):
        return "pdf"
    if data.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        from assistant.knowledge.formats.archive import kind_of_zip

        return kind_of_zip(data)
    if data.startswith(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"):
        from assistant.knowledge.formats.mail import kind_of_ole

        return kind_of_ole(data)
    for offset, magic, name in SIGNATURES:
        if data.startswith(magic, offset) and _binary(data):
            raise Unreadable(f"looks like {name}, not text")
    return _kind_of_text(raw)


def _binary(data: bytes) -> bool:
    """Whether no text editor wrote this; the signatures of letters only (GIF8, OTTO) may well begin a text."""
    head = data[:4096]
    return b"\0" in head or head.startswith((b"%!PS", b"{\\rtf")) or not _decodes(head)


def _decodes(head: bytes) -> bool:
    text = head.decode("utf-8", "ignore")
    return len(text.encode()) > len(head) - 4 and not re.search(r"[\x00-\x06\x0e-\x1a]", text)


def _kind_of_text(raw: Raw) -> str:
    text = raw.text
    if not text.strip("\ufeff\0 \t\r\n\f\v\u3000\xa0\u200b"):
        raise Unreadable("has no text, only white space")
    named = BY_EXTENSION.get(raw.extension)
    if HTML.match(text[:4096]) and named != "code":
        return "html"
    kind = BY_MEDIA_TYPE.get(raw.declared) or named
    if kind == "mail" or kind is None:
        return "mail" if MAIL.match(text) or (kind and re.match(r"[\w-]+:", text)) else "text"
    return "text" if kind == "html" and "<" not in text else kind
