"""What containers answer, in the shapes of OpenAI's API, as LangChain's message chunks."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from langchain_core.messages import AIMessageChunk
from langchain_core.messages.ai import InputTokenDetails, UsageMetadata
from langchain_core.messages.tool import ToolCallChunk, tool_call_chunk
from langchain_core.outputs import ChatGenerationChunk

from assistant.llms.tools import ToolUse
from deploy.stream import Garbled


class Complaint(Exception):
    """The container says in its stream that it failed; `status` as of HTTP, None where it does not say."""

    def __init__(self, message: str, status: int | None) -> None:
        super().__init__(message)
        self.status = status


class Reply:
    """One answer as it comes; `finished` is true once the container has said why the answer ends, and not before."""

    def __init__(self, *, endpoint: str, tools: ToolUse) -> None:
        self.finished = False
        self.characters = 0
        self._tools = tools
        self._text = ""
        self._called = False
        self._usage: UsageMetadata | None = None
        self._metadata: dict[str, Any] = {"model_name": endpoint, "model_provider": "sagemaker"}

    def read(self, item: Mapping[str, Any]) -> Iterator[ChatGenerationChunk]:
        """The chunks of one object of the stream, or of a whole answer in one object.

        Raises:
            Complaint: it is an error.
            Garbled: it is no answer in OpenAI's shapes.
        """
        _check(item)
        if "choices" not in item and "usage" not in item:
            raise Garbled(f"an object has no 'choices' but {', '.join(map(repr, sorted(item)[:5])) or 'nothing'}")
        if isinstance(item.get("usage"), Mapping):
            self._usage = _usage(item["usage"])
        if item.get("model"):
            self._metadata["model_name"] = item["model"]
        for choice in item.get("choices") or ():
            if choice.get("index", 0) == 0:
                yield from self._choice(choice)

    def end(self) -> Iterator[ChatGenerationChunk]:
        """What was held back, and the last chunk, with usage and the reason why the answer ended."""
        if self._tools.forced:
            read = self._tools.read(self._text)
            calls = [
                tool_call_chunk(
                    name=call["name"], args=json.dumps(call["args"], ensure_ascii=False), id=call["id"], index=index
                )
                for index, call in enumerate(read.calls)
            ]
            yield from self._chunk(read.content, calls)
        if self._called and self._metadata.get("finish_reason") == "stop":
            self._metadata["finish_reason"] = "tool_calls"
        message = AIMessageChunk(
            content="", usage_metadata=self._usage, response_metadata=self._metadata, chunk_position="last"
        )
        yield ChatGenerationChunk(message=message)

    def _choice(self, choice: Mapping[str, Any]) -> Iterator[ChatGenerationChunk]:
        said = choice.get("delta") or choice.get("message") or {}
        text = said.get("content") or choice.get("text") or ""
        self.characters += len(text)
        if self._tools.forced:
            self._text += text
        else:
            thought = said.get("reasoning_content") or said.get("reasoning")
            calls = [_call(call, position) for position, call in enumerate(said.get("tool_calls") or ())]
            yield from self._chunk(text, calls, thought=thought, logprobs=choice.get("logprobs"))
        if reason := choice.get("finish_reason"):
            if reason in ("error", "abort"):
                raise Complaint(f"the container ended the answer with the reason {reason!r}", None)
            self.finished = True
            self._metadata["finish_reason"] = reason
            if choice.get("stop_reason") is not None:
                self._metadata["stop_reason"] = choice["stop_reason"]

    def _chunk(
        self, text: str, calls: list[ToolCallChunk], *, thought: str | None = None, logprobs: Any = None
    ) -> Iterator[ChatGenerationChunk]:
        self._called = self._called or bool(calls)
        if text or calls or thought or logprobs:
            message = AIMessageChunk(
                content=text,
                tool_call_chunks=calls,
                additional_kwargs={"reasoning_content": thought} if thought else {},
                response_metadata={"logprobs": logprobs} if logprobs else {},
            )
            yield ChatGenerationChunk(message=message)


def _check(item: Mapping[str, Any]) -> None:
    """vLLM and OpenAI put an object under `error`, LMI a text beside `code`; old vLLM says `"object": "error"`."""
    error = item if item.get("object") == "error" else item.get("error")
    if not error:
        return
    told = error if isinstance(error, Mapping) else {"message": error, "code": item.get("code")}
    code = told.get("code")
    raise Complaint(str(told.get("message") or error), code if isinstance(code, int) else None)


def _call(call: Mapping[str, Any], position: int) -> ToolCallChunk:
    function = call.get("function") or {}
    return tool_call_chunk(
        name=function.get("name"),
        args=function.get("arguments"),
        id=call.get("id"),
        index=call.get("index", position),
    )


def _usage(told: Mapping[str, Any]) -> UsageMetadata:
    read, written = told.get("prompt_tokens") or 0, told.get("completion_tokens") or 0
    cached = (told.get("prompt_tokens_details") or {}).get("cached_tokens") or 0
    return UsageMetadata(
        input_tokens=read,
        output_tokens=written,
        total_tokens=told.get("total_tokens") or read + written,
        input_token_details=InputTokenDetails(cache_read=cached),
    )
