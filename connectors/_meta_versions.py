"""Versions of Meta's Graph API and when each ends, as data."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, timedelta
from types import MappingProxyType

from assistant.connector import Finding

VERSIONS: Mapping[str, date | None] = MappingProxyType(
    {
        "v27.0": None,
        "v26.0": None,
        "v25.0": date(2028, 7, 29),
        "v24.0": date(2028, 2, 18),
        "v23.0": date(2027, 10, 8),
        "v22.0": date(2027, 5, 20),
        "v21.0": date(2027, 1, 21),
        "v20.0": date(2026, 9, 24),
        "v19.0": date(2026, 5, 21),
        "v18.0": date(2026, 1, 26),
        "v17.0": date(2025, 9, 12),
        "v16.0": date(2025, 5, 14),
    }
)
"""Each version with the day it ends, newest first; None: Meta has named no day yet.

developers.facebook.com/documentation/development/graph-api/changelog, page of 2026-10-29. It has the version of 2026-11-04
without its number, which is 27 by the order of all the others.
"""

NEWEST = "v26.0"
"""What is asked for where nothing is configured: the newest whose number Meta's own page has."""

WARNING = timedelta(days=90)
"""How long before its end a version is warned of."""

SHAPE = re.compile(r"v(?P<major>[1-9][0-9]{0,2})\.(?P<minor>[0-9]{1,2})")


def is_version(text: str) -> bool:
    """Whether it is written as versions are, such as "v27.0"."""
    return SHAPE.fullmatch(text) is not None


def ended(version: str, today: date) -> bool:
    """Whether calls to a version fail: its day has come, or it is older than all that are known."""
    if version in VERSIONS:
        end = VERSIONS[version]
        return end is not None and end <= today
    return _number(version) < min(map(_number, VERSIONS))


def finding(version: str, today: date) -> Finding:
    """What there is to say of a version today."""
    end = VERSIONS.get(version)
    remedy = f"set `graph_version` to {NEWEST!r}, or leave it out"
    if ended(version, today):
        when = f"ended on {end}" if end else "ended long ago"
        return Finding("fail", f"version {version} of the Graph API {when}: Meta refuses calls to it", remedy)
    if version not in VERSIONS:
        return Finding("warn", f"version {version} of the Graph API is not one this release knows", remedy)
    if end is not None and end - today <= WARNING:
        days = (end - today).days
        return Finding("warn", f"version {version} of the Graph API ends on {end}, in {days} days", remedy)
    until = f"until {end}" if end else "with no end announced"
    return Finding("ok", f"version {version} of the Graph API, {until}")


def _number(version: str) -> tuple[int, int]:
    found = SHAPE.fullmatch(version)
    if found is None:
        raise ValueError(f"{version!r} is no version of the Graph API, such as {NEWEST!r}")
    return int(found["major"]), int(found["minor"])
