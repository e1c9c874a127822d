"""`ChatSageMaker`: a LangChain chat model on an Amazon SageMaker endpoint whose container speaks OpenAI's protocol."""

from __future__ import annotations

import asyncio
import itertools
import math
import time
from collections.abc import AsyncIterator, Generator, Iterator, Sequence
from contextlib import aclosing, closing
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Self

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import LanguageModelInput
from langchain_core.language_models.base import LangSmithParams
from langchain_core.language_models.chat_models import BaseChatModel, generate_from_stream
from langchain_core.language_models.model_profile import ModelProfile
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGenerationChunk, ChatResult
from langchain_core.runnables import Runnable
from langchain_core.utils.function_calling import convert_to_openai_tool
from platformdirs import user_cache_path
from pydantic import Field, PrivateAttr, model_validator

from assistant.backoff import backoff
from assistant.errors import PromptTooLong
from assistant.llms.codec import Codec
from assistant.llms.dialog import read_dialog
from assistant.llms.structured import structured_output
from assistant.llms.tools import read_choice
from assistant.tokens import estimate
from deploy.body import Request, make_request
from deploy.faults import EXPECTED, Fault, explain
from deploy.invoking import Exchange, Line, Target, state_of
from deploy.pump import pumped
from deploy.replies import Reply
from deploy.stream import JsonStream, Unfinished
from deploy.tokenizing import open_tokenizer, profile_of

Name = Annotated[str, Field(pattern=r"^[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}$")]
"""As SageMaker takes them (botocore 1.44, sagemaker-runtime: EndpointName), which boto3 does not check."""

WAKE_STEP = 15.0
"""Seconds between two looks at an endpoint that wakes up, at most."""


