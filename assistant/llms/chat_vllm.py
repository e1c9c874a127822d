"""`ChatVLLM`: a LangChain chat model over vLLM running in this process, on a GPU or a CPU."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import aclosing, closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import LanguageModelInput
from langchain_core.language_models.base import LangSmithParams
from langchain_core.language_models.chat_models import BaseChatModel
from langchain_core.language_models.model_profile import ModelProfile
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGenerationChunk, ChatResult
from langchain_core.runnables import Runnable
from langchain_core.utils.function_calling import convert_to_openai_tool
from platformdirs import user_cache_path
from pydantic import Field, PrivateAttr, model_validator

from assistant.errors import ConfigurationError, Rejected
from assistant.llms import start, weights
from assistant.llms.codec import Codec, open_codec
from assistant.llms.dialog import ask_for, read_dialog
from assistant.llms.engine import Engine
from assistant.llms.lease import Lease
from assistant.llms.profile import read_profile
from assistant.llms.reply import ChunkReader, to_result
from assistant.llms.sampling import answer_room, take_grammar, to_sampling_params
from assistant.llms.structured import form_of, structured_output
from assistant.llms.tools import AUTO, NONE, OPENERS, ToolUse, read_choice

if TYPE_CHECKING:
    from vllm import SamplingParams


NOT_FOR_US = {"stream", "strict", "ls_structured_output_format"}
"""What LangChain passes along that is not for the model."""


def show_progress(message: str) -> None:
    """One line on stderr: what the engine does while it starts."""
    sys.stderr.write(f"assistant: {message}\n")


@dataclass(frozen=True, slots=True)
class Prepared:
    """One request, ready for the engine."""

    engine: Engine
    codec: Codec
    prompt_ids: list[int]
    params: SamplingParams
    tools: ToolUse


class ChatVLLM(BaseChatModel):
    """Answers with vLLM in this process; the engine starts at the first call (about 12 s on a CPU) or with `start`.

    Models of the same name and engine settings share one engine, from any thread and any event loop. Leaving a stream
    early, cancelling a task or dropping a stream aborts the request. `max_tokens` of the model is an upper limit that
    shrinks to what the context has left; given with a call it is meant exactly and raises `PromptTooLong` where it
    does not fit. What users and documents say is never read as control tokens. Every further parameter of
    vLLM's `SamplingParams` can be given with a call or, for all calls, in `model_kwargs`.
    """

    model: str = "smollm2-135m-instruct"
    """Built-in name, folder or hub id."""
    temperature: float = 0.0
    top_p: float = 1.0
    top_k: int | None = None
    max_tokens: int | None = 512
    """Tokens of an answer at most; None: as many as the context holds."""
    stop: list[str] | None = None
    seed: int | None = None
    model_kwargs: dict[str, Any] = Field(default_factory=dict)
    dtype: str = "auto"
    max_model_len: int | None = None
    kv_cache_gib: float | None = None
    max_concurrent: int = 32
    tool_parser: str | None = None
    chat_format: str | None = None
    engine_options: dict[str, Any] = Field(default_factory=dict)
    """Further vLLM engine arguments."""
    cache_dir: Path = Field(default_factory=lambda: user_cache_path("llama-assistant-sdk"))
    progress: Callable[[str], None] | None = Field(default=None, exclude=True, repr=False)
    """Is told what the engine does while it starts; unset: a line on stderr."""

    _lease: Lease = PrivateAttr(default_factory=Lease)

    # --- starting and ending ---

    def start(self) -> Self:
        """Start the engine now, or find it running.

        Raises:
            ConfigurationError: the model, an option or the installation is wrong.
            EngineUnavailable: memory is short, or vLLM could not start.
        """
        self._engine()
        return self

    async def astart(self) -> Self:
        """Same as `start`, without blocking the event loop."""
        return await asyncio.to_thread(self.start)

    def close(self) -> None:
        """Give the engine back; it ends with its last user. A later call starts it anew."""
        self._lease.close()

    async def aclose(self) -> None:
        """Same as `close`, without blocking the event loop."""
        await asyncio.to_thread(self.close)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.close()

    def _engine(self) -> Engine:
        config = start.EngineConfig(
            model=self.model,
            cache_dir=self.cache_dir,
            dtype=self.dtype,
            max_model_len=self.max_model_len,
            kv_cache_gib=self.kv_cache_gib,
            max_concurrent=self.max_concurrent,
            options=json.dumps(self.engine_options, sort_keys=True),
        )
        return self._lease.engine(config, self.progress or show_progress)

    def _codec(self) -> Codec:
        running = self._lease.running
        folder = running.folder if running else self._folder()
        trust = bool(self.engine_options.get("trust_remote_code", False))
        tokenizer = str(self.engine_options.get("tokenizer", folder))
        return open_codec(tokenizer, chat_format=self.chat_format, model=self.model, trust_remote_code=trust)

    def _folder(self) -> Path:
        dtype = start.resolve_dtype(self.dtype)
        return weights.locate(
            self.model, cache_dir=self.cache_dir, dtype=dtype, progress=self.progress or show_progress
        )

    # --- answering: the four hooks of LangChain ---

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        ready = self._prepare(messages, stop, kwargs, stream=False)
        (output,) = ready.engine.generate(ready.prompt_ids, ready.params)
        return to_result(output, model=self.model, tools=ready.tools, tokenizer=ready.codec.tokenizer)

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        ready = await asyncio.to_thread(self._prepare, messages, stop, kwargs, stream=False)
        async with aclosing(ready.engine.agenerate(ready.prompt_ids, ready.params)) as outputs:
            (output,) = [output async for output in outputs]
        return to_result(output, model=self.model, tools=ready.tools, tokenizer=ready.codec.tokenizer)

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        ready = self._prepare(messages, stop, kwargs, stream=True)
        reader = ChunkReader(model=self.model, tools=ready.tools, tokenizer=ready.codec.tokenizer)
        with closing(ready.engine.generate(ready.prompt_ids, ready.params)) as outputs:
            for output in outputs:
                yield from reader.read(output)

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        ready = await asyncio.to_thread(self._prepare, messages, stop, kwargs, stream=True)
        reader = ChunkReader(model=self.model, tools=ready.tools, tokenizer=ready.codec.tokenizer)
        async with aclosing(ready.engine.agenerate(ready.prompt_ids, ready.params)) as outputs:
            async for output in outputs:
                for chunk in reader.read(output):
                    yield chunk

    # --- one request ---

    def _prepare(
        self, messages: list[BaseMessage], stop: list[str] | None, kwargs: dict[str, Any], *, stream: bool
    ) -> Prepared:
        """Encode and check a request; starts the engine where it does not run yet, so it blocks."""
        given = {name: value for name, value in kwargs.items() if value is not None and name not in NOT_FOR_US}
        codec, held = self._codec(), self._engine()
        tools, grammar, turns = self._tools(given, codec), take_grammar(given), read_dialog(messages)
        if given.pop("tell_schema", False) and (form := form_of(grammar)):
            turns = ask_for(turns, form)
        if tools.forced:
            grammar = {"json": tools.schema()}
        prompt_ids = codec.format.encode(turns, tools.shown if codec.format.knows_tools else ())
        room = answer_room(
            len(prompt_ids), asked=given.pop("max_tokens", None), at_most=self.max_tokens, context=held.context_tokens
        )
        values = {**self._defaults(), **given, "stop": stop or given.get("stop") or self.stop}
        if stream and values.get("n", 1) != 1:
            raise Rejected(f"n={values['n']!r} answers cannot be streamed: use generate, or one call for each")
        params = to_sampling_params(
            values, max_tokens=room, stops=codec.format.stop_token_ids, grammar=grammar, stream=stream
        )
        if tools.choice == AUTO and tools.parser not in OPENERS:
            params.skip_special_tokens = False  # other parsers look for special tokens
        tools.load()
        return Prepared(held, codec, prompt_ids, params, tools)

    def _defaults(self) -> dict[str, Any]:
        own = {
            "temperature": self.temperature,
            "top_p": self.top_p,
            "top_k": self.top_k,
            "seed": self.seed,
            **self.model_kwargs,
        }
        return {name: value for name, value in own.items() if value is not None}

    def _tools(self, given: dict[str, Any], codec: Codec) -> ToolUse:
        tools = tuple(convert_to_openai_tool(tool) for tool in given.pop("tools", ()))
        choice = read_choice(given.pop("tool_choice", None), tools) if tools else NONE
        parallel = bool(given.pop("parallel_tool_calls", False))
        parser = self.tool_parser or codec.format.tool_parser
        if tools and choice == AUTO and parser is None:
            raise ConfigurationError(
                f"how {self.model!r} writes tool calls is not known: set engine.tool_parser to a vLLM tool parser, "
                "or use tool_choice='required' or a tool's name"
            )
        return ToolUse(tools, choice, parallel=parallel, parser=parser, tokenizer=codec.tokenizer)

    # --- LangChain's further surface ---

    def bind_tools(
        self, tools: Sequence[Any], *, tool_choice: str | bool | dict[str, Any] | None = None, **kwargs: Any
    ) -> Runnable[LanguageModelInput, AIMessage]:
        """This model with `tools`: `auto` (default) lets it choose, `required` or a name forces one call by grammar."""
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
        """This model with answers that follow `schema`; the grammar is always strict, and every method uses it."""
        return structured_output(self, schema, method=method, include_raw=include_raw, options=kwargs)

    def get_token_ids(self, text: str) -> list[int]:
        """Token ids of `text` as content, with the model's own tokenizer."""
        return self._codec().format.plain(text)

    def get_num_tokens(self, text: str) -> int:
        """Tokens of `text` as content, exactly; does not need the engine."""
        return len(self.get_token_ids(text))

    def get_num_tokens_from_messages(self, messages: list[BaseMessage], tools: Sequence[Any] | None = None) -> int:
        """Tokens of the whole prompt that `messages` become, exactly; does not need the engine."""
        shown = [convert_to_openai_tool(tool) for tool in tools or ()]
        return len(self._codec().format.encode(read_dialog(messages), shown))

    @property
    def _llm_type(self) -> str:
        return "vllm"

    @property
    def _identifying_params(self) -> dict[str, Any]:
        return {"model": self.model, "chat_format": self.chat_format, "max_tokens": self.max_tokens, **self._defaults()}

    def _get_ls_params(self, stop: list[str] | None = None, **kwargs: Any) -> LangSmithParams:
        params = LangSmithParams(
            ls_provider="vllm",
            ls_model_name=kwargs.get("model", self.model),
            ls_model_type="chat",
            ls_temperature=kwargs.get("temperature", self.temperature),
        )
        if limit := kwargs.get("max_tokens", self.max_tokens):
            params["ls_max_tokens"] = limit
        if stops := stop or self.stop:
            params["ls_stop"] = stops
        return params

    def _resolve_model_profile(self) -> ModelProfile | None:
        return read_profile(
            self.model,
            max_model_len=self.max_model_len,
            max_tokens=self.max_tokens,
            chat_format=self.chat_format,
        )

    @model_validator(mode="after")
    def _check_profile_keys(self) -> Self:  # LangChain's own warns of `parameters`, which is ours on purpose
        return self
