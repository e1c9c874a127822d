"""A strict fake of Telegram's Bot API: real HTTP, Telegram's own refusals, and the people at the other end.

    api = TelegramApi()
    async with serving(api) as url:
        bot = telegram.Bot(api.token, base_url=f"{url}/bot", base_file_url=f"{url}/file/bot")
        api.user_says(5, "hello")

What Telegram would accept in silence and is a mistake all the same, such as an unknown parameter, is refused as well. Methods and
parameters are those of the published specification (Bot API 10.1); the wording of refusals and details of MarkdownV2 are
told from knowledge of Telegram's open server and were not compared with the live one.
"""

from __future__ import annotations

import asyncio
import importlib.util
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from starlette.applications import Starlette
from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from assistant.testing.serving import CUT
from assistant.testing.telegram_faults import SENDING, SHOWING, Fault, Flood
from assistant.testing.telegram_methods import METHODS, Asked, Upload
from assistant.testing.telegram_people import People
from assistant.testing.telegram_refusal import Refusal, bad
from assistant.testing.telegram_table import read
from assistant.testing.telegram_world import Post

__all__ = ["Call", "Post", "TelegramApi"]

UPLOADED = ("document", "photo", "voice", "audio", "video", "thumbnail", "cover", "certificate")
"""Parameters that may be a file of the form itself; the others name one by `attach://`."""

TOKEN = "700000001:fake-token-of-the-stand-in"  # noqa: S105 - opens nothing
"""The token of the fake bot, in the form that Telegram's have."""


@dataclass(slots=True)
class Call:
    """One request as it arrived, and how it was answered; `status` 0: the connection was cut."""

    method: str
    parameters: Mapping[str, Any]
    files: Mapping[str, Upload]
    at: float
    status: int = 0
    description: str = ""
    result: Any = field(default=None, repr=False)


