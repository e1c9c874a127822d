"""Documents that people send to the bot: read for their conversation only, and deleted with it."""

from __future__ import annotations

import asyncio
import hashlib
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from mimetypes import MimeTypes
from pathlib import Path
from typing import TYPE_CHECKING

from assistant.errors import TransientError, Unreadable
from assistant.filenames import clean_name
from assistant.knowledge.partitions import labels
from assistant.types import Address, Attachment

if TYPE_CHECKING:
    from assistant.knowledge import DocumentInfo, Knowledge

FOLDER = "received"
"""Below `data_dir`: a folder for each conversation in which a document is being read, and empty again afterwards."""
TYPES = MimeTypes()
"""Made here: the first one reads the system's tables."""


class Full(Exception):
    """The conversation holds as many documents as it may."""


@dataclass(frozen=True, slots=True)
class Received:
    """A document as it came; `name` is what a person reads."""

    name: str
    data: bytes


class Documents:
    """Documents of conversations in the knowledge, `most` in each; the files themselves are deleted once they are read.

    Documents of one conversation are read one at a time, and each conversation's stand in a folder of their own.
    """

    def __init__(self, data_dir: Path, *, most: int) -> None:
        self._folder = data_dir.absolute() / FOLDER
        self._most = most
        self._adding: dict[asyncio.Task[DocumentInfo], str] = {}

    async def add(self, knowledge: Knowledge, address: Address, document: Received) -> DocumentInfo:
        """Read a document; one of the same name replaces the earlier one, and the same again changes nothing.

        Cancelled, the reading still goes on to its end.

        Raises:
            Unreadable: why it cannot be read.
            Full: another document has to go first.
            TransientError: the disk does not take it.
        """
        label = label_of(address)
        work = asyncio.create_task(self._add(knowledge, label, document, before=self._under_way(label)))
        self._adding[work] = label
        work.add_done_callback(self._adding.pop)
        return await asyncio.shield(work)

    async def forget(self, knowledge: Knowledge, address: Address) -> int:
        """Delete the documents of a conversation, also those that are being read; how many there were."""
        label = label_of(address)
        if adding := self._under_way(label):
            await asyncio.wait(adding)
        held = await _held(knowledge, label)
        for document in held:
            await knowledge.aremove(document.id)
        await asyncio.to_thread(shutil.rmtree, self._path(label), ignore_errors=True)
        return len(held)

    def _under_way(self, label: str) -> Sequence[asyncio.Task[DocumentInfo]]:
        return [work for work, whose in self._adding.items() if whose == label]

    async def _add(
        self, knowledge: Knowledge, label: str, document: Received, *, before: Sequence[asyncio.Task[DocumentInfo]]
    ) -> DocumentInfo:
        if before:  # those of cancelled turns, whose files stand in the same folder
            await asyncio.wait(before)
        path = self._path(label) / clean_name(document.name)
        source = path.as_posix()
        others = [each for each in await _held(knowledge, label) if each.source != source]
        if len(others) >= self._most:
            raise Full
        try:
            await asyncio.to_thread(_write, path, document.data)
            report = await knowledge.aadd([path], access=[label])
        finally:
            await asyncio.to_thread(shutil.rmtree, path.parent, ignore_errors=True)
        if report.refused:
            raise Unreadable(report.refused[0].reason)
        return next(each for each in await _held(knowledge, label) if each.source == source)

    def _path(self, label: str) -> Path:
        return self._folder / hashlib.sha256(label.encode()).hexdigest()[:20]


def label_of(address: Address) -> str:
    """The access label of a conversation: who writes there has it, and nobody else."""
    label = f"conversation:{address}"
    try:
        return labels([label])[0]
    except ValueError:  # longer than labels are, or with characters that they may not hold
        return f"conversation:{hashlib.sha256(str(address).encode()).hexdigest()}"


def name_of(attachment: Attachment) -> str:
    """What a file is called, also where the platform does not say."""
    try:
        return clean_name(attachment.name or "")
    except ValueError:
        return f"{attachment.kind}{TYPES.guess_extension(attachment.mime_type or '') or ''}"


async def _held(knowledge: Knowledge, label: str) -> Sequence[DocumentInfo]:
    return [each for each in await knowledge.adocuments() if each.access == (label,)]


def _write(path: Path, data: bytes) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    except OSError as error:
        raise TransientError(f"a document that was sent cannot be kept in {str(path.parent)!r}: {error}") from error
