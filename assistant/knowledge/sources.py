"""Where documents are: paths, folders and addresses become `Source`s, and what cannot be one becomes a `Refusal`."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from mimetypes import MimeTypes
from pathlib import Path
from urllib.parse import urldefrag, urlsplit

SKIPPED_FOLDERS = {"__pycache__", "node_modules", "CVS", "_darcs"}
NOT_DOCUMENTS = {"image", "audio", "video", "font"}
ADDRESS = re.compile(r"([a-z][a-z0-9+.-]+):(?://)?", re.IGNORECASE)
TYPES = MimeTypes()  # the built-in table only: the same on every machine
for _extension, _type in {
    ".webp": "image/webp",
    ".m4a": "audio/mp4",
    ".ogg": "audio/ogg",
    ".flac": "audio/flac",
}.items():
    TYPES.add_type(_type, _extension)
for _extension in (".ttf", ".otf", ".woff", ".woff2"):
    TYPES.add_type(f"font/{_extension[1:]}", _extension)


@dataclass(frozen=True, slots=True)
class Source:
    """Where a document is: an absolute path or an address; `size` (bytes) and `modified` (POSIX time) of a file."""

    uri: str
    size: int | None = None
    modified: float | None = None


@dataclass(frozen=True, slots=True)
class Refusal:
    """A document that was not taken, and why."""

    source: str
    reason: str


def discover(paths: Iterable[str | Path]) -> Iterator[Source | Refusal]:
    """Every document under `paths`, once, in a stable order, without opening any.

    A folder gives its files recursively, names sorted. Hidden files and folders, version control, `__pycache__`,
    `node_modules` and Office lock files are skipped; links to folders are not followed, which also ends every loop.
    What certainly is no document (an image in a folder) is a `Refusal`; the rest is decided by content when loaded.
    """
    seen: set[str] = set()
    for path in paths:
        for found in _find(path):
            name = found.uri if isinstance(found, Source) else found.source
            if name not in seen:
                seen.add(name)
                yield found


def _find(path: str | Path) -> Iterator[Source | Refusal]:
    text = os.fspath(path)
    address = ADDRESS.match(text) if isinstance(path, str) else None
    if address and not os.path.lexists(text):
        yield _address(text, address[1].lower())
    elif "\0" in text or not text:
        yield Refusal(repr(text), "is not a path")
    elif os.path.isdir(text):
        yield from _folder(os.path.abspath(text))
    else:
        yield _file(os.path.abspath(text))


def _address(url: str, scheme: str) -> Source | Refusal:
    if scheme not in ("http", "https"):
        return Refusal(url, f"{scheme!r} addresses are not loaded, only http and https")
    try:
        parts = urlsplit(url)
        valid = bool(parts.hostname) and parts.port != 0
    except ValueError:
        valid = False
    if not valid:
        return Refusal(url, "is not a valid address")
    if parts.username or parts.password:
        clean = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
        return Refusal(clean, "has a user name or password in the address, which would be stored: leave it out")
    return Source(urldefrag(url).url)


def _folder(folder: str) -> Iterator[Source | Refusal]:
    try:
        with os.scandir(folder) as listing:
            entries = sorted(listing, key=lambda entry: entry.name)
    except OSError as error:
        yield Refusal(_printable(folder), _reason(error))
        return
    for entry in entries:
        if entry.name.startswith((".", "~$")) or entry.name in SKIPPED_FOLDERS:
            continue
        if entry.is_dir(follow_symlinks=False):
            yield from _folder(entry.path)
        elif entry.is_symlink() and os.path.isdir(entry.path):
            yield Refusal(_printable(entry.path), "is a link to a folder: name the folder itself to load it")
        elif kind := _not_a_document(entry.name):
            yield Refusal(_printable(entry.path), f"not a document ({kind})")
        else:
            yield _file(entry.path)


def _file(path: str) -> Source | Refusal:
    try:
        path.encode()
    except UnicodeEncodeError:
        return Refusal(_printable(path), "has a name that is not valid UTF-8: rename it")
    try:
        info = os.stat(path)
    except OSError as error:
        return Refusal(path, _reason(error))
    return Source(Path(path).as_posix(), info.st_size, info.st_mtime)


def _not_a_document(name: str) -> str | None:
    kind, _, subtype = (TYPES.guess_type(name)[0] or "").partition("/")
    if kind not in NOT_DOCUMENTS:
        return None
    return f"{subtype.removeprefix('x-').partition('+')[0].rpartition('.')[2].upper()} {kind}"


def _printable(path: str) -> str:
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def _reason(error: OSError) -> str:
    match error:
        case FileNotFoundError():
            return "does not exist"
        case PermissionError():
            return "permission denied"
        case _:
            return f"cannot be opened: {error.strerror}"
