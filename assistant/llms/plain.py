"""Encoding of text that must stay text: no token id that controls the model comes out, whatever the text says."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from assistant.errors import ConfigurationError


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a prompt: ours, in which control tokens are meant, or content, in which nothing is."""

    text: str
    trusted: bool


class PlainText:
    """Encodes content with the Hugging Face tokenizer `tokenizer`; safe to use from several threads.

    Special tokens typed in the content are encoded as the ordinary text they are (`encode_special_tokens` of the
    tokenizers library), as Meta's own encoder does (llama_models, `Tokenizer.encode`). `markers` are control sequences
    that a format writes as ordinary text, such as `[INST]`: those are spelled one character a token, which no template does.

    Raises:
        ConfigurationError: the tokenizer is not one of the tokenizers library.
    """

    def __init__(self, tokenizer: Any, *, markers: Iterable[str] = ()) -> None:
        backend = getattr(tokenizer, "backend_tokenizer", None)
        if backend is None:
            raise ConfigurationError(
                f"the tokenizer {type(tokenizer).__name__!r} has no tokenizer.json: user text cannot be kept apart from "
                "control tokens with it; convert the model's tokenizer or set engine.options.tokenizer_mode to 'hf'"
            )
        # A copy of our own: transformers switches this flag on the shared one at every call, seen by all threads.
        self._backend = copy.deepcopy(backend)
        self._backend.encode_special_tokens = True
        self._backend.no_truncation()
        self._backend.no_padding()
        added = {int(id): str(token) for id, token in tokenizer.added_tokens_decoder.items()}
        self.control = {id: text for id, text in added.items() if text.strip()}  # runs of spaces are ordinary words
        self._id_of = {text: id for id, text in self.control.items()}
        self._controls, self._markers = alternatives(self._id_of), alternatives(markers)
        self._anchor = self._split("\n")
        self._adds_space = str(tokenizer.convert_ids_to_tokens(self._split("a"))[0]).startswith("\u2581")

    def __call__(self, text: str) -> list[int]:
        """Token ids of content."""
        return self.encode([Piece(text, trusted=False)])

    def encode(self, pieces: Iterable[Piece]) -> list[int]:
        """Token ids of pieces that follow each other; words may go across them, control comes from trusted ones only."""
        ids: list[int] = []
        run = ""
        for text, kind in self._parts(pieces):
            if kind == "text":
                run += text
                continue
            ids += self._safe(run, continues=bool(ids))
            run = ""
            ids += self._spell(text) if kind == "marker" else [self._id_of[text]]
        return ids + self._safe(run, continues=bool(ids))

    def _parts(self, pieces: Iterable[Piece]) -> Iterator[tuple[str, str]]:
        for piece in pieces:
            pattern, special = (self._controls, "control") if piece.trusted else (self._markers, "marker")
            parts = pattern.split(piece.text) if pattern else [piece.text]
            for position, part in enumerate(parts):
                yield part, special if position % 2 else "text"

    def _safe(self, text: str, *, continues: bool) -> list[int]:
        if not text:
            return []
        ids = self._continued(text) if continues else self._split(text)
        if self.control.keys().isdisjoint(ids):
            return ids
        # Some vocabularies also reach a control token by merging ordinary pieces, or mark it as not special.
        return [spelled for id in ids for spelled in (self._spell(self.control[id]) if id in self.control else [id])]

    def _spell(self, text: str) -> list[int]:
        ids = [id for character in text for id in self._continued(character)]
        if not self.control.keys().isdisjoint(ids):
            raise ConfigurationError(
                f"the tokenizer has a control token of one character in {text!r}: it cannot be used safely"
            )
        return ids

    def _continued(self, text: str) -> list[int]:
        """SentencePiece puts a space before what it encodes; encoded after a line break and cut off, the text has none."""
        if not self._adds_space:
            return self._split(text)
        ids = self._split("\n" + text)
        size = len(self._anchor)
        return ids[size:] if ids[:size] == self._anchor else self._split(text)

    def _split(self, text: str) -> list[int]:
        return list(self._backend.encode(mended(text), add_special_tokens=False).ids)


def mended(text: str) -> str:
    """`text` with halves of characters (lone surrogates, as `"\\ud83d"` in JSON brings them) joined or replaced: no tokenizer takes them."""
    return text if text.isascii() else text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def alternatives(texts: Iterable[str]) -> re.Pattern[str] | None:
    """A pattern that splits a string at `texts`, keeping them at the odd places; None without any."""
    longest_first = sorted(set(texts), key=len, reverse=True)
    return re.compile("(" + "|".join(map(re.escape, longest_first)) + ")") if longest_first else None
