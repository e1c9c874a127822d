"""Fetching a page: size, time and redirects bounded, and only from addresses that were checked before connecting."""

from __future__ import annotations

import ipaddress
import re
import socket
import ssl
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

import httpx2

from assistant.errors import Unreadable

MAX_REDIRECTS = 5
HEADERS = {
    "User-Agent": "llama-assistant-sdk",
    "Accept": "text/html, application/xhtml+xml, application/pdf, text/*, */*;q=0.5",
    "Accept-Encoding": "identity",  # a compressed answer could expand past the limit in one step
}
NAT64 = ipaddress.ip_network("64:ff9b::/96")
"""RFC 6052: the last four bytes are an IPv4 address."""
UNICAST = ipaddress.ip_network("2000::/3")
"""The open internet of IPv6 (IANA); Python calls many reserved addresses outside of it global."""
ISATAP = (b"\0\0\x5e\xfe", b"\2\0\x5e\xfe")
"""RFC 5214: behind these four bytes in an interface identifier stands an IPv4 address."""
OF_CLOUDS = (ipaddress.ip_network("192.0.0.0/24"), ipaddress.ip_network("168.63.129.16/32"))
"""Where Oracle's and Azure's machines reach their metadata; the first is reserved, and not private in every Python."""
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


@dataclass(frozen=True, slots=True)
class Page:
    """What a server answered; `url` is where redirects ended, `media_type` and `charset` are as declared."""

    url: str
    data: bytes = field(repr=False)
    media_type: str
    charset: str | None
    etag: str | None
    last_modified: str | None

    def metadata(self) -> dict[str, str]:
        """What tells later whether the page has changed (RFC 9110, 8.8), as far as the server says it."""
        both = {"etag": self.etag, "last_modified": self.last_modified}
        return {name: value for name, value in both.items() if value}


def is_public(address: str) -> bool:
    """Whether an IP address is one of the open internet, also where it hides an IPv4 address in an IPv6 one."""
    return all(map(_is_open, _meanings(ipaddress.ip_address(address))))


def _is_open(ip: Address) -> bool:
    if not ip.is_global or ip.is_multicast or any(ip in network for network in OF_CLOUDS):
        return False
    return isinstance(ip, ipaddress.IPv4Address) or ip in UNICAST or ip in NAT64 or ip.ipv4_mapped is not None


def _meanings(ip: Address) -> Iterator[Address]:
    yield ip
    if isinstance(ip, ipaddress.IPv6Address):
        hidden = [ip.ipv4_mapped, ip.sixtofour, *(ip.teredo or ())]
        yield from filter(None, hidden)
        if ip in NAT64 or ip.packed[8:12] in ISATAP:
            yield ipaddress.IPv4Address(ip.packed[-4:])


def fetch(
    url: str,
    *,
    max_bytes: int,
    max_seconds: float,
    allow_private: bool = False,
    permitted: Callable[[str], bool] = is_public,
    tls: ssl.SSLContext | None = None,
) -> Page:
    """GET `url` and at most five redirects, each checked anew.

    The name is resolved once, every address it has must be `permitted`, and the connection goes to one of exactly
    these, so a name that changes between check and connection gains nothing. Proxies of the environment are not used.

    Raises:
        Unreadable: address forbidden, not found, too large, too slow or no document; the message says which.
    """
    limits = _Limits(max_bytes, time.monotonic() + max_seconds, max_seconds)
    allowed = (lambda address: True) if allow_private else permitted
    no_reuse = httpx2.Limits(max_keepalive_connections=0)  # one address may serve hosts of different certificates
    verify = tls or httpx2.create_ssl_context()
    with httpx2.Client(trust_env=False, verify=verify, headers=HEADERS, limits=no_reuse) as client:
        for _ in range(MAX_REDIRECTS + 1):
            client.cookies.clear()  # they are kept by address, and one address may serve many hosts
            found = _visit(client, httpx2.URL(url), allowed, limits)
            if isinstance(found, Page):
                return found
            url = str(found)
    raise Unreadable(f"redirects more than {MAX_REDIRECTS} times")


@dataclass(frozen=True, slots=True)
class _Limits:
    bytes: int
    deadline: float
    seconds: float

    def left(self) -> float:
        """Seconds that remain."""
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise Unreadable(f"took longer than {self.seconds:.3g} s to fetch (knowledge.max_seconds)")
        return left


