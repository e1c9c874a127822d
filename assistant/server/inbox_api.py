"""`/v1/inbox`: the durable inbox for operators, the same as `assistant inbox`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any
from urllib.parse import unquote

from fastapi import APIRouter, Query, Request

from assistant.inbox import Shown, State, UnknownTurn
from assistant.server.parts import Parts, PartsOf
from assistant.server.problems import BadRequest

router = APIRouter(prefix="/v1/inbox", tags=["Inbox"])


@router.get("")
async def turns(
    parts: PartsOf, state: State | None = None, limit: Annotated[int, Query(ge=1, le=1000)] = 100
) -> dict[str, Any]:
    """Turns, the newest first; `dead` and `parked` ones wait for a person."""
    entries = await parts.inbox.desk.alist(state=state, limit=limit)
    return {"turns": [entry.to_dict() for entry in entries]}


@router.get("/{id:path}")
async def show(id: str, request: Request, parts: PartsOf) -> dict[str, Any]:
    """Everything about one turn: messages, parts of the answer with their receipts, what happened when."""
    return (await _shown(id, request, parts)).to_dict()


@router.post("/{id:path}/retry")
async def retry(id: str, request: Request, parts: PartsOf) -> dict[str, Any]:
    """Try a dead or parked turn again, from where it ended: an answer that is recorded is not written again.

    It goes to the end of its conversation's lane. 409 where the turn is neither dead nor parked.
    """
    shown = await _shown(id, request, parts, after="/retry")
    with _conflict(shown):
        return {"id": await parts.inbox.desk.aretry(shown.entry.id)}


@router.delete("/{id:path}")
async def drop(id: str, request: Request, parts: PartsOf) -> dict[str, Any]:
    """Give a turn up: it is not answered, also not when the platform sends its message again."""
    shown = await _shown(id, request, parts)
    with _conflict(shown):
        await parts.inbox.desk.adrop(shown.entry.id)
    return {"id": shown.entry.id, "deleted": True}


async def _shown(id: str, request: Request, parts: Parts, *, after: str = "") -> Shown:
    """The turn with that id, which `after` follows in the URL, also where its percent signs were not escaped in the URL.

    Raises:
        BadRequest: status 404, there is none.
    """
    path = request.scope["raw_path"].decode("latin-1").partition("?")[0]
    as_sent = path.partition("/v1/inbox/")[2].removesuffix(after)
    for name in dict.fromkeys((unquote(as_sent), as_sent)):
        try:
            return await parts.inbox.desk.ashow(name)
        except UnknownTurn:
            continue
    raise BadRequest(f"turn {id!r} does not exist", param="id", code="turn_not_found", status=404)


@contextmanager
def _conflict(shown: Shown) -> Iterator[None]:
    try:
        yield
    except UnknownTurn as error:
        raise BadRequest(str(error), param="id", code=f"turn_is_{shown.entry.state}", status=409) from error
