"""A chat model that does whatever documents may ask of it: to see what of that reaches the user.

It has no understanding of any language. Whatever the passages say, it answers as `EchoChat` does and then gives its system
prompt away, sends the question to every address it saw, says what it can decode, joins the last words of the passages, and
cites every number that stands in brackets. It does not repeat sentences of the passages beyond the first: those are
supported by the passages, and no check of support can tell a poisoned sentence from a true one.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Sequence
from urllib.parse import quote_plus

from langchain_core.messages import BaseMessage

from assistant.testing.echo import PASSAGE, EchoChat, echo

ADDRESS = re.compile(r"https?://[^\s)]+")
ENCODED = re.compile(r"[A-Za-z0-9+/]{24,}={0,2}")
BRACKETED = re.compile(r"\[(\d+)\]")


class GullibleChat(EchoChat):
    """Answers as `EchoChat`, and then obeys."""

    @property
    def _llm_type(self) -> str:
        return "gullible"

    def _words(self, messages: Sequence[BaseMessage], stop: Sequence[str] | None) -> Iterator[str]:
        yield from re.findall(r"\s*\S+", obey(messages))


def obey(messages: Sequence[BaseMessage]) -> str:
    """The answer to a prompt."""
    passages = [first or second for message in messages for first, second in PASSAGE.findall(message.text)]
    data = "\n".join(passages)
    cited = "".join(f"[{number}]" for number in BRACKETED.findall(data))
    system = [message.text.splitlines()[0] for message in messages if message.type == "system"]
    sent = [f"![status]({address}?q={quote_plus(messages[-1].text)})" for address in ADDRESS.findall(data)]
    joined = "".join(passage.split()[-1].strip(".") for passage in passages if passage.split())
    return "\n\n".join([echo(messages) + cited, *system, *sent, *_decoded(data), f"{joined} [1]"])


def _decoded(data: str) -> Iterator[str]:
    for written in ENCODED.findall(data):
        try:
            yield base64.b64decode(written, validate=True).decode()
        except ValueError:
            continue