class TelegramApi(People):
    """One bot at a Telegram of its own: an ASGI app, and the test's hands on the other side.

    Args:
        token: what the bot must show; anything else is answered 401.
        flood: keep Telegram's limits (1/s in a chat, 20/min in a group, 30/s in all) and refuse with 429.
        contract: folder with `api.json` and its checker `tg_schema.py`; every call is then also held against it.
        latency: seconds before each call that shows something is carried out.
        retry_seconds, privacy, open_chats: see `World`.

    Attributes:
        calls: every request, in the order of arrival.
    """

    def __init__(self, *, token: str = TOKEN, flood: bool = False, contract: Path | None = None, latency: float = 0.0,
                 retry_seconds: float = 0.1, privacy: bool = True, open_chats: bool = False) -> None:  # fmt: skip
        super().__init__(privacy=privacy, open_chats=open_chats, retry_seconds=retry_seconds)
        self.token, self.latency = token, latency
        self.calls: list[Call] = []
        self.limits = Flood()
        self._flood = flood
        self._faults: list[Fault] = []
        self._contract = _checker(contract) if contract else None
        routes = [
            Route("/bot{token}/{method}", self._call, methods=["GET", "POST"]),
            Route("/file/bot{token}/{path:path}", self._download),
        ]
        self._app = Starlette(routes=routes, lifespan=self._lifespan)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self._app(scope, receive, send)

    def fail(self, method: str | Sequence[str] = SHOWING, *, times: int = 1, chat: int | None = None,
             status: int | None = None, description: str = "", retry_after: int | None = None,
             cut: Literal["before", "after"] | None = None, delay: float = 0.0) -> None:  # fmt: skip
        """Let the next `times` calls of `method` (to `chat`) go wrong.

        Args:
            status: answered so, with Telegram's words or `description`; nothing is carried out.
            retry_after: 429, and every call to that chat before these seconds have passed too.
            cut: end the connection without an answer, before or after the call is carried out.
            delay: seconds before anything happens.
        """
        methods = [method] if isinstance(method, str) else list(method)
        self._faults.append(Fault(methods, times, chat, status, description, retry_after, cut, delay))

    def heal(self) -> None:
        """Forget the failures that are still due."""
        self._faults.clear()
        self.limits.until.clear()

    def sent(self, chat: int) -> list[Post]:
        """What the bot wrote in this chat and is still there, oldest first."""
        return [post for (place, _), post in self.posts.items() if place == chat and post.by_bot and not post.deleted]

    def called(self, method: str) -> list[Call]:
        """The calls of one method, in order."""
        return [call for call in self.calls if call.method == method]

    @asynccontextmanager
    async def _lifespan(self, _: Starlette) -> AsyncIterator[None]:
        self.updates.open()
        self.delivery.start()
        try:
            yield
        finally:
            self.updates.end_poll()
            await self.delivery.stop()

    async def _call(self, request: Request) -> Response:
        call = Call(request.path_params["method"], {}, {}, time.monotonic())
        self.calls.append(call)
        fault: Fault | None = None
        try:
            if request.path_params["token"] != self.token:
                raise Refusal(401, "Unauthorized")
            asked = await self._read(call, request)
            fault = self._fault(call)
            await self._hinder(call, fault, request)
            call.result = await _while_connected(request, METHODS[call.method](asked))
            body: dict[str, Any] = {"ok": True, "result": call.result}
            call.status = 200
        except Refusal as refusal:
            body, call.status, call.description = refusal.to_dict(), refusal.status, str(refusal)
        except _Gone:
            return _Silence()
        if fault and fault.cut == "after":
            return await _cut(call, request)
        return JSONResponse(body, status_code=call.status)

    async def _read(self, call: Call, request: Request) -> Asked:
        given: dict[str, Any] = dict(request.query_params)
        files = {}
        if request.headers.get("content-type", "").startswith("application/json"):
            given |= await request.json()
        else:
            async with request.form() as form:
                for key, value in form.items():
                    if isinstance(value, UploadFile):
                        data = await value.read()
                        files[key] = Upload(value.filename or "", value.content_type or "", data)
                    else:
                        given[key] = value
        call.parameters, call.files = given, files
        named = {key: f"attach://{key}" for key in files if key in UPLOADED}
        call.method, call.parameters = read(call.method, named | given)
        if complaints := self._complaints(call.method, given, tuple(files)):
            raise bad(f"not in the contract: {'; '.join(complaints)}")
        return Asked(self, call.parameters, files)

    def _complaints(self, method: str, given: Mapping[str, Any], files: Sequence[str]) -> list[str]:
        """What the contract says; not of lengths, which count after entities are parsed and are held elsewhere."""
        found = self._contract(method, given, files) if self._contract else []
        return [complaint for complaint in found if ", allowed " not in complaint]

    def _fault(self, call: Call) -> Fault | None:
        chat = call.parameters.get("chat_id")
        fault = next((known for known in self._faults if known.fits(call.method, chat)), None)
        if fault:
            fault.times -= 1
            self._faults = [known for known in self._faults if known.times > 0]
        return fault

    async def _hinder(self, call: Call, fault: Fault | None, request: Request) -> None:
        chat = call.parameters.get("chat_id")
        delay = (fault.delay if fault else 0.0) + (self.latency if call.method in SHOWING else 0.0)
        if delay:
            await asyncio.sleep(delay)
        if fault and fault.cut == "before":
            await _cut(call, request)
            raise _Gone
        if call.method in SHOWING and (held := self.limits.held(chat)):
            raise held
        if fault and (refusal := fault.refusal()):
            if fault.retry_after and isinstance(chat, int):
                self.limits.hold(chat, fault.retry_after)
            raise refusal
        counted = self.chats.get(chat or 0) if self._flood and call.method in SENDING else None
        if counted and (flooded := self.limits.count(counted.id, group=counted.is_group)):
            raise flooded

    async def _download(self, request: Request) -> Response:
        path = request.path_params["path"]
        stored = next((known for known in self.files.values() if known.path == path), None)
        if request.path_params["token"] != self.token or stored is None:
            return JSONResponse(Refusal(404, "Not Found").to_dict(), status_code=404)
        return Response(stored.data, media_type="application/octet-stream")


class _Gone(Exception):
    """The connection was cut."""


class _Silence(Response):
    """No answer at all."""

    async def __call__(self, *_: Any) -> None:
        pass


async def _while_connected(request: Request, work: Awaitable[Any]) -> Any:
    """What `work` gives; it ends with the connection, as a poll of a bot that was killed does."""
    task = asyncio.ensure_future(work)
    gone = asyncio.create_task(_disconnected(request))
    await asyncio.wait({task, gone}, return_when=asyncio.FIRST_COMPLETED)
    gone.cancel()
    if not task.done():
        task.cancel()
        raise _Gone
    return task.result()


async def _disconnected(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def _cut(call: Call, request: Request) -> Response:
    call.status, call.description = 0, "cut"
    request.scope["extensions"][CUT]()
    await _disconnected(request)
    return _Silence()


def _checker(folder: Path) -> Callable[..., list[str]]:
    """`check(method, parameters, files)` of the contract's own checker."""
    spec = importlib.util.spec_from_file_location("telegram_contract", folder / "tg_schema.py")
    if spec is None or spec.loader is None:
        raise ValueError(f"no checker in {str(folder)!r}")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    check: Callable[..., list[str]] = module.check
    return check
