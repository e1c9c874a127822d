"""Pages come over real HTTP from servers on loopback."""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import cast

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from assistant.errors import Unreadable
from assistant.knowledge.fetch import Page, fetch, is_public
from assistant.knowledge.load import Reader, Source

PAGE = b"<html><head><title>Hours</title></head><body><h1>Opening hours</h1><p>Nine to five.</p></body></html>"


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        name = self.path.split("?")[0].strip("/").replace("/", "_") or "page"
        getattr(self, f"serve_{name}")()

    def answer(self, body: bytes = PAGE, status: int = 200, kind: str = "text/html", **headers: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        if "Content_Length" not in headers:
            self.send_header("Content-Length", str(len(body)))
        for header, value in headers.items():
            self.send_header(header.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def serve_page(self) -> None:
        self.answer(ETag='"v1"', Last_Modified="Mon, 02 Mar 2026 09:00:00 GMT")

    def serve_host(self) -> None:
        self.answer(self.headers["Host"].encode(), kind="text/plain; charset=utf-8")

    def serve_missing(self) -> None:
        self.answer(b"no", 404)

    def serve_image(self) -> None:
        self.answer(b"x", kind="image/png")

    def serve_latin(self) -> None:
        self.answer("Größe".encode("latin-1"), kind="text/plain; charset=ISO-8859-1")

    def serve_hop(self) -> None:
        self.answer(b"", 302, Location="/page#part")

    def serve_round(self) -> None:
        self.answer(b"", 302, Location="/round")

    def serve_elsewhere(self) -> None:
        self.answer(b"", 307, Location=f"http://127.0.0.2:{cast(ThreadingHTTPServer, self.server).server_port}/page")

    def serve_file(self) -> None:
        self.answer(b"", 302, Location="file:///etc/passwd")

    def serve_large(self) -> None:
        self.answer(b"x" * 2_000_000)

    def serve_endless(self) -> None:
        self.answer(b"", Content_Length="9", Connection="close", Transfer_Encoding="chunked")
        try:
            while True:
                self.wfile.write(b"10000\r\n" + b"x" * 65536 + b"\r\n")
        except OSError:
            pass

    def serve_drip(self) -> None:
        self.answer(b"", Content_Length="1000")
        try:
            for _ in range(100):
                self.wfile.write(b"x")
                time.sleep(0.1)
        except OSError:
            pass

    def serve_silent(self) -> None:
        time.sleep(3)

    def serve_brotli(self) -> None:
        self.answer(b"x", Content_Encoding="br")

    def serve_cut(self) -> None:
        self.answer(b"short", Content_Length="1000")

    def log_message(self, format: str, *arguments: object) -> None:
        pass


@contextmanager
def serving(host: str = "127.0.0.1", context: ssl.SSLContext | None = None) -> Iterator[int]:
    server = ThreadingHTTPServer((host, 0), Handler)
    server.daemon_threads = True
    if context:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with serving("0.0.0.0") as number:
        yield number


def only(*addresses: str) -> Callable[[str], bool]:
    return lambda address: address in addresses


def get(url: str, *, max_bytes: int = 1_000_000, max_seconds: float = 20) -> Page:
    return fetch(url, max_bytes=max_bytes, max_seconds=max_seconds, permitted=only("127.0.0.1"))


def refusal(url: str, *, max_seconds: float = 20) -> str:
    with pytest.raises(Unreadable) as refused:
        get(url, max_seconds=max_seconds)
    return str(refused.value)


def test_a_page_comes_with_what_tells_whether_it_changed(port: int) -> None:
    page = get(f"http://127.0.0.1:{port}/")
    assert (page.data, page.media_type) == (PAGE, "text/html")
    assert page.metadata() == {"etag": '"v1"', "last_modified": "Mon, 02 Mar 2026 09:00:00 GMT"}


def test_the_declared_character_set_is_passed_on(port: int) -> None:
    assert get(f"http://127.0.0.1:{port}/latin").charset == "ISO-8859-1"


def test_the_server_sees_the_host_of_the_address_although_its_number_is_connected_to(port: int) -> None:
    assert get(f"http://localhost:{port}/host").data == f"localhost:{port}".encode()


def test_a_redirect_is_followed_and_the_final_address_told(port: int) -> None:
    assert get(f"http://127.0.0.1:{port}/hop").url == f"http://127.0.0.1:{port}/page"


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("missing", "cannot be fetched: the server answers 404 Not Found"),
        ("image", "is not a document (image/png)"),
        ("round", "redirects more than 5 times"),
        ("file", "redirects to 'file', which is not loaded: only http and https"),
        ("large", "is larger than 0.953674 MiB (knowledge.max_file_mib)"),
        ("endless", "is larger than 0.953674 MiB (knowledge.max_file_mib)"),
        ("brotli", "comes compressed as 'br' although not asked for"),
        ("cut", "cannot be fetched: peer closed connection"),
        ("elsewhere", "leads to 127.0.0.2, a private or reserved address of '127.0.0.2'"),
    ],
)
def test_an_answer_that_is_no_document_is_refused_with_its_reason(port: int, path: str, expected: str) -> None:
    assert expected in refusal(f"http://127.0.0.1:{port}/{path}")


