"""What becomes of the files in a message: documents are read, recordings written down, others answered politely."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from assistant.bot.case import Case
from assistant.bot.documents import Documents, Full, Received, name_of
from assistant.bot.progress import Show
from assistant.bot.sources import escaped
from assistant.bot.transcriber import Transcriber
from assistant.connector import Fetching
from assistant.errors import PermanentError, Rejected, Unreadable
from assistant.sections import Bot
from assistant.types import Attachment

if TYPE_CHECKING:
    from assistant.assistant import Assistant
    from assistant.knowledge import Knowledge

MIB = 1024 * 1024


@dataclass(slots=True)
class Taken:
    """What was made of the files: `notes` for the user, what was `spoken` in recordings, and what operators see."""

    notes: list[str] = field(default_factory=list)
    spoken: list[str] = field(default_factory=list)
    documents: list[dict[str, Any]] = field(default_factory=list)

    def text(self, more: str = "") -> str:
        """The notes, and what follows them."""
        return "\n\n".join(part for part in (*self.notes, more) if part)


class Attachments:
    """Takes the files of a turn; a turn that runs again comes to the same end."""

    def __init__(
        self, assistant: Callable[[], Assistant], documents: Documents, settings: Bot, transcriber: Transcriber | None
    ) -> None:
        self._assistant = assistant
        self._documents = documents
        self._settings = settings
        self._transcriber = transcriber
        self._max_bytes = int(settings.max_file_mib * MIB)

    async def take(self, case: Case, show: Show) -> Taken:
        """Read, write down or decline each file; `show` is told of a document while it is being read.

        Raises:
            TransientError: the platform, the disk or the knowledge does not answer now.
        """
        taken = Taken()
        for attachment in _files(case):
            kind = _kind(attachment)
            if kind == "document":
                await self._read(case, attachment, taken, show)
            elif kind == "audio":
                await self._hear(case, attachment, taken)
            elif (declined := self.readable(case)) not in taken.notes:
                taken.notes.append(declined)
        return taken

    def readable(self, case: Case) -> str:
        """What the bot can read, as a sentence."""
        takes = self._settings.documents and isinstance(case.connector, Fetching)
        return case.say("document" if takes else "text")

    async def _read(self, case: Case, attachment: Attachment, taken: Taken, show: Show) -> None:
        knowledge = await self._knowledge(case)
        if knowledge is None:
            if (closed := case.say("closed")) not in taken.notes:
                taken.notes.append(closed)
            return
        raw = name_of(attachment)
        name = escaped(raw)
        await show(taken.text(case.say("reading", name=name)))
        data = await self._fetch(case, attachment, taken)
        if data is None:
            return
        told: dict[str, Any] = {"name": raw}
        try:
            known = await self._documents.add(knowledge, case.turn.address, Received(raw, data))
            note = case.say("read", name=name, passages=known.passages)
            told["passages"] = known.passages
        except Unreadable as error:
            note = case.say("unreadable", name=name, reason=escaped(str(error)))
            told["refused"] = str(error)
        except Full:
            note = case.say("full", name=name, limit=self._settings.max_documents)
            told["refused"] = f"the conversation holds {self._settings.max_documents} documents (bot.max_documents)"
        taken.notes.append(note)
        taken.documents.append(told)
        await show(taken.text())

    async def _hear(self, case: Case, attachment: Attachment, taken: Taken) -> None:
        if self._transcriber is None or not isinstance(case.connector, Fetching):
            if (deaf := case.say("voice")) not in taken.notes:
                taken.notes.append(deaf)
            return
        data = await self._fetch(case, attachment, taken)
        if data is None:
            return
        try:
            spoken = await self._transcriber.transcribe(data, mime_type=attachment.mime_type, language=case.language)
        except PermanentError:
            spoken = ""
        if line := " ".join(spoken.split()):
            taken.spoken.append(line)
            taken.notes.append(f"> “{escaped(line)}”")  # a question that was misheard is seen at once
        else:
            taken.notes.append(case.say("unheard"))

    async def _fetch(self, case: Case, attachment: Attachment, taken: Taken) -> bytes | None:
        """The content; None: it is too large or gone, and that is noted."""
        name = escaped(name_of(attachment))
        large = case.say("large", name=name, limit=f"{self._settings.max_file_mib:g}")
        if (attachment.size or 0) > self._max_bytes:
            taken.notes.append(large)
            return None
        if not isinstance(case.connector, Fetching):
            raise TypeError(f"connector {case.connector.name!r} fetches no files")
        try:
            data = await case.connector.fetch(attachment, max_bytes=self._max_bytes)
        except Rejected:
            taken.notes.append(case.say("unfetched", name=name))
            return None
        if len(data) > self._max_bytes:
            taken.notes.append(large)
            return None
        return data

    async def _knowledge(self, case: Case) -> Knowledge | None:
        """Where documents go; None: nowhere."""
        if not self._settings.documents or not isinstance(case.connector, Fetching):
            return None
        assistant = self._assistant()
        return await asyncio.to_thread(lambda: assistant.knowledge)


def _files(case: Case) -> Iterator[Attachment]:
    for message in case.turn.messages:
        yield from message.attachments


def _kind(attachment: Attachment) -> str:
    """What it is by its type where it was sent as a document: people send pictures as files."""
    of_type = (attachment.mime_type or "").partition("/")[0]
    return of_type if attachment.kind == "document" and of_type in ("audio", "image", "video") else attachment.kind
