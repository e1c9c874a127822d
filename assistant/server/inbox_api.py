"""`/v1/inbox`: the durable inbox for operators, the same as `assistant inbox`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated, Any, Literal
from urllib.parse import unquote

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from assistant.inbox import Shown, State, UnknownTurn
from assistant.server.parts import Parts, PartsOf
from assistant.server.problems import BadRequest
from assistant.types import Address

router = APIRouter(prefix="/v1/inbox", tags=["Inbox"])


class NewHold(BaseModel):
    """A conversation, by its name as `GET /v1/inbox` shows it, that somebody else is to answer in."""

    model_config = ConfigDict(extra="forbid")

    conversation: str = Field(min_length=1)
    holder: Literal["person", "platform"] = "person"


@router.get("")
async def turns(
    parts: PartsOf, state: State | None = None, limit: Annotated[int, Query(ge=1, le=1000)] = 100
) -> dict[str, Any]:
    """Turns, the newest first; `dead` and `parked` ones wait for a person."""
    entries = await parts.inbox.desk.alist(state=state, limit=limit)
    return {"turns": [entry.to_dict() for entry in entries]}


@router.get("/holders")
async def holders(parts: PartsOf) -> dict[str, Any]:
    """Conversations in which somebody else answers than the bot, the longest first; `until` null: until it is released."""
    return {"holders": [held.to_dict() for held in await parts.inbox.desk.aholders()]}


@router.post("/holders", status_code=201)
async def hold(new: NewHold, parts: PartsOf) -> dict[str, Any]:
    """Silence the bot in a conversation, for `inbox.takeover_hours`; what it is writing there is not sent.

    404 where the conversation's connector is not configured.
    """
    address = _address(new.conversation)
    if address is None or address.connector not in parts.connectors:
        raise _unknown(new.conversation, "is none of a connector that is configured")
    await parts.inbox.hold(address, new.holder)
    return {"conversation": new.conversation, "holder": new.holder}


@router.delete("/holders/{conversation:path}")
async def release(conversation: str, request: Request, parts: PartsOf) -> dict[str, Any]:
    """Let the bot answer in a conversation again. 404 where nobody else does."""
    for name in _spelt(request, conversation, below="/v1/inbox/holders/"):
        if await parts.inbox.desk.arelease(name):
            return {"conversation": name, "released": True}
    raise _unknown(conversation, "is held by nobody")


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
    for name in _spelt(request, id, below="/v1/inbox/", after=after):
        try:
            return await parts.inbox.desk.ashow(name)
        except UnknownTurn:
            continue
    raise BadRequest(f"turn {id!r} does not exist", param="id", code="turn_not_found", status=404)


def _spelt(request: Request, given: str, *, below: str, after: str = "") -> Sequence[str]:
    """What a client may mean that has put a name into the URL, escaped or not."""
    path = request.scope["raw_path"].decode("latin-1").partition("?")[0]
    as_sent = path.partition(below)[2].removesuffix(after)
    return list(dict.fromkeys((unquote(as_sent), as_sent, given)))


def _address(conversation: str) -> Address | None:
    """The address that a conversation is named after; None: none is named so."""
    parts = [part.replace("%3A", ":").replace("%25", "%") for part in conversation.split(":")]
    return Address(*parts) if len(parts) in (3, 4) and all(parts) else None


def _unknown(conversation: str, why: str) -> BadRequest:
    message = f"conversation {conversation!r} {why}"
    return BadRequest(message, param="conversation", code="conversation_not_found", status=404)


@contextmanager
def _conflict(shown: Shown) -> Iterator[None]:
    try:
        yield
    except UnknownTurn as error:
        raise BadRequest(str(error), param="id", code=f"turn_is_{shown.entry.state}", status=409) from error
