"""`/v1/knowledge`: documents in, listed and removed, passages searched; no request names a path of this machine."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urldefrag

from fastapi import APIRouter, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from langchain_core.documents import Document
from pydantic import BaseModel, ConfigDict, Field, HttpUrl, ValidationError, model_validator
from starlette.datastructures import UploadFile

from assistant.filenames import clean_name
from assistant.knowledge.partitions import MAX_LABELS
from assistant.server.access import of_caller, of_document
from assistant.server.parts import Parts, PartsOf
from assistant.server.problems import BadRequest, Problem, bad_request_for
from assistant.server.uploads import Uploads

if TYPE_CHECKING:
    from assistant.knowledge import IngestReport, Knowledge

router = APIRouter(prefix="/v1/knowledge", tags=["Knowledge"])

Scalar = str | int | float | bool
MAX_NAME = 2000
"""Characters of a source or a title."""
MAX_METADATA = 8000
"""Characters of a document's metadata as JSON: every passage keeps all of it."""


WHO_MAY_SEE = "labels of who may see it, from callers with an API key; unset: everyone, or who may see it already"


class NewDocument(BaseModel):
    """A text, or the address of a page or file to fetch."""

    model_config = ConfigDict(extra="forbid")

    text: str | None = Field(None, min_length=1, description="Markdown or plain text")
    url: HttpUrl | None = Field(None, description="http or https")
    title: str | None = Field(None, max_length=MAX_NAME, description="of `text`")
    source: str | None = Field(
        None, max_length=MAX_NAME, description="names `text`: sent again, it replaces; unset: from its content"
    )
    metadata: dict[str, Scalar] = Field(default_factory=dict, description="kept with every passage")
    access: list[str] | None = Field(None, description=WHO_MAY_SEE)

    @model_validator(mode="after")
    def _one_of(self) -> NewDocument:
        if (self.text is None) == (self.url is None):
            raise ValueError("exactly one of 'text' and 'url' is needed")
        if self.url is not None and (self.title or self.source):
            raise ValueError("'title' and 'source' go with 'text' only")
        if len(json.dumps(self.metadata, ensure_ascii=False)) > MAX_METADATA:
            raise ValueError(f"'metadata' has more than {MAX_METADATA} characters")
        return self


class Search(BaseModel):
    """What to look for; `filter` compares metadata."""

    query: str = Field(min_length=1)
    k: int | None = Field(None, ge=1, le=50)
    filter: dict[str, Any] | None = None
    access: list[str] = Field(
        default_factory=list,
        description="labels of who asks, for callers with an API key: also documents with one of them are searched",
    )
    explain: bool = Field(False, description="say what each score is made of")


BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": NewDocument.model_json_schema()},
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "properties": {
                        "file": {"type": "array", "items": {"type": "string", "format": "binary"}},
                        "metadata": {"type": "string", "description": "JSON object kept with every passage"},
                        "access": {"type": "array", "items": {"type": "string"}, "description": WHO_MAY_SEE},
                    },
                }
            },
        },
    }
}


@router.post("/documents", openapi_extra=BODY)
async def add(request: Request, parts: PartsOf) -> Response:
    """Add files (multipart, any number), a text or a URL; answers when they can be searched.

    A file or source that is sent again replaces its earlier version, whoever may see that one: names are those of the
    whole knowledge. 422 when everything was refused.
    """
    knowledge = knowledge_of(parts)
    if request.headers.get("content-type", "").lower().startswith("multipart/form-data"):
        return await _add_files(request, parts, knowledge)
    document = await _parse(request)
    access = of_document(parts, document.access)
    source = urldefrag(str(document.url)).url if document.url else document.source or _content_name(document.text or "")
    item = source if document.url else _document(document, source)
    with bad_request_for(ValueError, param="metadata"):
        report = await knowledge.aadd([item], metadata=document.metadata or None, access=access)
    return await _answer(knowledge, report, [source])


@router.get("/documents")
async def documents(
    parts: PartsOf,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    offset: Annotated[int, Query(ge=0)] = 0,
) -> dict[str, Any]:
    """The documents, a page at a time."""
    found = await knowledge_of(parts).adocuments()
    page = [document.to_dict() for document in found[offset : offset + limit]]
    return {"documents": page, "total": len(found), "limit": limit, "offset": offset}


@router.delete("/documents/{id:path}")
async def remove(id: str, parts: PartsOf) -> dict[str, Any]:
    """Remove a document by its id, or by its URL-encoded source."""
    knowledge = knowledge_of(parts)
    known = [document for document in await knowledge.adocuments() if id in (document.id, document.source)]
    if not known or not await knowledge.aremove(known[0].id):
        raise BadRequest(f"document {id!r} does not exist", param="id", code="document_not_found", status=404)
    await asyncio.to_thread(_uploads(parts).discard, known[0].source)
    return {"id": known[0].id, "source": known[0].source, "deleted": True}


