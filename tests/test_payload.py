from __future__ import annotations

import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.errors import InvalidWebhook
from assistant.payload import check_signature, check_word, read_json
from assistant.types import Webhook

SECRET = "the secret"


def signed(body: bytes, secret: str = SECRET) -> Webhook:
    signature = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return Webhook(method="POST", headers={"X-Signature": f"sha256={signature}"}, body=body)


def check(webhook: Webhook, secret: str = SECRET) -> None:
    check_signature(webhook, header="x-signature", secret=secret, prefix="sha256=")


@given(body=st.binary(), secret=st.text(min_size=1))
def test_a_signature_of_the_same_bytes_with_the_same_secret_is_a_proof(body: bytes, secret: str) -> None:
    check(signed(body, secret), secret)


@given(body=st.binary(), other=st.binary(), given=st.text())
def test_any_other_is_none(body: bytes, other: bytes, given: str) -> None:
    webhook = signed(body)
    for wrong in (
        Webhook(method="POST", headers={"X-Signature": given}, body=body),
        Webhook(method="POST", headers=webhook.headers, body=body + b"." + other),
        signed(body, SECRET + given + "."),
        Webhook(method="POST", body=body),
    ):
        with pytest.raises(InvalidWebhook):
            check(wrong)


def test_an_empty_secret_proves_nothing() -> None:
    with pytest.raises(InvalidWebhook):
        check(signed(b"{}", ""), "")
    with pytest.raises(InvalidWebhook):
        check_word(Webhook(method="POST", headers={"X-Word": ""}), header="X-Word", secret="")


def test_a_word_is_compared_whole() -> None:
    check_word(Webhook(method="POST", headers={"x-word": "schlüssel"}), header="X-Word", secret="schlüssel")
    for wrong in ("schlüsse", "schlüssel ", "", "é"):
        with pytest.raises(InvalidWebhook, match="'X-Word'"):
            check_word(Webhook(method="POST", headers={"x-word": wrong}), header="X-Word", secret="schlüssel")


NO_JSON = (
    b"",
    b" ",
    b"not JSON",
    b"\xff\xfe\x00",
    b"9" * 10_000,
    b"[" * 200_000,
    b'{"a":' * 100_000,
    b"NaN",
    b"[Infinity]",
)


@pytest.mark.parametrize("body", NO_JSON, ids=range(len(NO_JSON)))
def test_whatever_is_no_json_is_no_webhook(body: bytes) -> None:
    with pytest.raises(InvalidWebhook, match="JSON"):
        read_json(Webhook(method="POST", body=body))


def test_half_a_surrogate_pair_becomes_a_question_mark_and_the_rest_stays() -> None:
    body = b'{"a": "x\\ud83d y", "b": "\\ud83d\\ude00 \xc3\xa9"}'
    assert {"a": "x? y", "b": "😀 é"} == read_json(Webhook(method="POST", body=body))