@pytest.mark.parametrize("path", ["drip", "silent"])
def test_a_slow_server_is_given_up_after_the_whole_time(port: int, path: str) -> None:
    assert refusal(f"http://127.0.0.1:{port}/{path}", max_seconds=0.5) == (
        "took longer than 0.5 s to fetch (knowledge.max_seconds)"
    )


def test_a_server_that_is_not_there_is_told() -> None:
    with serving() as number:
        pass
    assert refusal(f"http://127.0.0.1:{number}/") == "cannot be fetched: the connection is refused"
    assert refusal("http://nowhere.invalid/") == "cannot be fetched: the host 'nowhere.invalid' is not known"


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "2130706433", "0x7f.1", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0"]
)
def test_loopback_is_refused_however_it_is_written(port: int, host: str) -> None:
    with pytest.raises(Unreadable, match=r"private or reserved address|is not known|not a valid"):
        fetch(f"http://{host}:{port}/", max_bytes=1000, max_seconds=5)


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1"),
        *("255.255.255.255", "::1", "::", "fe80::1", "fd00:ec2::254", "ff02::1", "::ffff:10.0.0.1", "64:ff9b::7f00:1"),
        *("2002:7f00:1::", "2001:0:7f00:1::", "::127.0.0.1", "::ffff:0:127.0.0.1", "64:ff9b:1::7f00:1", "fec0::1"),
        *("2001:4860::5efe:7f00:1", "2001:4860::200:5efe:a00:1", "5f00::1", "192.0.0.192", "168.63.129.16"),
    ],
)  # fmt: skip
def test_an_address_that_is_not_of_the_open_internet_is_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700::1111", "64:ff9b::808:808", "::ffff:8.8.8.8"])
def test_an_address_of_the_open_internet_is_public(address: str) -> None:
    assert is_public(address)


def test_private_addresses_can_be_permitted(port: int) -> None:
    assert fetch(f"http://localhost:{port}/", max_bytes=1000, max_seconds=5, allow_private=True).data == PAGE


def certificate(folder: Path, host: str) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now, now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    path = folder / f"{host}.pem"
    path.write_bytes(signed.public_bytes(form[0]) + key.private_bytes(*form))
    return path


@pytest.mark.parametrize(
    ("host", "trusted", "expected"),
    [
        ("localhost", True, None),
        ("localhost", False, "its TLS certificate is not valid: self-signed certificate"),
        ("example.org", True, "its TLS certificate is not valid: Hostname mismatch"),
    ],
)
def test_the_certificate_must_be_that_of_the_host(
    tmp_path: Path, host: str, trusted: bool, expected: str | None
) -> None:
    path = certificate(tmp_path, host)
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server.load_cert_chain(path)
    client = ssl.create_default_context(cafile=str(path) if trusted else None)
    with serving(context=server) as number:
        if expected is None:
            page = fetch(f"https://localhost:{number}/", max_bytes=9999, max_seconds=9, allow_private=True, tls=client)
            assert page.data == PAGE
        else:
            with pytest.raises(Unreadable, match=expected):
                fetch(f"https://localhost:{number}/", max_bytes=9999, max_seconds=9, allow_private=True, tls=client)


def test_a_reader_loads_addresses(port: int) -> None:
    with Reader(max_file_mib=1, max_seconds=60, allow_private_urls=True) as reader:
        found = reader.load(Source(f"http://127.0.0.1:{port}/?x=1"))
    assert (found.title, found.text, found.media_type) == ("Hours", "# Opening hours\n\nNine to five.", "text/html")
    assert found.metadata == {"etag": '"v1"', "last_modified": "Mon, 02 Mar 2026 09:00:00 GMT"}
    assert found.source == f"http://127.0.0.1:{port}/?x=1"


def test_a_reader_refuses_private_addresses_unless_told_otherwise(port: int) -> None:
    with (
        Reader(max_file_mib=1, max_seconds=60, allow_private_urls=False) as reader,
        pytest.raises(Unreadable, match=r"knowledge\.allow_private_urls"),
    ):
        reader.load(Source(f"http://127.0.0.1:{port}/"))
