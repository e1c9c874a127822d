"""vLLM's outputs as LangChain messages."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_core.messages.ai import InputTokenDetails, UsageMetadata
from langchain_core.messages.tool import tool_call_chunk
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult

from assistant.llms.tools import Reply, ToolUse

if TYPE_CHECKING:
    from vllm import RequestOutput
    from vllm.outputs import CompletionOutput


def to_result(output: RequestOutput, *, model: str, tools: ToolUse, tokenizer: Any) -> ChatResult:
    """The finished `output` with one generation for each of its answers."""
    generations = []
    for answer in output.outputs:
        reply = tools.read(answer.text)
        metadata = _metadata(answer, model=model, called=bool(reply.calls)) | _logprobs(answer, tokenizer)
        usage = _usage(output, len(answer.token_ids))
        message = AIMessage(
            reply.content, tool_calls=list(reply.calls), usage_metadata=usage, response_metadata=metadata
        )
        generations.append(
            ChatGeneration(message=message, generation_info={"finish_reason": metadata["finish_reason"]})
        )
    written = sum(len(answer.token_ids) for answer in output.outputs)
    return ChatResult(generations=generations, llm_output={"token_usage": _usage(output, written), "model_name": model})


class ChunkReader:
    """Turns the deltas of one request into message chunks; keeps back what may become a tool call."""

    def __init__(self, *, model: str, tools: ToolUse, tokenizer: Any) -> None:
        self._model, self._tools, self._tokenizer = model, tools, tokenizer
        self._text = ""
        self._sent = 0
        self._tokens = 0

    def read(self, output: RequestOutput) -> Iterator[ChatGenerationChunk]:
        """Chunks of one delta; the last one carries usage and the reason why it ended."""
        answer = output.outputs[0]
        self._text += answer.text
        self._tokens += len(answer.token_ids)
        logprobs = _logprobs(answer, self._tokenizer)
        if not output.finished:
            settled = self._tools.settled(self._text)
            if settled > self._sent or logprobs:
                yield self._chunk(self._text[self._sent : settled], logprobs)
                self._sent = max(settled, self._sent)
            return
        reply = self._tools.read(self._text)
        if (rest := reply.content[self._sent :]) or reply.calls:
            yield self._calls(rest, reply)
        metadata = _metadata(answer, model=self._model, called=bool(reply.calls)) | logprobs
        message = AIMessageChunk(
            content="", usage_metadata=_usage(output, self._tokens), response_metadata=metadata, chunk_position="last"
        )
        yield ChatGenerationChunk(message=message)

    def _chunk(self, text: str, metadata: dict[str, Any]) -> ChatGenerationChunk:
        return ChatGenerationChunk(message=AIMessageChunk(content=text, response_metadata=metadata))

    def _calls(self, text: str, reply: Reply) -> ChatGenerationChunk:
        chunks = [
            tool_call_chunk(
                name=call["name"], args=json.dumps(call["args"], ensure_ascii=False), id=call["id"], index=index
            )
            for index, call in enumerate(reply.calls)
        ]
        return ChatGenerationChunk(message=AIMessageChunk(content=text, tool_call_chunks=chunks))


def _metadata(answer: CompletionOutput, *, model: str, called: bool) -> dict[str, Any]:
    reason = "tool_calls" if called and answer.finish_reason == "stop" else answer.finish_reason
    stop = {} if answer.stop_reason is None else {"stop_reason": answer.stop_reason}
    return {"model_name": model, "model_provider": "vllm", "finish_reason": reason, **stop}


def _usage(output: RequestOutput, written: int) -> UsageMetadata:
    prompt = len(output.prompt_token_ids or ())
    return UsageMetadata(
        input_tokens=prompt,
        output_tokens=written,
        total_tokens=prompt + written,
        input_token_details=InputTokenDetails(cache_read=output.num_cached_tokens or 0),
    )


def _logprobs(answer: CompletionOutput, tokenizer: Any) -> dict[str, Any]:
    """In the shape of OpenAI's `logprobs`: natural logarithms, the most likely tokens of each position."""
    if not answer.logprobs:
        return {}
    content = []
    for id, ranked in zip(answer.token_ids, answer.logprobs, strict=False):
        if ranked is None:
            continue
        top = [{"token": tokenizer.decode([other]), "logprob": found.logprob} for other, found in ranked.items()]
        content.append({"token": tokenizer.decode([id]), "logprob": ranked[id].logprob, "top_logprobs": top})
    return {"logprobs": {"content": content}}
