"""Files that came over HTTP, kept by their cleaned name; an earlier version is put back when the new one is refused."""

from __future__ import annotations

import os
import shutil
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from assistant.filenames import clean_name


@dataclass(frozen=True, slots=True)
class Uploads:
    """One folder, one file a name: a file uploaded again replaces its earlier version."""

    folder: Path

    def put(self, name: str, content: BinaryIO) -> Path:
        """Write `content` under the cleaned `name`; the earlier version is kept aside until `settle`. Blocks."""
        path = self.folder.absolute() / clean_name(name)
        self.folder.mkdir(parents=True, exist_ok=True)
        incoming = path.with_name(f".incoming-{path.name}")
        with incoming.open("wb") as file:
            shutil.copyfileobj(content, file, 1024 * 1024)
        if path.exists():
            os.replace(path, _previous(path))
        os.replace(incoming, path)
        return path

    def settle(self, paths: Collection[Path], *, refused: Collection[Path]) -> None:
        """Forget the earlier versions of what was accepted, and put them back for what was refused. Blocks."""
        for path in paths:
            previous = _previous(path)
            if path not in refused:
                previous.unlink(missing_ok=True)
            elif previous.exists():
                os.replace(previous, path)
            else:
                path.unlink(missing_ok=True)

    def discard(self, source: str) -> None:
        """Delete the file of a removed document, if it is one of ours. Blocks."""
        path = Path(source)
        if path.parent == self.folder.absolute() and path.is_file():
            path.unlink(missing_ok=True)


def _previous(path: Path) -> Path:
    return path.with_name(f".previous-{path.name}")
