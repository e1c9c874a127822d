"""OpenAI's chat completion request as ours: what is asked, what was said before, and how to answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage
from pydantic import BaseModel, Field, field_validator, model_validator

from assistant.server.problems import BadRequest
from assistant.server.turns import Ask

MAX_MESSAGES = 10_000
"""A request of 400,000 one-word messages held the event loop for 4 s."""
NEUTRAL: Mapping[str, tuple[Any, ...]] = {
    "audio": (),
    "best_of": (1,),
    "frequency_penalty": (0,),
    "function_call": ("none",),
    "functions": ([],),
    "logit_bias": ({},),
    "logprobs": (False,),
    "modalities": (["text"],),
    "n": (1,),
    "prediction": (),
    "presence_penalty": (0,),
    "response_format": ({"type": "text"},),
    "tool_choice": ("none", "auto"),
    "tools": ([],),
    "top_logprobs": (0,),
    "web_search_options": (),
}
"""Parameters that would change the answer and are not supported: null or one of these values asks for nothing."""


class Message(BaseModel):
    """One message; content parts are joined, and only text is understood."""

    role: Literal["system", "developer", "user", "assistant"]
    content: str = ""

    @field_validator("content", mode="before")
    @classmethod
    def _text(cls, content: Any) -> Any:
        if content is None:
            return ""
        return "\n".join(map(_part, content)) if isinstance(content, list) else content


class StreamOptions(BaseModel):
    """Whether the stream ends with a chunk that counts tokens."""

    include_usage: bool = False


class ChatRequest(BaseModel):
    """The body of `POST /v1/chat/completions`. Unknown harmless parameters are ignored, unsupported ones refused."""

    model: str | None = Field(None, description="any name is accepted; the answer names the model that wrote it")
    messages: list[Message] = Field(
        min_length=1, max_length=MAX_MESSAGES, description="the last one is the question; only text"
    )
    temperature: float | None = Field(None, ge=0, le=2)
    top_p: float | None = Field(None, gt=0, le=1)
    max_tokens: int | None = Field(None, ge=1)
    max_completion_tokens: int | None = Field(None, ge=1, description="wins over max_tokens")
    stop: str | list[Annotated[str, Field(min_length=1)]] | None = Field(None, max_length=1000)
    seed: int | None = None
    stream: bool | None = False
    stream_options: StreamOptions | None = None
    user: str | None = None
    access: list[str] = Field(
        default_factory=list,
        description="not of OpenAI: labels of who asks, for callers with an API key; also documents with one are used",
    )

    @model_validator(mode="before")
    @classmethod
    def _refuse_unsupported(cls, body: Any) -> Any:
        for name, neutral in NEUTRAL.items() if isinstance(body, Mapping) else ():
            value = body.get(name)
            if value is not None and value not in neutral:
                raise BadRequest(f"{name!r} is not supported here", param=name, code="unsupported_parameter")
        return body

    @property
    def token_limit(self) -> int | None:
        """Tokens of the answer at most, where the caller says."""
        return self.max_completion_tokens or self.max_tokens

    @property
    def wants_usage(self) -> bool:
        return self.stream_options is not None and self.stream_options.include_usage

    def to_ask(self) -> Ask:
        """The last user message is the question, what stands before it the history; system messages are instructions.

        Raises:
            BadRequest: the last message is not a user's.
        """
        spoken = [message for message in self.messages if message.role in ("user", "assistant")]
        if not spoken or spoken[-1].role != "user":
            raise BadRequest("the last message must be the user's question", param="messages")
        return Ask(
            spoken[-1].content, history=[_langchain(message) for message in spoken[:-1]], options=self._options()
        )

    def _options(self) -> dict[str, Any]:
        instructions = [message.content for message in self.messages if message.role in ("system", "developer")]
        options = {
            "temperature": self.temperature,
            "top_p": self.top_p,
            "max_tokens": self.token_limit,
            "stop": [self.stop] if isinstance(self.stop, str) else self.stop,
            "seed": self.seed,
            "instructions": "\n\n".join(filter(None, instructions)) or None,
        }
        return {name: value for name, value in options.items() if value is not None}


def _part(part: Any) -> str:
    if isinstance(part, Mapping) and part.get("type") == "text" and isinstance(part.get("text"), str):
        return str(part["text"])
    kind = part.get("type") if isinstance(part, Mapping) else type(part).__name__
    raise ValueError(f"content part {kind!r} is not supported: only text")


def _langchain(message: Message) -> BaseMessage:
    kind = HumanMessage if message.role == "user" else AIMessage
    return kind(message.content)
