"""A Chroma server that others write to as well: what they changed is noticed, and brought into the lexical index here."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from assistant.knowledge.lexical import bring
from assistant.knowledge.lock import committing

if TYPE_CHECKING:
    from assistant.knowledge.embedder import Embedder
    from assistant.knowledge.index import Index
    from assistant.knowledge.lexicon import Lexicon
    from assistant.knowledge.manifest import Manifest

SECONDS = 3.0
"""Between two looks at the server; each reads the metadata of one collection."""


class Follower:
    """Keeps `lexicon` and what `manifest` knows of access lists in step with the server's passages."""

    def __init__(self, index: Index, lexicon: Lexicon, manifest: Manifest, embedder: Embedder) -> None:
        self._index = index
        self._lexicon = lexicon
        self._manifest = manifest
        self._embedder = embedder
        self._looking = threading.Lock()
        self._looked = -SECONDS

    def look(self) -> None:
        """Take in what others changed, if a look is due; one thread does, the others search what is there."""
        if time.monotonic() - self._looked < SECONDS or not self._looking.acquire(blocking=False):
            return
        try:
            self._looked = time.monotonic()
            if self._index.changed_by_others():
                self._take_in()
        finally:
            self._looking.release()

    def _take_in(self) -> None:
        with committing(self._manifest.path):
            try:
                self._manifest.share(bring(self._lexicon, self._index, self._embedder))
            except BaseException:
                self._index.forget_changes()
                raise
