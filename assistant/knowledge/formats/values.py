"""What goes into a converter and what comes out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import PurePosixPath
from types import MappingProxyType

from assistant.knowledge.formats.decode import decode


@dataclass(frozen=True)
class Raw:
    """The bytes of a document, its file name, and the type and character set a server declared."""

    data: bytes = field(repr=False)
    name: str
    declared: str = ""
    charset: str | None = None

    @property
    def extension(self) -> str:
        """Lower case, with the dot; of a name without one (Makefile), the name itself."""
        return PurePosixPath(self.name).suffix.lower() or self.name.lower()

    @cached_property
    def text(self) -> str:
        """The bytes as characters.

        Raises:
            Unreadable: they are no text.
        """
        return decode(self.data, self.charset)


@dataclass(frozen=True, slots=True)
class Converted:
    """A document as Markdown; an empty `title` means the file name is the best there is."""

    text: str
    title: str = ""
    pages: tuple[int, ...] = ()
    metadata: Mapping[str, str | int | float | bool] = field(default_factory=lambda: MappingProxyType({}))
