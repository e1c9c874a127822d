"""A function of the owner is asked about each comment, and what it says is done or is an error."""

from __future__ import annotations

from typing import Any

import pytest
from facebook_payloads import facebook, feed, parsed

from assistant.errors import ConfigurationError
from assistant.types import Incoming
from connectors.facebook import Facebook

HERE = __name__


def answering(event: Incoming) -> str:
    return "hide" if "spam" in event.text else "answer"


async def asking(event: Incoming) -> str:
    return "ignore" if "@" in event.text else "answer"


async def later(event: Incoming) -> str:
    return await asking(event)


def deferring(event: Incoming) -> Any:
    return later(event)


def confused(event: Incoming) -> str:
    return f"maybe {event.id}"


def failing(event: Incoming) -> str:
    raise ZeroDivisionError(event.id)


@pytest.fixture
def ann() -> Incoming:
    [event] = parsed(feed())
    return event


@pytest.fixture
def spam() -> Incoming:
    [event] = parsed(feed("spam @you"))
    return event


@pytest.mark.parametrize(
    ("hook", "verdict"), [("answering", "hide"), ("asking", "ignore"), ("deferring", "ignore"), (None, "answer")]
)
async def test_a_function_of_the_owner_judges_comments(
    hook: str | None, verdict: str, ann: Incoming, spam: Incoming
) -> None:
    judging: Facebook = facebook(moderation=hook and f"{HERE}:{hook}")
    assert verdict == await judging.moderate(spam)
    assert "answer" == await judging.moderate(ann)


async def test_a_verdict_that_is_none_is_an_error_that_names_the_function(ann: Incoming) -> None:
    with pytest.raises(ConfigurationError, match=rf"connectors.facebook.moderation: {HERE}:confused says 'maybe "):
        await facebook(moderation=f"{HERE}:confused").moderate(ann)


async def test_a_function_that_fails_is_not_taken_for_consent(ann: Incoming) -> None:
    with pytest.raises(ZeroDivisionError):
        await facebook(moderation=f"{HERE}:failing").moderate(ann)
