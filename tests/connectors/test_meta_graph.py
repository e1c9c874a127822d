"""Calls of the Graph API over HTTP: what is sent, and what each way to fail says of what was done."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any

import pytest
from blockbuster import blockbuster_ctx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from assistant.errors import RateLimited, Rejected, TransientError
from assistant.testing.serving import CUT, serving
from connectors._meta import Graph, Lost, proof
from connectors._meta_errors import PermissionMissing, TokenRefused, WindowClosed, code_of

TOKEN = "EAAGm0PX4ZCpsBAsecretsecretsecret"
SECRET = "0123456789abcdef0123456789abcdef"
Answer = Callable[[Request], Response]


def error(code: int, subcode: int | None = None, *, status: int = 400, message: str = "no", **headers: str) -> Answer:
    body = {"message": message, "type": "OAuthException", "code": code, "error_subcode": subcode, "fbtrace_id": "Tr4ce"}
    return lambda _: JSONResponse({"error": body}, status_code=status, headers=headers)


@dataclass
class Server:
    """A Graph API that believes nobody who does not prove the app's secret, and answers as it is told."""

    seen: list[tuple[str, str, dict[str, str], bytes]] = field(default_factory=list)
    answer: Answer = field(default=lambda _: JSONResponse({"id": "1"}))

    async def respond(self, request: Request) -> Response:
        query = dict(request.query_params)
        body = await request.body()
        if request.headers.get("authorization") != f"Bearer {TOKEN}" or "access_token" in query:
            return error(190, message=f"Malformed access token {TOKEN}")(request)
        if query.pop("appsecret_proof", None) != proof(TOKEN, SECRET):
            return error(100, message="Invalid appsecret_proof provided in the API argument")(request)
        self.seen.append((request.method, request.url.path, query, body))
        return self.answer(request)


def cut(request: Request) -> Response:
    request.scope["extensions"][CUT]()
    return Response()


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
async def url(server: Server) -> AsyncIterator[str]:
    async with serving(
        Starlette(routes=[Route("/{path:path}", server.respond, methods=["GET", "POST", "DELETE"])])
    ) as where:
        yield where


Made = Callable[..., Graph]


@pytest.fixture
async def graph(url: str) -> AsyncIterator[Made]:
    async with AsyncExitStack() as stack:

        def made(**options: Any) -> Graph:
            given = {
                "name": "page",
                "token": TOKEN,
                "app_secret": SECRET,
                "base_url": url,
                "version": "v26.0",
                **options,
            }
            new = Graph(**given)
            stack.push_async_callback(new.aclose)
            return new

        yield made


async def test_every_call_has_the_token_in_a_header_the_proof_and_the_version(graph: Made, server: Server) -> None:
    with blockbuster_ctx():
        calls = graph()
        await calls.get("12", fields=["id", "name"], limit=3, nothing=None, yes=True)
        assert {"id": "1"} == await calls.post("/12/messages", {"a": "é"})
        await calls.delete("12_3")
        await calls.upload(
            "12/media", data=b"\x00\xff", name="a.png", mime_type="image/png", fields={"type": "image/png"}
        )
    assert [
        ("GET", "/v26.0/12", {"fields": "id,name", "limit": "3", "yes": "true"}, b""),
        ("POST", "/v26.0/12/messages", {}, '{"a":"é"}'.encode()),
        ("DELETE", "/v26.0/12_3", {}, b""),
    ] == server.seen[:3]
    method, path, query, form = server.seen[3]
    assert ("POST", "/v26.0/12/media", {}) == (method, path, query)
    assert b'name="file"; filename="a.png"' in form
    assert b"\x00\xff" in form


async def test_without_a_version_the_newest_is_called(graph: Made, server: Server) -> None:
    await graph(version=None).get("me")
    assert "/v26.0/me" == server.seen[0][1]


async def test_a_path_cannot_leave_its_place(graph: Made, server: Server) -> None:
    await graph().get("12?access_token=x#y")
    assert [("GET", "/v26.0/12%3Faccess_token=x%23y", {}, b"")] == server.seen
    for path in ("../v1.0/me", "12/../me", ".", "12/./me", ".."):
        with pytest.raises(Rejected, match="none of Meta's"):
            await graph().get(path)
    await graph().get("12/%2e%2e/me")  # sent as %252e
    assert ["/v26.0/12/%2e%2e/me"] == [path for _, path, _, _ in server.seen[1:]]


