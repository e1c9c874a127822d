"""A chat model behind an OpenAI-compatible server, `vllm serve` first: LangChain's `ChatOpenAI` with what it lacks offline."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Sequence
from typing import Any

import httpx2
from langchain_core.language_models import LanguageModelInput
from langchain_core.language_models.model_profile import ModelProfile
from langchain_core.messages import BaseMessage
from langchain_openai import ChatOpenAI

from assistant.llms.defuse import defused

ASK_AGAIN = 30.0
"""Seconds between two questions to a server that did not tell its context length."""


class ChatServer(ChatOpenAI):
    """`ChatOpenAI` for servers of open models.

    Their chat endpoints read control tokens that stand in a message's text as control. Text is all that the protocol can
    carry, so an invisible character is put into whatever looks like one. (`ChatVLLM` sends token ids and changes nothing.)
    Tokens are estimated, never counted with a vocabulary that would have to be downloaded. `profile` learns the
    context length from the server (`max_model_len` of `GET /models`, which vLLM gives), in the background.
    """

    def _resolve_model_profile(self) -> ModelProfile | None:
        key = self.openai_api_key
        secret = key.get_secret_value() if key is not None and hasattr(key, "get_secret_value") else ""
        profile: Any = ServerProfile(self.model_name, url=f"{str(self.openai_api_base).rstrip('/')}/models", key=secret)
        return profile  # type: ignore[no-any-return]

    def _get_request_payload(
        self, input_: LanguageModelInput, *, stop: list[str] | None = None, **kwargs: Any
    ) -> dict[str, Any]:
        payload = super()._get_request_payload(input_, stop=stop, **kwargs)
        for message in payload.get("messages", ()):
            message["content"] = defused(message.get("content"))
        return payload

    def get_num_tokens(self, text: str) -> int:
        """An estimate that is rather too high: a third of the ASCII characters, half of the other bytes."""
        ascii_only = sum(character < "\x80" for character in text)
        others = len(text.encode("utf-8", "replace")) - ascii_only
        return math.ceil(ascii_only / 3 + others / 2)

    def get_num_tokens_from_messages(self, messages: Sequence[BaseMessage], tools: Any = None, **_: Any) -> int:
        """An estimate: the text of each message and eight tokens around it."""
        return sum(self.get_num_tokens(str(message.text)) + 8 for message in messages)


class ServerProfile(dict[str, Any]):
    """A model profile that asks the server for its context length when it is looked at; never waits for the answer."""

    def __init__(self, name: str, *, url: str, key: str) -> None:
        super().__init__(name=name, structured_output=True, tool_calling=True)
        self._url, self._key = url, key
        self._asked = -math.inf
        self._ask()

    def get(self, key: str, default: Any = None) -> Any:
        """As of a dict."""
        self._ask()
        return super().get(key, default)

    def __reduce__(self) -> tuple[type[dict[str, Any]], tuple[dict[str, Any]]]:
        return dict, (dict(self),)

    def _ask(self) -> None:
        if "max_input_tokens" in self or time.monotonic() - self._asked < ASK_AGAIN:
            return
        self._asked = time.monotonic()
        threading.Thread(target=self._fetch, name="model-profile", daemon=True).start()

    def _fetch(self) -> None:
        try:
            answer = httpx2.get(self._url, headers={"Authorization": f"Bearer {self._key}"}, timeout=5)
            models = answer.raise_for_status().json()["data"]
            tokens = next(int(model["max_model_len"]) for model in models if model["id"] == self["name"])
        except (httpx2.HTTPError, ValueError, KeyError, TypeError, StopIteration):
            return  # the server is down, or no vLLM: its limits stay unknown
        self["max_input_tokens"] = tokens
