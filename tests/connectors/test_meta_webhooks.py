"""Webhooks of Meta: who is believed, and that nothing of a batch is lost."""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.errors import InvalidWebhook
from assistant.types import Webhook
from connectors._meta_webhooks import handshake, read, rows, verify

SECRET = "0123456789abcdef0123456789abcdef"
BODY = b'{"object":"page","entry":[{"id":"1"},{"id":"2"}]}'


def signed(body: bytes, *, secret: str = SECRET, algorithm: str = "sha256") -> str:
    return f"{algorithm}={hmac.new(secret.encode(), body, algorithm).hexdigest()}"


def post(body: bytes, **headers: str) -> Webhook:
    return Webhook("POST", headers={name.replace("_", "-"): value for name, value in headers.items()}, body=body)


@given(st.binary())
def test_a_signature_of_the_raw_bytes_is_believed(body: bytes) -> None:
    verify(post(body, X_Hub_Signature_256=signed(body)), app_secret=SECRET)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X_Hub_Signature_256": ""},
        {"X_Hub_Signature_256": "sha256="},
        {"X_Hub_Signature_256": signed(BODY).removeprefix("sha256=")},
        {"X_Hub_Signature_256": signed(BODY, secret="other")},
        {"X_Hub_Signature_256": signed(BODY + b" ")},
        {"X_Hub_Signature_256": signed(BODY).upper()},
        {"X_Hub_Signature_256": signed(BODY) + " "},
        {"X_Hub_Signature_256": "sha256=é" + "0" * 63},
        {"X_Hub_Signature_256": signed(BODY, algorithm="sha1")},
        {"X_Hub_Signature_256": signed(BODY, algorithm="md5")},
        {"X_Hub_Signature_256": "sha1=" + signed(BODY).removeprefix("sha256=")},
        {"X_Hub_Signature": signed(BODY, algorithm="sha1")},
        {"X_Hub_Signature": signed(BODY)},
    ],
)
def test_any_other_is_not_and_the_error_does_not_say_what_was_expected(headers: dict[str, str]) -> None:
    with pytest.raises(InvalidWebhook) as found:
        verify(post(BODY, **headers), app_secret=SECRET)
    digest = hmac.new(SECRET.encode(), BODY, hashlib.sha256).hexdigest()
    assert not [word for word in (digest, SECRET) if word in str(found.value)]


def test_a_signature_of_another_secret_comes_with_a_hint() -> None:
    with pytest.raises(InvalidWebhook, match="is app_secret that of the app that sends"):
        verify(post(BODY, X_Hub_Signature_256=signed(BODY, secret="other")), app_secret=SECRET)


def test_without_a_secret_nothing_is_believed() -> None:
    with pytest.raises(InvalidWebhook):
        verify(post(BODY, X_Hub_Signature_256=signed(BODY, secret="")), app_secret="")


ASKED = {"hub.mode": "subscribe", "hub.verify_token": "a long word", "hub.challenge": "1158201444"}


def test_the_challenge_is_answered_to_whoever_knows_the_word() -> None:
    assert "1158201444" == handshake(Webhook("GET", ASKED), verify_token="a long word")


@pytest.mark.parametrize(
    "changed",
    [
        {"hub.mode": "unsubscribe"},
        {"hub.mode": ""},
        {"hub.verify_token": "another"},
        {"hub.verify_token": ""},
        {"hub.verify_token": "\ud800"},
        {"hub.challenge": ""},
        {"hub.challenge": "<script>alert(1)</script>"},
        {"hub.challenge": "1158201444\n"},
        {"hub.challenge": "1" * 257},
    ],
)
def test_whoever_does_not_gets_nothing(changed: dict[str, str]) -> None:
    with pytest.raises(InvalidWebhook) as found:
        handshake(Webhook("GET", {**ASKED, **changed}), verify_token="a long word")
    assert "a long word" not in str(found.value)


def test_a_handshake_without_a_configured_word_is_refused() -> None:
    with pytest.raises(InvalidWebhook):
        handshake(Webhook("GET", {**ASKED, "hub.verify_token": ""}), verify_token="")


def test_every_entry_of_the_object_is_read_and_those_of_another_are_left_out() -> None:
    assert [{"id": "1"}, {"id": "2"}] == read(post(BODY), object="page")
    assert [] == read(post(BODY), object="instagram")


@pytest.mark.parametrize("body", [b"", b"nothing", b"[]", b"3", b"{}", b'{"object":3}', b"[" * 9000, b"\xff"])
def test_what_is_no_webhook_of_metas_is_invalid(body: bytes) -> None:
    with pytest.raises(InvalidWebhook):
        read(post(body), object="page")


@pytest.mark.parametrize(("entry", "kept"), [(None, 0), ({}, 0), ("x", 0), ([None, 3, "x", [], {}, {"id": "1"}], 2)])
def test_what_is_no_entry_is_left_out_and_the_others_are_kept(entry: Any, kept: int) -> None:
    body = json.dumps({"object": "page", "entry": entry}).encode()
    assert kept == len(read(post(body), object="page"))
    assert [] == rows({}, "entry")