async def test_a_proof_that_is_wrong_is_told_from_a_token_that_is_wrong(graph: Made) -> None:
    with pytest.raises(TokenRefused, match=r"^connectors\.page\.app_secret is not"):
        await graph(app_secret="0" * 32).get("me")
    with pytest.raises(TokenRefused, match=r"^connectors\.page\.access_token: "):
        await graph(token="EAAGother").get("me")


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (error(190, 463), TokenRefused),
        (error(10), PermissionMissing),
        (error(200), PermissionMissing),
        (error(299), PermissionMissing),
        (error(10, 2018278), WindowClosed),
        (error(10, 2534022), WindowClosed),
        (error(200, 1545041), WindowClosed),
        (error(131047), WindowClosed),
        (error(551, 1545041), Rejected),
        (error(131030), Rejected),
        (error(10, 1893063), Rejected),
        (error(100), Rejected),
        (error(99_999), Rejected),
        (error(131056), RateLimited),
        (error(99_999, status=429), RateLimited),
        (error(2, status=500), TransientError),
        (error(1), TransientError),
        (error(99_999, status=503), TransientError),
        (lambda _: Response(b"oops", 503), TransientError),
        (lambda _: Response(b"{}", 404), Rejected),
        (lambda _: JSONResponse({"error": {"code": 4}}, 200), RateLimited),
    ],
)
async def test_an_error_is_what_its_code_says(
    graph: Made, server: Server, answer: Answer, kind: type[Exception]
) -> None:
    server.answer = answer
    with pytest.raises(kind) as found:
        await graph().post("12/messages", {})
    assert kind is type(found.value)


async def test_an_error_has_code_subcode_trace_and_remedy(graph: Made, server: Server) -> None:
    server.answer = error(10, 2018278, message="This message is sent outside of allowed window.")
    with pytest.raises(WindowClosed) as found:
        await graph().post("12/messages", {})
    assert (10, 2018278) == code_of(found.value)
    assert (
        "page: the 24 hours after the person's last message are over (code 10/2018278: This message is sent outside of "
        "allowed window., fbtrace_id Tr4ce): wait until the person writes again"
    ) == str(found.value)


@pytest.mark.parametrize(
    "answer",
    [
        cut,
        lambda _: Response(b"<html>", 200),
        lambda _: Response(b"", 504),
        lambda _: Response(b"Internal Server Error", 500),
    ],
)
async def test_what_may_have_been_done_is_lost(graph: Made, server: Server, answer: Answer) -> None:
    server.answer = answer
    calls = graph()
    with pytest.raises(Lost):
        await calls.post("12/messages", {})
    for harmless in (calls.post("12/messages", {}, may_double=True), calls.get("12"), calls.delete("12")):
        with pytest.raises(TransientError):
            await harmless


async def test_an_error_of_a_message_that_was_sent_is_lost(graph: Made, server: Server) -> None:
    server.answer = error(1, 1357046, status=500)
    with pytest.raises(Lost):
        await graph().post("12/messages", {})