class ChatSageMaker(BaseChatModel):
    """Answers with the model behind a SageMaker endpoint, vLLM's container first: `ChatSageMaker(endpoint="llama")`.

    Every answer is streamed, also for `invoke`: an answer that is not must be whole within 60 seconds. What has come of
    an answer that breaks off stays, and an error says that it is not whole; a call is repeated only before its first
    word. Awaited calls run in threads of their own; leaving a stream early or cancelling a task ends it on the endpoint.

    With `tokenizer`, the model that the endpoint serves, prompts are written here and sent as token ids, the same as
    `ChatVLLM`'s: nothing that people or documents say can be read as control. Without it messages are sent, and an
    invisible character is put into whatever looks like a control token.
    """

    endpoint: Name
    """Name of the endpoint."""
    component: Name | None = None
    """Name of the inference component: of one that scales to zero, or of a LoRA adapter."""
    variant: Name | None = None
    served_model: str | None = None
    """What the container calls the model, where it serves several."""
    region: str | None = None
    aws_profile: str | None = None
    """Profile in AWS's configuration files."""
    endpoint_url: str | None = None
    """URL of the runtime's API, for VPC endpoints and local stand-ins."""
    attributes: str | None = None
    """SageMaker's CustomAttributes, handed to the container as they are."""
    tokenizer: str | None = None
    """Built-in name, folder or hub id of the model that the endpoint serves."""
    chat_format: str | None = None
    max_model_len: int | None = None
    """Context of the endpoint in tokens; unset: 4096 is assumed where it matters."""
    temperature: float = 0.0
    top_p: float = 1.0
    top_k: int | None = None
    max_tokens: int | None = 512
    """Tokens of an answer at most; it shrinks to what the context has left. Given with a call it is meant exactly."""
    stop: list[str] | None = None
    seed: int | None = None
    model_kwargs: dict[str, Any] = Field(default_factory=dict)
    """Further fields of every request, as the container knows them; not checked."""
    max_concurrent: int = Field(default=32, ge=1)
    """Answers under way at once; more wait."""
    max_retries: int = Field(default=2, ge=0)
    """Repeated calls, before the first word only."""
    wake_seconds: float = Field(default=0.0, ge=0)
    """How long a call waits for an endpoint that is scaled to zero or being created; 0: an error says so."""
    connect_timeout: float = Field(default=10.0, gt=0)
    timeout: float = Field(default=70.0, gt=0)
    """Seconds without a word; SageMaker gives a container 60 and asks clients for ten more (InvokeEndpoint, API reference)."""
    cache_dir: Path = Field(default_factory=lambda: user_cache_path("llama-assistant-sdk"))

    _line: Line = PrivateAttr(default_factory=Line)

    # --- starting and ending ---

    def start(self) -> Self:
        """Read the AWS configuration and the tokenizer now; calls nothing.

        Raises:
            ConfigurationError: no region, no such profile, or no usable tokenizer.
        """
        try:
            self._line.client(self._target())
        except EXPECTED as error:
            raise self._explain(error).error from None
        self._codec()
        return self

    async def astart(self) -> Self:
        """Same as `start`, without blocking the event loop."""
        return await asyncio.to_thread(self.start)

    def close(self) -> None:
        """Close the connections; a later call opens new ones."""
        self._line.close()

    async def aclose(self) -> None:
        """Same as `close`, without blocking the event loop."""
        await asyncio.to_thread(self.close)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.close()

    # --- answering: the four hooks of LangChain ---

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        return _told(generate_from_stream(self._stream(messages, stop, **kwargs)))

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        async with aclosing(self._pumped(messages, stop, kwargs)) as stream:
            chunks = [chunk async for chunk in stream]
        return _told(generate_from_stream(iter(chunks)))

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        with closing(self._chunks(messages, stop, kwargs, Exchange())) as chunks:
            yield from chunks

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        async with aclosing(self._pumped(messages, stop, kwargs)) as chunks:
            async for chunk in chunks:
                yield chunk

    def _pumped(self, messages: list[BaseMessage], stop: list[str] | None, kwargs: dict[str, Any]) -> Any:
        exchange = Exchange()
        items = partial(self._chunks, messages, stop, kwargs, exchange)
        return pumped(items, slots=self._line.slots(self._target()), cut=exchange.cut)

    # --- one answer ---

    def _chunks(
        self, messages: list[BaseMessage], stop: list[str] | None, kwargs: dict[str, Any], exchange: Exchange
    ) -> Generator[ChatGenerationChunk, None, None]:
        """Ask until there is a first word, an error that stays, or no time left; then the answer as it comes."""
        request = self._request(messages, stop, kwargs)
        until = time.monotonic() + self.wake_seconds
        for attempt in itertools.count(1):
            if exchange.ended:
                return
            reply = Reply(endpoint=self.endpoint, tools=request.tools)
            begun = False
            try:
                with closing(self._once(request, reply, exchange)) as chunks:
                    for chunk in chunks:
                        begun = True
                        yield chunk
                return
            except EXPECTED as error:
                if exchange.ended:
                    return  # nobody listens
                fault = self._explain(error, characters=max(reply.characters, 1) if begun else 0)
            if (
                isinstance(fault.error, PromptTooLong)
                and not request.exact
                and request.fields["max_tokens"] is not None
            ):
                request.fields["max_tokens"] = None  # the container takes what the context has left
            elif begun or not self._again(fault, attempt, until=until, exchange=exchange):
                raise fault.error from None

    def _once(self, request: Request, reply: Reply, exchange: Exchange) -> Generator[ChatGenerationChunk, None, None]:
        target = self._target()
        client, objects = self._line.client(target), JsonStream()
        try:
            for part in exchange.parts(client, target, request.encode()):
                for item in objects.feed(part):
                    yield from reply.read(item)
            for item in objects.end():
                yield from reply.read(item)
        except EXPECTED:
            if not reply.finished:  # else the answer is whole, and only the figures after it are lost
                raise
        if not reply.finished:
            raise Unfinished("its stream ended before the answer did")
        yield from reply.end()

    def _again(self, fault: Fault, attempt: int, *, until: float, exchange: Exchange) -> bool:
        """Whether to ask again, after the pause that is due."""
        left = until - time.monotonic()
        if fault.wakes and left > 0:
            return not exchange.wait(min(left, backoff(attempt, longest=WAKE_STEP)))
        return fault.again and attempt <= self.max_retries and not exchange.wait(backoff(attempt, first=0.5, longest=8))

    def _request(self, messages: list[BaseMessage], stop: list[str] | None, kwargs: dict[str, Any]) -> Request:
        own = {"temperature": self.temperature, "top_p": self.top_p, "top_k": self.top_k, "seed": self.seed}
        defaults = own | {"model": self.served_model, "stop": stop or kwargs.get("stop") or self.stop}
        return make_request(
            messages,
            given={name: value for name, value in kwargs.items() if name != "stop"},
            defaults={name: value for name, value in (defaults | self.model_kwargs).items() if value is not None},
            codec=self._codec(),
            at_most=self.max_tokens,
            context=self.max_model_len,
        )

    def _target(self) -> Target:
        return Target(
            endpoint=self.endpoint,
            component=self.component,
            variant=self.variant,
            attributes=self.attributes,
            region=self.region,
            profile=self.aws_profile,
            endpoint_url=self.endpoint_url,
            connect_timeout=self.connect_timeout,
            timeout=self.timeout,
            connections=self.max_concurrent,
        )

    def _explain(self, error: Exception, *, characters: int = 0) -> Fault:
        target = self._target()
        return explain(error, target, characters=characters, state=partial(state_of, target))

    def _codec(self) -> Codec | None:
        if self.tokenizer is None:
            return None
        return open_tokenizer(self.tokenizer, chat_format=self.chat_format, cache_dir=self.cache_dir)

    # --- LangChain's further surface ---

    def bind_tools(
        self, tools: Sequence[Any], *, tool_choice: str | bool | dict[str, Any] | None = None, **kwargs: Any
    ) -> Runnable[LanguageModelInput, AIMessage]:
        """This model with `tools`: `auto` (default) needs a container that reads tool calls, such as vLLM with
        `--enable-auto-tool-choice`; `required` or a name forces a call by grammar."""
        formatted = [convert_to_openai_tool(tool) for tool in tools]
        choice = {} if tool_choice is None else {"tool_choice": read_choice(tool_choice, formatted)}
        return self.bind(tools=formatted, **choice, **kwargs)

    def with_structured_output(
        self,
        schema: Any = None,
        *,
        include_raw: bool = False,
        method: str = "json_schema",
        strict: bool | None = None,
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, Any]:
        """This model with answers that follow `schema`; the container's grammar enforces it, whatever the method."""
        return structured_output(self, schema, method=method, include_raw=include_raw, options=kwargs)

    def get_token_ids(self, text: str) -> list[int]:
        """Token ids of `text` as content; only with a `tokenizer`."""
        codec = self._codec()
        return codec.format.plain(text) if codec else super().get_token_ids(text)

    def get_num_tokens(self, text: str) -> int:
        """Tokens of `text`: exact with a `tokenizer`, else an estimate that is rather too high."""
        codec = self._codec()
        return len(codec.format.plain(text)) if codec else estimate(text)

    def get_num_tokens_from_messages(self, messages: list[BaseMessage], tools: Sequence[Any] | None = None) -> int:
        """Tokens of the prompt that `messages` become: exact with a `tokenizer`, else an estimate."""
        codec = self._codec()
        if codec is None:
            return sum(estimate(str(message.text)) + 8 for message in messages)
        return len(codec.format.encode(read_dialog(messages), [convert_to_openai_tool(tool) for tool in tools or ()]))

    @property
    def _llm_type(self) -> str:
        return "sagemaker"

    @property
    def _identifying_params(self) -> dict[str, Any]:
        names = ("endpoint", "component", "variant", "served_model", "region", "tokenizer", "max_tokens", "temperature")
        return {name: value for name in names if (value := getattr(self, name)) is not None}

    def _get_ls_params(self, stop: list[str] | None = None, **kwargs: Any) -> LangSmithParams:
        params = LangSmithParams(
            ls_provider="sagemaker",
            ls_model_name=kwargs.get("model", self.served_model or self.endpoint),
            ls_model_type="chat",
            ls_temperature=kwargs.get("temperature", self.temperature),
        )
        if limit := kwargs.get("max_tokens", self.max_tokens):
            params["ls_max_tokens"] = limit
        if stops := stop or self.stop:
            params["ls_stop"] = stops
        return params

    def _resolve_model_profile(self) -> ModelProfile | None:
        room = min(self.max_model_len or math.inf, self.max_tokens or math.inf)
        return profile_of(
            self.endpoint,
            tokenizer=self.tokenizer,
            context=self.max_model_len,
            longest=int(room) if room < math.inf else None,
        )

    @model_validator(mode="after")
    def _check_profile_keys(self) -> Self:  # LangChain's own warns of `parameters`, which is ours on purpose
        return self


def _told(result: ChatResult) -> ChatResult:
    """With the figures where LangChain's callbacks look for them."""
    message: Any = result.generations[0].message
    metadata = message.response_metadata
    result.generations[0].generation_info = {"finish_reason": metadata.get("finish_reason")}
    result.llm_output = {"token_usage": message.usage_metadata or {}, "model_name": metadata.get("model_name")}
    return result
