"""Why an endpoint did not come up, as a cause and a remedy: AWS's reason and the container's log against a table."""

from __future__ import annotations

import re
import string
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any


@dataclass(frozen=True, slots=True)
class Cause:
    """A known cause, what shows it, and what to do; `name` is stable."""

    name: str
    text: str
    remedy: str
    quote: str

    def __str__(self) -> str:
        return f"{self.text}\nWhat to do: {self.remedy}"

    def to_dict(self) -> dict[str, str]:
        """The JSON form."""
        return {"name": self.name, "cause": self.text, "remedy": self.remedy, "quote": self.quote}


@dataclass(frozen=True, slots=True)
class _Row:
    name: str
    pattern: re.Pattern[str]
    text: str
    remedy: str
    vague: bool
    silent: bool


def explain(
    reason: str, log: Iterable[str] | None = None, *, facts: Mapping[str, object] | None = None
) -> Cause | None:
    """The cause that AWS's `reason` and the lines of the `log` show, None where none is known.

    `log` None: it was not read. `facts` fill the remedies: `name`, `region`, `instance_type`, `model`, `max_model_len`, …
    A line of the log decides before the reason, as "did not pass the ping health check" has many causes; an earlier line
    decides before a later one, as the first error makes the others.
    """
    lines = None if log is None else list(log)
    exact = [row for row in _table() if not row.vague]
    for line in lines or ():
        if found := _first(exact, line, facts):
            return found
    rows = [*exact, *(row for row in _table() if row.vague and (not row.silent or lines == []))]
    return _first(rows, reason, facts)


def names() -> list[str]:
    """Every cause the table knows."""
    return [row.name for row in _table()]


def _first(rows: Iterable[_Row], text: str, facts: Mapping[str, object] | None) -> Cause | None:
    for row in rows:
        if match := row.pattern.search(text):
            known = {**(facts or {}), **{key: value for key, value in match.groupdict().items() if value}}
            return Cause(row.name, _fill(row.text, known), _fill(row.remedy, known), " ".join(text.split())[:500])
    return None


def _fill(text: str, facts: Mapping[str, object]) -> str:
    """`{name}` by its fact; one that is not known reads as such."""
    used = {key for _, key, _, _ in string.Formatter().parse(text) if key}
    return text.format(**{key: facts.get(key, "not known") for key in used})


@cache
def _table() -> tuple[_Row, ...]:
    text = files("deploy").joinpath("causes.toml").read_text(encoding="utf-8")
    return tuple(_row(values) for values in tomllib.loads(text)["causes"])


def _row(values: Mapping[str, Any]) -> _Row:
    return _Row(
        values["name"],
        re.compile("|".join(values["patterns"]), re.IGNORECASE),
        " ".join(values["cause"].split()),
        " ".join(values["remedy"].split()),
        values.get("vague", False),
        values.get("silent", False),
    )