async def test_an_answer_that_does_not_come_in_time_is_lost(graph: Made) -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    listener = await asyncio.start_server(silent, "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]
    with pytest.raises(Lost, match="ReadTimeout"):
        await graph(base_url=f"http://127.0.0.1:{port}", timeout=0.2).post("12/messages", {})
    listener.close()


async def test_without_a_connection_nothing_was_done(graph: Made) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and does not listen
        with pytest.raises(TransientError, match="cannot be reached"):
            await graph(base_url=f"http://127.0.0.1:{taken.getsockname()[1]}").post("12/messages", {})


async def test_a_redirect_is_not_followed(graph: Made, server: Server) -> None:
    server.answer = lambda _: Response(status_code=307, headers={"location": "/elsewhere"})
    with pytest.raises(Rejected, match="307"):
        await graph().post("12/messages", {})
    assert 1 == len(server.seen)


async def test_no_secret_is_in_an_error_a_log_or_a_repr(
    graph: Made, server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    calls = graph()
    server.answer = error(190, message=f"Malformed access token {TOKEN}, and EAAB{'x' * 30} too")
    with pytest.raises(TokenRefused) as found:
        await calls.get("me")
    shown = " ".join([str(found.value), repr(found.value.__cause__), repr(calls), caplog.text])
    assert "HTTP Request" in caplog.text
    assert [] == [secret for secret in (TOKEN, SECRET, proof(TOKEN, SECRET), "EAABx") if secret in shown]


async def test_a_file_is_downloaded_up_to_its_limit(graph: Made, server: Server, url: str) -> None:
    calls = graph()
    server.answer = lambda request: Response(b"x" * 100)
    with pytest.raises(Rejected, match="larger than 99 bytes"):
        await calls.download(f"{url}/file?{await query(calls)}", max_bytes=99, private=True)
    assert b"x" * 100 == await calls.download(f"{url}/file?{await query(calls)}", max_bytes=100, private=True)


async def query(calls: Graph) -> str:
    """The proof, which this server wants of downloads too."""
    return f"appsecret_proof={proof(TOKEN, SECRET)}"


@pytest.mark.parametrize(
    "address",
    ["https://example.com/a", "http://lookaside.fbsbx.com/a", "https://fbsbx.com.example.com/a", "http://127.0.0.1:1/a",
     "file:///etc/passwd", "http://169.254.169.254/", "not an address", "https://xfbcdn.net/a"],
)  # fmt: skip
async def test_a_file_elsewhere_is_not_fetched(graph: Made, address: str) -> None:
    with pytest.raises(Rejected, match="no host of Meta's"):
        await graph().download(address, max_bytes=10)


async def test_a_redirect_of_a_file_is_followed_without_the_token(graph: Made, url: str) -> None:
    seen: list[tuple[str, str | None]] = []

    async def app(request: Request) -> Response:
        seen.append((request.url.path, request.headers.get("authorization")))
        if request.url.path == "/two":
            return Response(b"file")
        places = {"/one": "/two", "/nowhere": "http://x:port/"}
        return Response(status_code=302, headers={"location": places.get(request.url.path, "http://x.y/")})

    async with serving(Starlette(routes=[Route("/{path:path}", app)])) as where:
        calls = graph(base_url=where)
        assert b"file" == await calls.download(f"{where}/one", max_bytes=10, private=True)
        with pytest.raises(Rejected, match=r"'x\.y'"):
            await calls.download(f"{where}/away", max_bytes=10, private=True)
        with pytest.raises(Rejected, match="address of a file is none"):
            await calls.download(f"{where}/nowhere", max_bytes=10, private=True)
    assert [
        ("/one", f"Bearer {TOKEN}"),
        ("/two", None),
        ("/away", f"Bearer {TOKEN}"),
        ("/nowhere", f"Bearer {TOKEN}"),
    ] == seen


async def test_an_address_that_somebody_wrote_is_asked_without_the_token(graph: Made, server: Server, url: str) -> None:
    with pytest.raises(Rejected, match="no longer has the file"):
        await graph().download(f"{url}/v26.0/me/accounts?{await query(graph())}", max_bytes=1000)
    assert [] == server.seen  # it takes nothing without a token


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (lambda _: Response(status_code=404), Rejected),
        (lambda _: Response(status_code=403), Rejected),
        (lambda _: Response(status_code=500), TransientError),
        (lambda _: Response(status_code=429, headers={"retry-after": "7"}), RateLimited),
        (cut, TransientError),
    ],
)
async def test_a_file_that_is_not_there_is_told_from_one_that_does_not_come_now(
    graph: Made, server: Server, url: str, answer: Answer, kind: type[Exception]
) -> None:
    server.answer = answer
    calls = graph()
    with pytest.raises(kind) as found:
        await calls.download(f"{url}/file?{await query(calls)}", max_bytes=10, private=True)
    assert kind is type(found.value)


async def test_two_hundred_calls_at_once_share_connections(graph: Made, server: Server) -> None:
    calls = graph()
    await asyncio.gather(*(calls.post("12/messages", {"n": number}) for number in range(200)))
    assert 200 == len({body for _, _, _, body in server.seen})
