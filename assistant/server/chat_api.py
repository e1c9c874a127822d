"""`/chat`: what the chat page talks to. Messages go into the durable inbox, answers are watched and read from there."""

from __future__ import annotations

import secrets
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from typing import Annotated, Any, TypeVar, get_args

from fastapi import APIRouter, Depends, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError
from sse_starlette import EventSourceResponse

from assistant.bot.meters import Verdict
from assistant.bot.sources import Tap, mark
from assistant.inbox import Shown, UnknownTurn, turn_id
from assistant.server.parts import Parts, PartsOf
from assistant.server.problems import BadRequest
from assistant.server.transcript import look, passage, said
from assistant.server.veil import Veiled
from assistant.server.viewer import Event, Viewer
from assistant.server.visitors import Visitor, VisitorOf, admitted, client_of, new_session, web_of
from assistant.server.web import WebChat, message
from assistant.types import Kind

router = APIRouter(prefix="/chat", tags=["Web chat"], dependencies=[Depends(admitted)], route_class=Veiled)

ID = r"^[A-Za-z0-9_-]{16,64}$"
HISTORY = 50
"""Messages that the history is asked for at once."""
RESET = "/reset"
MOST_WAITING = 10_000
"""Messages of all sessions that may wait; those of one session are among the latest."""
OVERHEAD = 1024
LONGEST_CHARACTER = 12
"""Bytes a character may take in JSON: two escapes of six."""

VERDICTS: tuple[Verdict, ...] = get_args(Verdict)

MessageId = Annotated[str, Query(pattern=ID, description="as it was sent")]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class NewMessage(_Body):
    """What a visitor wrote; `id` is made by the client, and the same id again is the same message."""

    id: str = Field(pattern=ID)
    text: str = Field(min_length=1)


class Opinion(_Body):
    """What a visitor thinks of the answer to `message`."""

    message: str = Field(pattern=ID)
    helpful: bool


B = TypeVar("B", bound=_Body)


@router.post("/session", status_code=201)
async def session(request: Request, parts: PartsOf) -> dict[str, str]:
    """A new session: whoever has it may read and write in it, nobody can guess it."""
    web_of(parts).clients.take(client_of(request))
    return {"session": new_session()}


@router.post("/messages", status_code=202)
async def send(request: Request, parts: PartsOf, visitor: VisitorOf) -> dict[str, str]:
    """Take a message; 202 when it is recorded, from then on it is not lost. An id that was taken before changes nothing."""
    body = await _read(request, NewMessage, parts)
    text, limit = body.text.replace("\0", "").strip(), parts.settings.safety.max_question_chars
    if not text:
        raise BadRequest("the message is empty", param="text", code="empty_message")
    if len(text) > limit:
        raise BadRequest(f"the message has {len(text)} characters, {limit} are allowed", param="text", code="too_long")
    _count(parts, visitor)
    kind: Kind = "command" if text.startswith("/") else "text"
    await parts.inbox.accept([message(visitor.session, body.id, text, kind=kind)])
    return {"id": body.id}


@router.get("/events")
async def events(request: Request, parts: PartsOf, visitor: VisitorOf, id: MessageId) -> Response:
    """The answer to a message as server-sent events, from where `Last-Event-ID` says."""
    web, last = web_of(parts), request.headers.get("last-event-id", "")
    web.watched.check(visitor.client)
    web.watched_in.check(visitor.session)
    viewer = Viewer(web, parts.inbox.desk, message(visitor.session, id, ""), last=last)
    return EventSourceResponse(_counted(web, visitor, viewer.events()), sep="\n")


@router.post("/stop")
async def stop(
    parts: PartsOf,
    visitor: VisitorOf,
    id: Annotated[
        str | None, Query(pattern=ID, description="of a message; without it: of whichever is answered")
    ] = None,
) -> dict[str, bool]:
    """Stop the answer that is being written; of a message that still waits: it is not answered any more."""
    if id is not None:
        shown = await _record(parts, visitor, id)
        if shown is None or shown.entry.state not in ("queued", "running"):
            return {"stopped": False}
        if shown.entry.state == "queued" and await _dropped(parts, shown):
            web_of(parts).hub.wake(visitor.address)
            return {"stopped": True}
    return {"stopped": await parts.inbox.stop_turn(visitor.address)}


