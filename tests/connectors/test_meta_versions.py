"""Versions of the Graph API: which have ended, which soon will, and options that are checked."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import pairwise
from typing import Any

import pytest

from assistant.errors import ConfigurationError
from connectors._meta_options import (
    access_token,
    api_base,
    api_version,
    application_secret,
    identifier,
    verification_token,
)
from connectors._meta_versions import NEWEST, VERSIONS, ended, finding, is_version

TODAY = date(2026, 11, 24)


def test_the_newest_is_what_is_called_and_versions_end_in_order() -> None:
    ends = [end for end in VERSIONS.values() if end]
    assert all(later > sooner for later, sooner in pairwise(ends))
    assert all(map(is_version, VERSIONS))
    assert (NEWEST, "ok") == ("v26.0", finding(NEWEST, TODAY).status)


@pytest.mark.parametrize(
    ("version", "status", "words"),
    [
        ("v26.0", "ok", "no end announced"),
        ("v22.0", "ok", "until 2027-05-20"),
        ("v21.0", "warn", "ends on 2027-01-21, in 58 days"),
        ("v20.0", "fail", "ended on 2026-09-24"),
        ("v17.0", "fail", "ended on 2025-09-12"),
        ("v2.10", "fail", "ended long ago"),
        ("v99.0", "warn", "not one this release knows"),
    ],
)
def test_a_version_is_told_to_be_well_ending_or_ended(version: str, status: str, words: str) -> None:
    found = finding(version, TODAY)
    assert status == found.status
    assert words in found.detail
    assert bool(found.remedy) == (status != "ok")


def test_a_version_is_warned_of_ninety_days_before_its_end_and_ended_on_the_day() -> None:
    end = date(2027, 1, 21)
    days = [91, 90, 1, 0]
    assert ["ok", "warn", "warn", "fail"] == [finding("v21.0", end - timedelta(days=each)).status for each in days]
    assert [False, True] == [ended("v21.0", end - timedelta(days=1)), ended("v21.0", end)]


@pytest.mark.parametrize("text", ["27.0", "v27", "V27.0", "v27.0/", "v27.0\n", "", "latest", "v0.1"])
def test_what_is_no_version_is_refused(text: str) -> None:
    assert not is_version(text)
    with pytest.raises(ConfigurationError, match=r"connectors\.page\.version"):
        api_version(text, name="page", today=TODAY)


def test_a_version_that_ended_is_refused_and_one_that_ends_soon_is_not() -> None:
    with pytest.raises(ConfigurationError, match=r"connectors\.page\.version: .* ended on 2026-09-24.* 'v26\.0'"):
        api_version("v20.0", name="page", today=TODAY)
    assert ["v21.0", NEWEST] == [api_version(each, name="page", today=TODAY) for each in ("v21.0", None)]


@pytest.mark.parametrize("value", ["+49 170 1", "https://x", "", "１２", "abc", "1" * 33, True, "12\n3"])
def test_an_id_is_digits(value: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"connectors\.page\.page_id .*the dashboard"):
        identifier(value, name="page", key="page_id", where="see the dashboard")


def test_an_id_may_be_a_number_of_the_configuration_file() -> None:
    assert ["12", "34"] == [identifier(value, name="page", key="page_id", where="") for value in (12, " 34 ")]


@pytest.mark.parametrize(
    ("check", "key"),
    [(access_token, "token"), (application_secret, "app_secret"), (verification_token, "verify_token")],
)
def test_a_secret_that_is_missing_or_none_is_named_and_not_shown(check: Any, key: str) -> None:
    for value in (None, "", "  "):
        with pytest.raises(ConfigurationError, match=rf"connectors\.page\.{key} is not set, and without it"):
            check(value, name="page")
    for value in ("hidden word", "hidden\n", "hiddén", "hidden" * 999):
        if value.strip() != value:
            assert "hidden" == check(value, name="page")
            continue
        with pytest.raises(ConfigurationError, match=rf"connectors\.page\.{key} has") as found:
            check(value, name="page")
        assert "hidd" not in str(found.value)


@pytest.mark.parametrize(
    "url",
    ["", "graph.facebook.com", "ftp://x", "http://", "http://[", "http://x:99999", "https://a:b@x", "https://x?y=1",
     "https://graph.facebook.com/v26.0", "https://graph.facebook.com/v26.0/"],
)  # fmt: skip
def test_a_base_that_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError, match=r"connectors\.page\.api_base_url"):
        api_base(url, name="page")


def test_a_base_has_no_slash_at_its_end() -> None:
    assert "http://127.0.0.1:80/graph" == api_base("http://127.0.0.1:80/graph/", name="page")