@router.post("/search")
async def search(body: Search, parts: PartsOf) -> dict[str, Any]:
    """Passages, best first, the same as `assistant search --json`."""
    limit = parts.settings.safety.max_question_chars
    if len(body.query) > limit:
        raise BadRequest(f"the query has {len(body.query)} characters, {limit} are allowed", param="query")
    if not body.query.strip():
        raise BadRequest("the query is empty", param="query")
    knowledge, held = knowledge_of(parts), of_caller(parts, body.access)
    with bad_request_for(ValueError, param="filter"):
        found = await knowledge.asearch(body.query, body.k, filter=body.filter, access=held, explain=body.explain)
    return {"passages": [passage.to_dict() for passage in found]}


def knowledge_of(parts: Parts) -> Knowledge:
    """The knowledge of the running assistant.

    Raises:
        BadRequest: it was given a retriever only.
        EngineUnavailable: it is not open yet.
    """
    knowledge: Knowledge | None = parts.startup.opened().knowledge
    if knowledge is None:
        raise BadRequest("this assistant has a retriever but no knowledge to manage", code="no_knowledge", status=404)
    return knowledge


async def _add_files(request: Request, parts: Parts, knowledge: Knowledge) -> Response:
    async with request.form(max_files=1000, max_fields=10 + MAX_LABELS) as form:
        files = [value for _, value in form.multi_items() if isinstance(value, UploadFile)]
        metadata = _metadata(form.get("metadata"))
        access = of_document(parts, [str(label) for label in form.getlist("access")] or None)
        with bad_request_for(ValueError, param="file"):
            names = [clean_name(file.filename or "") for file in files]
        if not names:
            raise BadRequest("the form has no file", param="file")
        if len(set(names)) < len(names):
            raise BadRequest(f"two files have the same name: {sorted(names)}", param="file")
        async with parts.uploading:  # a name is written, added and settled by one request at a time
            return await _keep(_uploads(parts), files, knowledge, metadata=metadata, access=access)


async def _keep(
    uploads: Uploads,
    files: list[UploadFile],
    knowledge: Knowledge,
    *,
    metadata: Mapping[str, Scalar] | None,
    access: Sequence[str] | None,
) -> Response:
    paths = []
    refused = None
    try:
        for file in files:
            paths.append(await asyncio.to_thread(uploads.put, file.filename or "", file.file))
        with bad_request_for(ValueError, param="metadata"):
            report = await knowledge.aadd(paths, metadata=metadata, access=access)
        refused = {refusal.source for refusal in report.refused}
    finally:
        turned_down = [path for path in paths if refused is None or path.as_posix() in refused]
        await asyncio.to_thread(uploads.settle, paths, refused=turned_down)
    return await _answer(knowledge, report, [path.as_posix() for path in paths])


async def _answer(knowledge: Knowledge, report: IngestReport, sources: list[str]) -> Response:
    asked = set(sources)
    known = [d.to_dict() for d in await knowledge.adocuments() if d.source in asked]
    body = {**report.to_dict(), "documents": known}
    if len(report.refused) < len(sources):
        return JSONResponse(body)
    reasons = "; ".join(f"{_shown(refusal.source)}: {refusal.reason}" for refusal in report.refused)
    problem = Problem(422, f"refused: {reasons}", code="unreadable_document")
    return JSONResponse({**problem.body(), **body}, problem.status)


async def _parse(request: Request) -> NewDocument:
    try:
        return NewDocument.model_validate_json(await request.body())
    except ValidationError as error:
        raise RequestValidationError(error.errors(include_url=False, include_context=False)) from None


def _metadata(field: Any) -> dict[str, Scalar] | None:
    if field is None:
        return None
    try:
        return NewDocument.model_validate({"text": "-", "metadata": json.loads(field)}).metadata
    except (ValueError, TypeError, RecursionError):
        message = f"metadata must be a JSON object of texts, numbers and booleans, {MAX_METADATA} characters at most"
        raise BadRequest(message, param="metadata") from None


def _document(document: NewDocument, source: str) -> Document:
    title = document.title or source
    return Document(page_content=document.text or "", metadata={"source": source, "title": title})


def _content_name(text: str) -> str:
    return f"text:{hashlib.sha256(text.encode()).hexdigest()[:16]}"


def _uploads(parts: Parts) -> Uploads:
    return Uploads(parts.settings.data_dir / "uploads")


def _shown(source: str) -> str:
    return source if "://" in source else source.rsplit("/", 1)[-1]  # callers sent a name, not our folder
