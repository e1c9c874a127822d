"""What the four connectors of Meta have from one place: options said in words, secrets that are nowhere, one way to send on."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable
from io import StringIO
from typing import Any
from urllib.parse import quote

import pytest
from uvicorn.logging import AccessFormatter

from assistant.connector import Disclosing
from assistant.errors import ConfigurationError, Rejected, TransientError
from assistant.inbox.limits import Window
from assistant.types import Address, Receipt
from connectors._hidden import HIDDEN
from connectors._meta import Lost
from connectors._meta_account import MetaAccount
from connectors._meta_options import disclosed
from connectors.facebook import Facebook
from connectors.instagram import Instagram
from connectors.messenger import Messenger
from connectors.whatsapp import WhatsApp

SECRET, WORD, TOKEN = "0123456789abcdef-secret", "a+long/random=word", "EAAtoken-of-the-tests"
SHARED = {"app_secret": SECRET, "verify_token": WORD}
MADE: dict[str, Callable[..., MetaAccount]] = {
    "whatsapp": lambda **more: WhatsApp(**{**SHARED, "access_token": TOKEN, "phone_number_id": "12", **more}),
    "messenger": lambda **more: Messenger(**{**SHARED, "page_access_token": TOKEN, "page_id": "13", **more}),
    "instagram": lambda **more: Instagram(**{**SHARED, "access_token": TOKEN, "account_id": "14", **more}),
    "facebook": lambda **more: Facebook(**{**SHARED, "page_access_token": TOKEN, "page_id": "13", **more}),
}
FOUR = pytest.mark.parametrize("surface", MADE)
TO = Address("page", "13", "7")


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (True, ""), (False, None), (None, None), ("", ""), ("A machine.", "A machine."), ("No machine.", "No machine."),
        ("true", ""), (" True ", ""), ("yes", ""), ("on", ""), ("1", ""),
        ("false", None), ("FALSE", None), ("no", None), ("off", None), ("0", None), ("null", None), ("none", None),
    ],
)  # fmt: skip
def test_what_people_are_told_may_be_said_in_words(given: Any, told: str | None) -> None:
    assert told == disclosed(given)
    found = [MADE[surface](disclosure=given) for surface in ("messenger", "instagram", "facebook")]
    assert [told] * 3 == [each.disclosure for each in found if isinstance(each, Disclosing)]


@FOUR
def test_no_secret_is_in_what_is_shown_of_a_connector(surface: str) -> None:
    connector = MADE[surface]()
    shown = repr(connector) + str(connector) + repr(connector._graph)
    assert [] == [secret for secret in (SECRET, WORD, TOKEN) if secret in shown]
    assert ("meta", surface) == (connector.callback, connector.name)


@FOUR
@pytest.mark.parametrize("key", ["app_secret", "verify_token"])
@pytest.mark.parametrize("value", [None, "", "  ", "with a space", "é" * 9, "line\nbreak"])
def test_a_secret_that_is_none_is_refused_and_not_shown(surface: str, key: str, value: str | None) -> None:
    with pytest.raises(ConfigurationError, match=rf"connectors\.{surface}\.{key}") as caught:
        MADE[surface](**{key: value})
    said = "".join(traceback.format_exception(caught.value))
    assert [] == [each for each in (SECRET, WORD, TOKEN, value) if each and each.strip() and each in said]


def test_what_is_wrong_with_a_secret_is_said() -> None:
    with pytest.raises(ConfigurationError, match="app_secret has a space, or a character outside ASCII"):
        MADE["whatsapp"](app_secret="copied with “quotes”")


@pytest.mark.parametrize("written", [WORD, quote(WORD, safe="")])
def test_the_servers_own_log_of_requests_does_not_show_the_word(written: str, caplog: pytest.LogCaptureFixture) -> None:
    MADE["messenger"]()
    handler, log = logging.StreamHandler(StringIO()), logging.getLogger("uvicorn.access")
    handler.setFormatter(AccessFormatter(use_colors=False))
    log.addHandler(handler)
    path = f"/webhooks/messenger?hub.verify_token={written}"
    with caplog.at_level(logging.INFO, logger=log.name):
        log.info('%s - "%s %s HTTP/%s" %d', "127.0.0.1:1", "GET", path, "1.1", 200)
    log.removeHandler(handler)
    assert '"GET /webhooks/messenger?hub.verify_token=… HTTP/1.1" 200' in handler.stream.getvalue()
    assert "…" == HIDDEN.clean(written)


def test_five_parts_to_one_person_on_whatsapp_take_their_time() -> None:
    """One message in six seconds to one person, beyond which error 131056 comes."""
    connector = WhatsApp(app_secret=SECRET, verify_token=WORD, access_token=TOKEN, phone_number_id="12")
    [pair] = [rate for rate in connector.capabilities.rates if rate.scope == "chat"]
    window, places = Window(pair), []
    for _ in range(5):
        places.append(window.next(0.0))
        window.take(places[-1])
    assert [0.0, 6.0, 12.0, 18.0, 24.0] == places


class Posts:
    """Takes messages, and raises what stands in place of one."""

    def __init__(self) -> None:
        self.begun: list[bool] = []

    async def __call__(self, piece: Any, /, *, begun: bool) -> str:
        self.begun.append(begun)
        if isinstance(piece, Exception):
            raise piece
        return str(piece)


@pytest.mark.parametrize(
    ("pieces", "receipt"),
    [
        (["a", "b"], Receipt(("a", "b"))),
        (["a", Lost("gone"), "c"], Receipt(("a",), "unknown")),
        ([Lost("gone")], Receipt((), "unknown")),
        (["a", TransientError("later"), "c"], Receipt(("a",), "failed")),
        (["a", "b", Rejected("blocked")], Receipt(("a", "b"), "failed")),
    ],
)
async def test_a_receipt_names_what_arrived(pieces: list[Any], receipt: Receipt) -> None:
    post = Posts()
    assert receipt == await MADE["messenger"]()._delivered(pieces, post, to=TO)
    assert [False, *[True] * (len(post.begun) - 1)] == post.begun


async def test_where_nothing_arrived_the_error_comes_through() -> None:
    with pytest.raises(TransientError):
        await MADE["messenger"]()._delivered([TransientError("later"), "b"], Posts(), to=TO)
