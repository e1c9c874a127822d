"""Meta's errors: the table, and how long to wait."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.errors import AssistantError, RateLimited
from connectors._meta_codes import KNOWN, known
from connectors._meta_errors import Unclear, explained, refusal, reported, wait

NAMED: dict[str, list[tuple[int, int | None]]] = {
    "token": [(190, None), (102, None)],
    "rate": [(4, None), (613, None), (80007, None), (130429, None), (131056, None), (131048, None)],
    "window": [(131047, None), (10, 2018278), (10, 2018065), (10, 2534022), (200, 1545041)],
    "permission": [(10, None), (200, None), (299, None), (3, None)],
    "transient": [(1, None), (2, None), (131000, None), (131016, None)],
    "rejected": [
        (10900, None), (10902, None), (10903, None),
        (131030, None), (131026, None), (131062, None), (131009, None), (131051, None), (551, None), (551, 1545041),
        (10, 1893063), (100, None), (368, None), (131031, None), (131049, None),
    ],
    "unknown": [(1, 1357046)],
}  # fmt: skip


@pytest.mark.parametrize("sort", NAMED)
def test_codes_are_sorted(sort: str) -> None:
    found = [known(*pair) for pair in NAMED[sort]]
    assert [sort] * len(found) == [each.sort if each else None for each in found]


def test_every_code_says_what_it_means_and_what_to_do() -> None:
    assert [] == [key for key, entry in KNOWN.items() if not entry.means or not entry.remedy]


def test_a_subcode_that_is_not_known_leaves_what_the_code_means() -> None:
    assert (known(190), known(None, 2018278), None) == (known(190, 7), known(7, 2018278), known(None, None))


def body(**fields: Any) -> bytes:
    return json.dumps({"error": fields}).encode()


def test_how_long_to_wait_is_in_the_headers() -> None:
    usage = {"1": [{"type": "messaging", "call_count": 100, "estimated_time_to_regain_access": 3}, {"call_count": 2}]}
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=90), usegmt=True)
    assert 7.0 == wait({"retry-after": "7"})
    assert 80 < (wait({"retry-after": date}) or 0) <= 90
    assert 180.0 == wait({"x-business-use-case-usage": json.dumps(usage)})
    assert 180.0 == wait({"x-business-use-case-usage": json.dumps(usage), "retry-after": "7"})
    assert 60.0 == wait({"x-app-usage": json.dumps({"call_count": 100, "estimated_time_to_regain_access": 1})})
    assert 86_400.0 == wait({"retry-after": "999999999"})
    endless = f'{{"estimated_time_to_regain_access": 1{"0" * 400}}}'
    assert 86_400.0 == wait({"x-app-usage": endless})


@pytest.mark.parametrize(
    "value",
    [
        "",
        "soon",
        "-1",
        "{",
        "[]",
        '{"call_count": 3}',
        "null",
        "[" * 9999,
        '{"estimated_time_to_regain_access": NaN}',
        '{"estimated_time_to_regain_access": -3}',
    ],
)
def test_a_header_that_says_nothing_is_left_out(value: str) -> None:
    assert None is wait({"retry-after": value, "x-app-usage": value, "x-business-use-case-usage": value})


def test_a_rate_without_headers_waits_as_long_as_the_table_says() -> None:
    pair = explained(refusal(400, body(code=131056)), {}, name="whatsapp")
    app = explained(refusal(400, body(code=4)), {}, name="whatsapp")
    assert isinstance(pair, RateLimited)
    assert isinstance(app, RateLimited)
    assert (6.0, None) == (pair.retry_after, app.retry_after)


@pytest.mark.parametrize("code", [12, 2635, 2500])
def test_an_ended_version_names_the_key_that_has_it(code: int) -> None:
    said = str(explained(refusal(400, body(code=code)), {}, name="whatsapp"))
    assert "`graph_version`" in said
    assert "`version`" not in said


def test_details_and_the_users_message_are_told() -> None:
    data = body(code=131009, message="(#131009) Parameter value is not valid", error_data={"details": "Too long"})
    assert "whatsapp: a part of the message is not as Meta takes it (code 131009: (#131009) Parameter value is not valid: " \
        "Too long)" in str(explained(refusal(400, data), {}, name="whatsapp"))  # fmt: skip


def test_an_error_in_a_status_is_code_meaning_and_remedy() -> None:
    status = {"code": 131026, "title": "Message undeliverable", "error_data": {"details": "Message Undeliverable."}}
    meaning = "131026: the person cannot be reached: no WhatsApp, an old one, or blocked"
    assert f"{meaning} (Message Undeliverable): nothing helps until the person changes that" == reported(status)
    assert f"{meaning}: nothing helps until the person changes that" == reported({"code": 131026})
    assert ["no reason given", "77: x"] == [reported({}), reported({"code": "77", "title": "x"})]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["error", "code", "error_data", "message"]), inner),
    max_leaves=8,
)


@given(st.integers(300, 599), JSON.map(json.dumps).map(str.encode) | st.binary(), st.dictionaries(st.text(), st.text()))
def test_any_answer_at_all_is_an_error_of_ours(status: int, content: bytes, headers: dict[str, str]) -> None:
    found = explained(refusal(status, content), headers, name="page")
    assert isinstance(found, AssistantError | Unclear)
    assert len(str(found)) < 1000
