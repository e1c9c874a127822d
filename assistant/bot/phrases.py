"""What the bot says by itself, in the user's language; pure, so that connectors may register the commands by it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any, Literal

Phrase = Literal[
    "greeting", "usage", "upload", "forgotten", "stopped", "idle", "sources", "unsourced", "lost", "page", "nobody",
    "thanks", "reading", "read", "unreadable", "large", "unfetched", "full", "closed", "text", "document", "voice",
    "unheard", "long", "disclosure", "handed", "answered",
]  # fmt: skip

COMMANDS = ("start", "help", "reset", "stop", "sources", "human")
"""What the bot understands after a slash."""

DEFAULT = "en"

OPINION = re.compile(r"(up|down):[0-9a-f]{16}")
"""Data of the buttons 👍 and 👎, see `assistant.bot.sources.Tap`."""

TRADITIONAL = {"hant", "tw", "hk", "mo"}
"""Subtags of Chinese that say, or imply, that it is written in traditional characters."""


def say(phrase: Phrase, language: str, **values: object) -> str:
    """The phrase in the language (a code of `languages`, else English), with `values` in its gaps."""
    return str(_in(language)["phrases"][phrase]).format(**values)


def commands(language: str) -> Mapping[str, str]:
    """What each command does, in the language (a code of `languages`, else English); commands without the slash."""
    described: Mapping[str, str] = _in(language)["commands"]
    return described


def thanked(tap: str, tag: str | None) -> str | None:
    """What somebody is thanked with whose tap carries this data, in the language of the tag; None: it is no opinion.

    For platforms that show a word at the button itself.
    """
    return say("thanks", nearest(tag or "") or DEFAULT) if OPINION.fullmatch(tap) else None


def languages() -> tuple[str, ...]:
    """Codes of the languages the bot speaks (BCP 47)."""
    return tuple(_phrases())


def nearest(tag: str) -> str | None:
    """The code of `languages` for a language tag such as `pt-BR` or `zh_TW`; None: the bot does not speak it."""
    first, *rest = tag.lower().replace("_", "-").split("-")
    code = "zh-Hant" if first == "zh" and TRADITIONAL & set(rest) else first
    return code if code in _phrases() else None


def _in(language: str) -> Mapping[str, Any]:
    known = _phrases()
    return known.get(language) or known[DEFAULT]


@cache
def _phrases() -> Mapping[str, Mapping[str, Any]]:
    loaded: Mapping[str, Mapping[str, Any]] = json.loads(
        files("assistant.bot").joinpath("phrases.json").read_text("utf-8")
    )
    return loaded
