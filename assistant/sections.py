"""The sections of the configuration, each key with what it does, its default and its bounds."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, field_validator, model_validator

from assistant.knowledge.partitions import labels


def _split(value: Any) -> Any:
    """`a, b` as an environment variable says it is the list `["a", "b"]`."""
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


Listed = BeforeValidator(_split)

ORIGIN = re.compile(r"https?://(\*\.)?[A-Za-z0-9.-]+(:(\d{1,5}|\*))?|https?://\[[0-9A-Fa-f:]+\](:\d{1,5})?")
"""Scheme, host (all hosts below one with `*.`) and port (`*`: any), as CSP's frame-ancestors takes them (W3C CSP 3, 2.3.1)."""


class Section(BaseModel):
    """One table of the configuration: no unknown keys, no changes after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _empty_is_unset(cls, values: Any) -> Any:
        """A key that may be unset, or a folder, is unset by an empty text, as `KEY=` in an environment file says it."""
        if not isinstance(values, Mapping):
            return values
        kinds = {name: field.annotation for name, field in cls.model_fields.items()}
        optional = {name for name, kind in kinds.items() if kind is Path or type(None) in get_args(kind)}
        return {key: value for key, value in values.items() if not (value == "" and key in optional)}


class Engine(Section):
    """The model that writes the answers."""

    kind: str = Field(
        default="vllm", description="vllm, openai, sagemaker or package.module:Class of a LangChain chat model"
    )
    model: str = Field(
        default="smollm2-135m-instruct",
        description="built-in name, folder or hub id; the name of the endpoint (kind sagemaker)",
    )
    base_url: str | None = Field(default=None, description="server URL ending in /v1 (kind openai)")
    api_key: SecretStr | None = Field(default=None, description="secret of that server")
    dtype: Literal["auto", "bfloat16", "float16", "float32"] = Field(
        default="auto", description="number format of the weights"
    )
    max_model_len: int | None = Field(
        default=None, ge=256, description="context in tokens; unset: the model's own, at most 8192 on a CPU"
    )
    kv_cache_gib: float | None = Field(
        default=None, gt=0, description="memory for the KV cache in GiB; unset: sized to the machine"
    )
    max_concurrent: int = Field(default=32, ge=1, description="requests decoded together")
    tool_parser: str | None = Field(default=None, description="vLLM tool parser; unset: the model family's")
    chat_format: str | None = Field(default=None, description="prompt format; unset: read from the model")
    options: dict[str, Any] = Field(
        default_factory=dict,
        repr=False,
        description="further vLLM engine arguments, or arguments of the LangChain class",
    )


class KnowledgeSettings(Section):
    """The documents that answers come from."""

    url: str = Field(default="", description="empty: embedded Chroma; http://host:port: a Chroma server")
    collection: str = Field(
        default="knowledge", min_length=3, max_length=63, description="name of the Chroma collection"
    )
    embedding_model: str = Field(
        default="multilingual-e5-small", description="built-in name, folder, hub id or package.module:Class"
    )
    passages: int = Field(default=5, ge=1, le=50, description="passages retrieved for a question")
    chunk_tokens: int = Field(
        default=256, ge=32, le=8192, description="size of a passage in tokens of the embedding model"
    )
    min_score: float | None = Field(
        default=None,
        ge=0,
        le=1,
        description="score below which a passage is not shown to the model; unset: whether there is an answer decides",
    )
    reranker: str = Field(
        default="",
        description="orders what was found: llm, cross-encoder folder or hub id, package.module:Class; empty: none",
    )
    context_tokens: int = Field(
        default=1500,
        ge=0,
        le=100_000,
        description="room that passages are widened to with the text around them; 0: as found",
    )
    max_file_mib: float = Field(default=64, gt=0, description="larger files are refused")
    max_seconds: float = Field(default=60, gt=0, description="time one document may take to load")
    allow_private_urls: bool = Field(default=False, description="let URLs reach private and loopback addresses")


class Chat(Section):
    """How a turn is answered."""

    grounding: Literal["strict", "prefer", "off"] = Field(
        default="strict",
        description="strict: only what documents support; prefer: else says it is not from them; off: no retrieval",
    )
    min_confidence: float | None = Field(
        default=None,
        ge=0,
        le=1,
        description="how likely there is an answer, below which strict refuses; 0: never for this reason; unset: 0.23",
    )
    temperature: float = Field(default=0.0, ge=0, le=2, description="0: the likeliest words; higher: more varied")
    max_tokens: int = Field(default=512, ge=1, description="tokens of an answer at most")
    passages: int | None = Field(
        default=None, ge=1, le=50, description="passages shown to the model; unset: sized to the model"
    )
    history_turns: int = Field(default=6, ge=0, le=100, description="earlier turns shown to the model at most")
    instructions: str = Field(default="", description="added to the system prompt: tone, name, scope")


class State(Section):
    """Where conversations and the inbox are kept."""

    url: str | None = Field(
        default=None,
        repr=False,  # may hold a password
        pattern=r"^(sqlite|postgresql)(\+\w+)?://",
        description="sqlite:///… or postgresql://…; unset: SQLite under data_dir",
    )


class InboxSettings(Section):
    """How messages of the platforms are answered."""

    concurrency: int = Field(default=64, ge=1, le=1000, description="conversations answered at once, in one process")
    attempts: int = Field(default=5, ge=1, le=100, description="of an answer or a send, before it is a dead letter")
    turn_seconds: float = Field(default=300, gt=0, description="time one answer may take")
    unknown_sends: Literal["resend", "park"] = Field(
        default="resend",
        description="a send whose outcome nobody knows: resend: may double, never missing; park: a person decides",
    )
    burst_seconds: float = Field(
        default=0,
        ge=0,
        le=60,
        description="quick messages of one person within this time are one turn; 0: each its own",
    )
    retention_days: float = Field(default=30, ge=30, description="how long answered messages are remembered")
    grace_seconds: float = Field(default=25, ge=0, le=600, description="what running answers get after SIGTERM")
    log_text: bool = Field(default=False, description="let the log line of a turn hold the question")
    takeover_hours: float = Field(
        default=12,
        gt=0,
        le=24 * 365,
        description="after the last message of a person who took a conversation over, until the bot answers there again",
    )


class Bot(Section):
    """What people on the messaging platforms get."""

    greeting: str = Field(default="", description="what /start says; empty: what the bot does, in the user's language")
    human: str | None = Field(default=None, description="what /human says: how to reach a person; unset: nobody")
    handover: bool = Field(
        default=True, description="let /human give the conversation to a person, where the platform has people answer"
    )
    commented: str = Field(
        default="",
        description="said publicly below a comment that is answered in private; empty: so, in the user's language",
    )
    sources: Literal["button", "list", "off"] = Field(
        default="button",
        description="button: below the answer, where the platform has buttons, else a list; list; off",
    )
    feedback: bool = Field(default=True, description="offer 👍 and 👎 where the platform has buttons")
    documents: bool = Field(default=True, description="read documents that are sent, for that conversation only")
    max_file_mib: float = Field(default=10, gt=0, description="larger documents and recordings are refused")
    max_documents: int = Field(default=20, ge=1, description="documents one conversation may hold")
    transcriber: str = Field(
        default="", description="package.module:Class that writes down recordings; empty: they are not understood"
    )
    access: Annotated[list[str], Listed] = Field(
        default_factory=list, description="labels of everyone on the platforms, beside that of the conversation"
    )

    @field_validator("access")
    @classmethod
    def _labels(cls, given: list[str]) -> list[str]:
        return list(labels(given))


class Server(Section):
    """The HTTP surface."""

    host: str = Field(default="127.0.0.1", description="address to listen at; beyond loopback api_keys must be set")
    port: int = Field(default=8000, ge=0, le=65535, description="port to listen at; 0: any free one")
    public_url: str | None = Field(default=None, description="the URL platforms reach the webhooks at")
    api_keys: Annotated[list[SecretStr], Listed] = Field(
        default_factory=list, description="keys that /v1 asks for; empty: none"
    )
    cors_origins: Annotated[list[str], Listed] = Field(
        default_factory=list, description="web pages allowed to call the API"
    )
    trusted_network: bool = Field(
        default=False, description="callers were checked before they reach the port (SageMaker): listen anywhere"
    )
    max_body_mib: float = Field(default=32, gt=0, description="larger requests are refused with 413")
    max_concurrent: int = Field(default=64, ge=1, description="answers generated at once; more are refused with 429")
    title: str = Field(default="Assistant", description="name shown on the chat page")


class Web(Section):
    """The chat page and the chat in other sites."""

    public: bool = Field(default=False, description="visitors chat without an API key although server.api_keys is set")
    allowed_origins: Annotated[list[str], Listed] = Field(
        default_factory=list, description="sites that may embed the chat: https://www.example.com; empty: none"
    )
    greeting: str = Field(default="", max_length=500, description="first words of the chat; empty: the page's own")
    colour: str = Field(
        default="#1f5fbf", pattern=r"^#[0-9a-fA-F]{6}$", description="of buttons and of what the visitor says"
    )
    colour_dark: str | None = Field(
        default=None, pattern=r"^#[0-9a-fA-F]{6}$", description="the same where the visitor prefers dark; unset: colour"
    )
    messages_per_minute: int = Field(default=10, ge=1, description="of one session")
    address_messages_per_minute: int = Field(
        default=60, ge=1, description="of one client address, over all its sessions"
    )

    @field_validator("allowed_origins")
    @classmethod
    def _are_origins(cls, origins: list[str]) -> list[str]:
        """They become part of a header: nothing but origins may stand there."""
        for origin in origins:
            if not ORIGIN.fullmatch(origin):
                raise ValueError(f"{origin!r} is no origin: write https://www.example.com, without a path")
        return origins


class Safety(Section):
    """Limits on what users may do."""

    max_question_chars: int = Field(default=8000, ge=1, description="longer questions are refused")
