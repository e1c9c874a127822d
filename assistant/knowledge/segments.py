"""The folder of a tantivy index: opened if each of its files is whole, and otherwise emptied.

Tantivy ends every file with its checksum but compares it only when asked to, which its Python binding cannot. Unchecked,
a damaged file is read as if it were good, and a merge that stumbles over it aborts the process.
"""

from __future__ import annotations

import json
import logging
import shutil
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tantivy import Index, Schema

log = logging.getLogger(__name__)
END = struct.Struct("<II")
"""Of a file: the length of the footer before it, and `MAGIC` (tantivy 0.27, directory/footer.rs)."""
MAGIC = 1337
PIECE = 2**20


def opened(schema: Schema, place: Path, *, tokenizer: str) -> Index:
    """The index of `schema` in the folder `place`, whose text field `tokenizer` splits at white space.

    Empty where the folder is missing, damaged or of another schema.

    Raises:
        OSError: the folder cannot be written.
        ValueError: the same, from tantivy.
    """
    place.mkdir(parents=True, exist_ok=True)
    try:
        if wrong := next(damaged(place), None):
            raise ValueError(f"{wrong.name} is damaged")
        return _index(schema, place, tokenizer)
    except (ValueError, KeyError, TypeError, OSError) as error:
        log.warning("the lexical index in %r is emptied and filled again: %s", str(place), error)
        shutil.rmtree(place)
        place.mkdir()
        return _index(schema, place, tokenizer)


def _index(schema: Schema, place: Path, tokenizer: str) -> Index:
    from tantivy import Index, TextAnalyzerBuilder, Tokenizer

    index = Index(schema, str(place))
    index.register_tokenizer(tokenizer, TextAnalyzerBuilder(Tokenizer.whitespace()).build())
    index.config_reader("manual")
    index.searcher().doc_freq("id", "")  # opens what is opened when first used
    return index


def damaged(place: Path) -> Iterator[Path]:
    """The files of the last commit that are not as they were written; what a killed process left besides is none."""
    meta = place / "meta.json"
    segments: list[dict[str, Any]] = json.loads(meta.read_bytes())["segments"] if meta.exists() else []
    for segment in segments:
        name = segment["segment_id"].replace("-", "")
        deletes = segment["deletes"] and f"{name}.{segment['deletes']['opstamp']}.del"
        files = [file for file in place.glob(f"{name}.*") if file.suffix != ".del"]
        yield from (file for file in [*files, *([place / deletes] if deletes else [])] if not _whole(file))


def _whole(file: Path) -> bool:
    """Whether the checksum in the footer is that of what stands before it."""
    with file.open("rb") as content:
        size = content.seek(0, 2)
        if size < END.size:
            return False
        content.seek(size - END.size)
        length, magic = END.unpack(content.read())
        body = size - END.size - length
        if magic != MAGIC or body < 0:
            return False
        content.seek(body)
        footer = json.loads(content.read(length))
        content.seek(0)
        found = 0
        for start in range(0, body, PIECE):
            found = zlib.crc32(content.read(min(PIECE, body - start)), found)
        return bool(found == footer["crc"])
