"""The lexical index of a knowledge: one open in a process, and brought in step with Chroma where it is not."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from assistant.knowledge.blocks import partition_of_passage
from assistant.knowledge.lexicon import Lexicon, Row
from assistant.knowledge.manifest import generation_of
from assistant.knowledge.partitions import ALLOWED, PUBLIC
from assistant.knowledge.prepare import embedded_text
from assistant.knowledge.store import parts

if TYPE_CHECKING:
    from assistant.knowledge.embedder import Embedder
    from assistant.knowledge.index import Index

log = logging.getLogger(__name__)
AT_ONCE = 5000
"""Passages added between two commits of a filling: what was added before a kill need not be added again."""
_open: dict[Path, tuple[Lexicon, int]] = {}
_opening = threading.Lock()


def shared(place: Path, closing: ExitStack) -> Lexicon:
    """The lexicon in `place`, of which a process may have one only; closed when `closing` of the last holder ends."""
    with _opening:
        lexicon, holders = _open[place] if place in _open else (Lexicon(place), 0)
        _open[place] = lexicon, holders + 1
    closing.callback(_leave, place)
    return lexicon


def _leave(place: Path) -> None:
    with _opening:
        lexicon, holders = _open.pop(place)
        if holders > 1:
            _open[place] = lexicon, holders - 1
        else:
            lexicon.close()


def vacant(place: Path, closing: ExitStack) -> Path:
    """The first of the folders `place.0`, `place.1` … that no other process uses, taken until `closing` ends.

    Each process that works with one server has a lexicon of its own, and takes over that of one that left.
    """
    place.parent.mkdir(parents=True, exist_ok=True)
    number = 0
    while True:
        folder = place.with_name(f"{place.name}.{number}")
        lock = FileLock(folder.with_name(f"{folder.name}.lock"), thread_local=False, is_singleton=True)
        try:
            lock.acquire(blocking=False)
        except Timeout:
            number += 1
            continue
        closing.callback(lock.release)
        return folder


def bring(lexicon: Lexicon, index: Index, embedder: Embedder) -> dict[str, str]:
    """Make the lexicon hold what is in Chroma, from the texts that are stored there; nothing is embedded.

    Returns:
        The partitions of the passages that were added, with their labels as JSON.
    """
    there = {id for store in index.stores for id in store.ids()}
    held = lexicon.ids()
    stale = {generation_of(id) for id in held - there}
    missing = [id for id in there if id not in held or generation_of(id) in stale]
    if not missing and not stale:
        return {}
    log.info("the lexical index is brought in step: %d passages are added", len(missing))
    lexicon.delete(stale)
    found: dict[str, str] = {}
    for part in parts(sorted(missing), AT_ONCE):
        found |= _add(lexicon, index, embedder, part)
    lexicon.commit()
    return found


def _add(lexicon: Lexicon, index: Index, embedder: Embedder, ids: list[str]) -> Mapping[str, str]:
    found: dict[str, str] = {}
    rows = []
    for store in index.stores:
        for row in store.rows(ids):
            partition = partition_of_passage(row.id)
            if partition != PUBLIC:
                found[partition] = str(row.metadata.get(ALLOWED, "[]"))
            text = embedded_text(row.text, row.metadata, embedder)
            rows.append(Row(row.id, generation_of(row.id), partition, text))
    lexicon.add(rows)
    lexicon.commit()
    return found
