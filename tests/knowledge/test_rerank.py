from collections.abc import Sequence
from typing import Any

import pytest
from langchain_core.documents import Document
from langchain_core.documents.compressor import BaseDocumentCompressor

from assistant.errors import ConfigurationError
from assistant.knowledge.rerank import open_reranker


class Shortest(BaseDocumentCompressor):
    """Puts short texts first."""

    def compress_documents(self, documents: Sequence[Document], query: str, callbacks: Any = None) -> list[Document]:
        return sorted(documents, key=lambda document: len(document.page_content))


def test_no_name_is_no_reranker() -> None:
    assert open_reranker("", passages=5) is None


def test_any_document_compressor_is_a_reranker() -> None:
    assert isinstance(open_reranker(f"{__name__}:Shortest", passages=5), Shortest)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("nothing like that", "neither 'llm', nor a folder, nor a hub id"),
        ("no.such.module:Class", "cannot be imported"),
        ("pathlib:Path", r"is no langchain_core\.documents\.compressor\.BaseDocumentCompressor"),
        ("llm", "there is none here: use it through Assistant"),
    ],
)
def test_a_wrong_name_is_refused_with_the_remedy(name: str, words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        open_reranker(name, passages=5)


def test_a_folder_that_is_no_model_is_named(tmp_path: Any) -> None:
    with pytest.raises(ConfigurationError, match="cannot be loaded"):
        open_reranker(str(tmp_path), passages=5)