def _visit(
    client: httpx2.Client, url: httpx2.URL, allowed: Callable[[str], bool], limits: _Limits
) -> Page | httpx2.URL:
    """The page, or where it redirects to."""
    if url.scheme not in ("http", "https"):
        raise Unreadable(f"redirects to {url.scheme!r}, which is not loaded: only http and https")
    try:
        response = _connect(client, url, _resolve(url, allowed), limits)
        try:
            if response.has_redirect_location:
                return url.join(response.headers["location"]).copy_with(fragment=None)
            return _page(url, response, limits)
        finally:
            response.close()
    except httpx2.TimeoutException:
        raise Unreadable(f"took longer than {limits.seconds:.3g} s to fetch (knowledge.max_seconds)") from None
    except httpx2.InvalidURL as error:
        raise Unreadable(f"is not a valid address: {error}") from None
    except httpx2.HTTPError as error:
        raise Unreadable(f"cannot be fetched: {_explain(error)}") from None


def _resolve(url: httpx2.URL, allowed: Callable[[str], bool]) -> list[str]:
    """The addresses of the host, all of them allowed."""
    host = url.raw_host.decode("ascii")
    try:
        found = socket.getaddrinfo(host, url.port or None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise Unreadable(f"cannot be fetched: the host {host!r} is not known") from None
    addresses = list(dict.fromkeys(str(entry[4][0]).partition("%")[0] for entry in found))
    for address in addresses:
        if not allowed(address):
            raise Unreadable(
                f"leads to {address}, a private or reserved address of {host!r}: "
                f"knowledge.allow_private_urls permits such addresses"
            )
    return addresses


def _connect(client: httpx2.Client, url: httpx2.URL, addresses: Iterable[str], limits: _Limits) -> httpx2.Response:
    """The response of the first address that can be reached; host name and certificate stay those of the URL."""
    failure: httpx2.HTTPError | None = None
    for address in addresses:
        request = client.build_request(
            "GET",
            url.copy_with(host=address, userinfo=b""),
            headers={"Host": url.netloc.decode("ascii")},
            extensions={"sni_hostname": url.raw_host.decode("ascii")},
            timeout=limits.left(),
        )
        try:
            return client.send(request, stream=True, follow_redirects=False)
        except httpx2.ConnectError as error:
            failure = error
    raise failure or httpx2.ConnectError("the host has no address")


def _page(url: httpx2.URL, response: httpx2.Response, limits: _Limits) -> Page:
    if response.status_code != 200:
        raise Unreadable(
            f"cannot be fetched: the server answers {response.status_code} {response.reason_phrase}".rstrip()
        )
    media_type, _, parameters = response.headers.get("content-type", "").partition(";")
    media_type = media_type.strip().lower()
    if media_type.startswith(("image/", "audio/", "video/", "font/")):
        raise Unreadable(f"is not a document ({media_type})")
    if response.headers.get("content-encoding", "identity").lower() not in ("", "identity", "gzip", "deflate"):
        raise Unreadable(f"comes compressed as {response.headers['content-encoding']!r} although not asked for")
    charset = re.search(r"charset\s*=\s*\"?([\w.:-]+)", parameters, re.IGNORECASE)
    return Page(
        url=str(url),
        data=_body(response, limits),
        media_type=media_type,
        charset=charset[1] if charset else None,
        etag=response.headers.get("etag"),
        last_modified=response.headers.get("last-modified"),
    )


def _body(response: httpx2.Response, limits: _Limits) -> bytes:
    too_large = f"is larger than {limits.bytes / 2**20:g} MiB (knowledge.max_file_mib)"
    declared = response.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > limits.bytes:
        raise Unreadable(too_large)
    body = bytearray()
    for piece in response.iter_bytes():
        body += piece
        if len(body) > limits.bytes:
            raise Unreadable(too_large)
        limits.left()
    return bytes(body)


def _explain(error: httpx2.HTTPError) -> str:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"its TLS certificate is not valid: {cause.verify_message}"
        if isinstance(cause, ssl.SSLError):
            return f"TLS fails: {cause.reason or cause}"
        if isinstance(cause, ConnectionRefusedError):
            return "the connection is refused"
        cause = cause.__cause__ or cause.__context__
    return str(error) or type(error).__name__