@router.get("/history")
async def history(
    parts: PartsOf,
    visitor: VisitorOf,
    id: Annotated[
        list[Annotated[str, StringConstraints(pattern=ID)]], Query(max_length=HISTORY, description="in order")
    ],
) -> dict[str, Any]:
    """What was said in the messages named, and what was answered; those that are not known any more are left out.

    Several messages that were answered together are one, by the first of their ids.
    """
    found: dict[str, dict[str, Any]] = {}
    for each in id:
        if (shown := await _record(parts, visitor, each)) and shown.entry.id not in found:
            found[shown.entry.id] = said(each, shown, opinion=await _opinion(parts, visitor, each))
    return {"messages": list(found.values())}


@router.get("/passage")
async def cited(
    parts: PartsOf, visitor: VisitorOf, id: MessageId, number: Annotated[int, Query(ge=1)]
) -> dict[str, Any]:
    """The passage behind a citation, only of an answer that cites it."""
    shown = await _record(parts, visitor, id)
    found = await passage(parts.startup.opened().knowledge, shown, number) if shown else None
    if found is None:
        raise BadRequest(f"no answer here cites [{number}]", param="number", code="not_cited", status=404)
    return found


@router.post("/feedback", status_code=202)
async def feedback(request: Request, parts: PartsOf, visitor: VisitorOf) -> dict[str, str]:
    """Take an opinion on an answer."""
    body = await _read(request, Opinion, parts)
    _count(parts, visitor)
    about = message(visitor.session, body.message, "")
    tap = Tap("up" if body.helpful else "down", mark(turn_id(about)))
    id = f"{body.message}.{tap.choice}"
    await parts.inbox.accept([message(visitor.session, id, tap.data, kind="button", reply_to=body.message)])
    return {"message": body.message}


@router.delete("")
async def forget(parts: PartsOf, visitor: VisitorOf) -> dict[str, bool]:
    """Stop what is being written, drop what waits, and forget what was said; the client then takes a new session."""
    _count(parts, visitor)
    await _drop_waiting(parts, visitor)
    await parts.inbox.stop_turn(visitor.address)
    web_of(parts).hub.wake(visitor.address)
    await parts.inbox.accept([message(visitor.session, f"reset.{secrets.token_hex(8)}", RESET, kind="command")])
    return {"forgotten": True}


async def _record(parts: Parts, visitor: Visitor, id: str) -> Shown | None:
    return await look(parts.inbox.desk, message(visitor.session, id, ""))


async def _opinion(parts: Parts, visitor: Visitor, id: str) -> Verdict | None:
    """What the visitor last said of the answer to a message."""
    given: dict[Verdict, Shown | None] = {each: await _record(parts, visitor, f"{id}.{each}") for each in VERDICTS}
    known = {each: shown.entry.received_at for each, shown in given.items() if shown}
    return max(known, key=lambda each: known[each], default=None)


async def _drop_waiting(parts: Parts, visitor: Visitor) -> None:
    """Give up what waits in the session, the latest first: none of it begins while the others are given up."""
    mine = str(visitor.address)
    for entry in await parts.inbox.desk.alist(state="queued", limit=MOST_WAITING):
        if entry.conversation == mine and entry.text != RESET:
            with suppress(UnknownTurn):  # its answer began meanwhile, and is stopped next
                await parts.inbox.desk.adrop(entry.id)


async def _dropped(parts: Parts, shown: Shown) -> bool:
    """Give a message up; False: its answer began meanwhile."""
    try:
        await parts.inbox.desk.adrop(shown.entry.id)
    except UnknownTurn:
        return False
    return True


async def _counted(web: WebChat, visitor: Visitor, events: AsyncGenerator[Event, None]) -> AsyncGenerator[Event, None]:
    with web.watched.inside(visitor.client), web.watched_in.inside(visitor.session):
        async with aclosing(events) as watched:
            async for event in watched:
                yield event


def _count(parts: Parts, visitor: Visitor) -> None:
    """By address first: sessions cost nothing.

    Raises:
        RateLimited: too many.
    """
    web = web_of(parts)
    web.clients.take(visitor.client)
    web.sessions.take(visitor.session)


async def _read(request: Request, model: type[B], parts: Parts) -> B:
    """The body, of a size that its text can have.

    Raises:
        BadRequest: status 413, it is larger.
    """
    most = OVERHEAD + LONGEST_CHARACTER * parts.settings.safety.max_question_chars
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > most:
            raise BadRequest("the message is too long", code="too_long", status=413)
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        raise RequestValidationError(error.errors(include_url=False, include_context=False)) from None
