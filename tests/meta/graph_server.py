"""A strict fake of Meta's Graph API: real HTTP, Meta's own refusals, and the people at the other end.

    graph = GraphServer()
    async with serving(graph) as url:
        graph.url = url                             # graph.facebook.com; `url + "/instagram"` is graph.instagram.com
        ann = graph.person("whatsapp", "15550002222")
        graph.says(ann, "hello")

Written from Meta's pages and its published schema, not from the connectors. Where Meta is lenient and a mistake is made all the
same, such as an unknown field, it is refused. Nothing of it was compared with the live API: wording and statuses may differ.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import graph_comments
import graph_pages
import graph_whatsapp
import httpx2
from accounts import APP_SECRET, INSTAGRAM_ID, PAGE_ID, PHONE_NUMBER_ID, WABA_ID
from graph_access import INSTAGRAM_SCOPED_ID, Grant, Host, check_version, granted, known
from graph_faults import Faults
from graph_nodes import Subscriptions, debug_token, node, templates
from graph_people import People
from graph_refusal import Refusal, invalid, unknown
from graph_whatsapp import Body, Deed
from graph_world import Media
from starlette.applications import Starlette
from starlette.datastructures import UploadFile
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from whatsapp_contract import prepare

from assistant.testing.serving import CUT

ACCOUNTS = (WABA_ID, PAGE_ID, INSTAGRAM_ID, INSTAGRAM_SCOPED_ID)
"""Ids with an edge `subscribed_apps`."""


Files = Mapping[str, Media]
"""Fields of a form that are files."""


@dataclass(slots=True)
class Call:
    """One request as it arrived, and how it was answered; `status` 0: the connection was cut."""

    method: str
    path: str
    body: Mapping[str, Any]
    authorization: str | None
    status: int = 0
    answer: Mapping[str, Any] = field(default_factory=dict, repr=False)


class GraphServer(People):
    """One application with an account on each surface: an ASGI app, and the test's hands on the other side.

    Args:
        app_secret: what webhooks are signed with and what `appsecret_proof` proves.
        retry_seconds: the pause before a webhook is posted again; it doubles up to a second.

    Attributes:
        url: where it is served, without a slash at the end; files are told to be there.
        calls: every request, in the order of arrival.
        faults: how sends go wrong, and the rates that are kept.
        window_errors: "refuse" a WhatsApp message outside the window, or take it and "report" it failed, as Meta mostly does.
        latency: seconds before a message is shown.
    """

    def __init__(self, *, app_secret: str = APP_SECRET, retry_seconds: float = 0.05) -> None:
        super().__init__(app_secret=app_secret, retry_seconds=retry_seconds)
        self.url = ""
        self.calls: list[Call] = []
        self.faults = Faults()
        self.window_errors, self.latency = "refuse", 0.0
        self.subscriptions = Subscriptions()
        self._secret = app_secret
        every = ["GET", "POST", "DELETE"]
        routes = [
            Route("/whatsapp_business/attachments/", self._attachment),
            Route("/cdn/{id}/{name}", self._file),
            Route("/instagram/{version}/{path:path}", self._instagram, methods=every),
            Route("/{version}/{path:path}", self._facebook, methods=every),
        ]
        self._app = Starlette(routes=routes, lifespan=self._lifespan)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self._app(scope, receive, send)

    @asynccontextmanager
    async def _lifespan(self, _: Starlette) -> AsyncIterator[None]:
        limits = httpx2.Limits(max_connections=100)
        make = lambda: httpx2.AsyncClient(timeout=30, trust_env=False, limits=limits)  # noqa: E731
        await asyncio.to_thread(prepare)
        async with await asyncio.to_thread(make) as client:  # it reads certificates
            self.webhooks.start(client)
            try:
                yield
            finally:
                await self.webhooks.stop()

    async def _facebook(self, request: Request) -> Response:
        return await self._answer(request, "facebook")

    async def _instagram(self, request: Request) -> Response:
        return await self._answer(request, "instagram")

    async def _answer(self, request: Request, host: Host) -> Response:
        call = Call(request.method, request.url.path, {}, request.headers.get("authorization"))
        self.calls.append(call)
        try:
            body, files = await _read(request)
            call.body = body
            done = await self._do(request, host, body, files)
        except Refusal as refusal:
            call.status, call.answer = refusal.status, refusal.to_dict()
            return JSONResponse(call.answer, refusal.status, refusal.headers)
        except ClientDisconnect:  # the application was killed while it sent
            return _Silence()
        if done is None:
            return await _cut(request)
        call.status, call.answer = 200, done
        return JSONResponse(done)

    async def _do(self, request: Request, host: Host, asked: Body, files: Files) -> Body | None:
        """The answer to a call; None: the connection is to be cut."""
        check_version(request.path_params["version"])
        bearer = request.headers.get("authorization", "").removeprefix("Bearer ")
        token, proof = asked.pop("access_token", None), asked.pop("appsecret_proof", None)
        grant = granted(host, bearer or token, proof, secret=self._secret)
        id, _, edge = request.path_params["path"].strip("/").partition("/")
        id = grant.me if id == "me" else id
        deed = self._route(request.method, host, grant, id, edge, asked, files, bearer or token)
        return await self._carry_out(deed) if isinstance(deed, Deed) else deed

    async def _carry_out(self, deed: Deed) -> Body | None:
        fault = self.faults.next(deed.surface)
        if fault and (refusal := self.faults.refusal(fault, deed.surface)):
            raise refusal
        if fault and fault.failure == "lost":
            return None
        if deed.person and (refusal := self.faults.count(deed.person, deed.surface)):
            raise refusal
        if self.latency:
            await asyncio.sleep(self.latency)
        done = deed.do()
        return None if fault else done

    def _route(self, method: str, host: Host, grant: Grant, id: str, edge: str, asked: Body, files: Files,
               token: str | None) -> Deed | Body:  # fmt: skip
        if id == "debug_token":
            return debug_token(asked.get("input_token", token))
        own = id == grant.me or id in grant.reaches
        if own:
            return self._account(method, host, id, edge, asked, files)
        if id in self.comments and PHONE_NUMBER_ID not in grant.reaches:
            return self._comment(method, id, edge, asked)
        if id in self.media and not edge and PHONE_NUMBER_ID in grant.reaches:
            if method == "DELETE":
                del self.media[id]
                return {"success": True}
            return graph_whatsapp.media(self, id, self.url)
        raise unknown(id, method.lower())

    def _account(self, method: str, host: Host, id: str, edge: str, asked: Body, files: Files) -> Deed | Body:
        if edge == "subscribed_apps" and id in ACCOUNTS:
            return self._subscription(method, id, asked)
        match method, edge:
            case "GET", "":
                return node(id, asked)
            case "GET", "message_templates" if id == WABA_ID:
                return templates(self)
            case "GET", "phone_numbers" if id == WABA_ID:
                return {"data": [node(PHONE_NUMBER_ID, asked)]}
            case "GET", "conversations" if id == PAGE_ID:
                return graph_pages.conversations(self, asked)
            case "POST", "messages" | "media" | "message_attachments":
                return self._sending(host, id, edge, asked, files)
        raise unknown(f"{id}/{edge}", method.lower())

    def _sending(self, host: Host, id: str, edge: str, asked: Body, files: Files) -> Deed | Body:
        match edge:
            case "messages" if id == PHONE_NUMBER_ID:
                return graph_whatsapp.messages(self, asked, window_errors=self.window_errors)
            case "media" if id == PHONE_NUMBER_ID:
                return graph_whatsapp.upload(self, asked, files.get("file"))
            case "messages" if id != WABA_ID:
                return graph_pages.messages(self, host, id, asked)
            case "message_attachments" if id == PAGE_ID:
                return graph_pages.upload(self, asked, files.get("filedata"))
        raise unknown(f"{id}/{edge}", "post")

    def _subscription(self, method: str, id: str, asked: Body) -> Body:
        match method:
            case "GET":
                return self.subscriptions.read(id)
            case "POST":
                return self.subscriptions.subscribe(id, asked)
        return self.subscriptions.end(id)

    def _comment(self, method: str, id: str, edge: str, asked: Body) -> Deed | Body:
        match method, edge:
            case "POST", "comments" | "replies":
                return graph_comments.answer(self, id, edge, asked)
            case "POST", "":
                return graph_comments.change(self, id, asked)
            case "DELETE", "":
                return graph_comments.delete(self, id)
            case "GET", "":
                return graph_comments.read(self, id, asked)
            case "GET", "comments" | "replies":
                return graph_comments.below(self, id, edge, asked)
        raise unknown(f"{id}/{edge}", method.lower())

    async def _attachment(self, request: Request) -> Response:
        """A file of WhatsApp: with the token only."""
        kept = self.media.get(request.query_params.get("mid", ""))
        call = Call("GET", request.url.path, {}, request.headers.get("authorization"))
        self.calls.append(call)
        try:
            known("facebook", (call.authorization or "").removeprefix("Bearer "))
        except Refusal as refusal:
            call.status = 401
            return JSONResponse(refusal.to_dict(), 401)
        call.status = 200 if kept else 404
        return Response(kept.data, media_type=kept.mime_type) if kept else Response(status_code=404)

    async def _file(self, request: Request) -> Response:
        """A file of the Page and of Instagram: the URL is the secret."""
        kept = self.media.get(request.path_params["id"])
        there = kept is not None and kept.name == request.path_params["name"]
        self.calls.append(
            Call("GET", request.url.path, {}, request.headers.get("authorization"), 200 if there else 404)
        )
        return Response(kept.data, media_type=kept.mime_type) if kept and there else Response(status_code=404)


async def _read(request: Request) -> tuple[Body, Files]:
    """What is asked, from the query and the body, and the files that came with it. Raises Refusal."""
    asked: Body = dict(request.query_params)
    kind = request.headers.get("content-type", "").partition(";")[0]
    if kind == "application/json":
        try:
            body = json.loads(await request.body() or b"{}")
        except ValueError:
            raise invalid("Failed to decode the body as JSON") from None
        if not isinstance(body, dict):
            raise invalid("The body must be an object")
        return asked | body, {}
    if kind not in ("multipart/form-data", "application/x-www-form-urlencoded"):
        return asked, {}
    files: dict[str, Media] = {}
    async with request.form() as form:
        for key, value in form.items():
            if isinstance(value, UploadFile):
                files[key] = Media("", await value.read(), value.filename or "", value.content_type or "")
            else:
                asked[key] = _plain(value)
    return asked, files


def _plain(value: str) -> Any:
    """A field of a form: objects are sent as JSON."""
    return json.loads(value) if value.startswith("{") else value


async def _cut(request: Request) -> Response:
    """End the connection without an answer."""
    request.scope["extensions"][CUT]()
    while (await request.receive())["type"] != "http.disconnect":
        pass
    return _Silence()


class _Silence(Response):
    """No answer at all."""

    async def __call__(self, *_: Any) -> None:
        pass
