"""What is sent to the container: a dialog as OpenAI chat messages, or as the very token ids the model is to read."""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from langchain_core.messages import BaseMessage
from langchain_core.utils.function_calling import convert_to_openai_tool

from assistant.errors import ConfigurationError, Rejected
from assistant.llms.codec import Codec
from assistant.llms.defuse import defused
from assistant.llms.dialog import Turn, ask_for, read_dialog
from assistant.llms.sampling import answer_room, take_grammar
from assistant.llms.structured import form_of
from assistant.llms.tools import AUTO, NONE, ToolUse, read_choice

MAX_BYTES = 6_291_456
"""The largest request SageMaker takes (botocore 1.44, sagemaker-runtime, BodyBlob)."""

NOT_SENT = {"stream", "strict", "ls_structured_output_format"}
"""What LangChain passes along that is not for the container."""

SAMPLING = frozenset(
    {
        "allowed_token_ids",
        "bad_words",
        "cache_salt",
        "frequency_penalty",
        "ignore_eos",
        "include_stop_str_in_output",
        "length_penalty",
        "logit_bias",
        "min_p",
        "min_tokens",
        "model",
        "presence_penalty",
        "priority",
        "repetition_penalty",
        "request_id",
        "seed",
        "session_id",
        "skip_special_tokens",
        "spaces_between_special_tokens",
        "stop",
        "stop_token_ids",
        "temperature",
        "thinking_token_budget",
        "top_k",
        "top_p",
        "truncate_prompt_tokens",
        "truncation_side",
        "user",
        "vllm_xargs",
    }
)
"""Parameters of a call that vLLM 0.32 takes for messages and for token ids alike; it ignores unknown ones silently."""

CHAT = frozenset(
    {
        "chat_template",
        "chat_template_kwargs",
        "documents",
        "include_reasoning",
        "logprobs",
        "reasoning_effort",
        "top_logprobs",
    }
)
"""Those that it takes for messages only."""


@dataclass(slots=True)
class Request:
    """The JSON object to send; `exact` where the caller means `max_tokens` exactly.

    `tools` reads a forced call, whose grammar the container was given, out of the text.
    """

    fields: dict[str, Any]
    exact: bool
    tools: ToolUse = field(default_factory=ToolUse)

    def encode(self) -> bytes:
        """The bytes of the body.

        Raises:
            Rejected: SageMaker does not take as many.
        """
        body = json.dumps(self.fields, ensure_ascii=False).encode("utf-8", "replace")
        if len(body) > MAX_BYTES:
            raise Rejected(f"the request has {len(body):,} bytes and SageMaker takes {MAX_BYTES:,}: shorten the prompt")
        return body


def make_request(
    messages: Sequence[BaseMessage],
    *,
    given: dict[str, Any],
    defaults: Mapping[str, Any],
    codec: Codec | None,
    at_most: int | None,
    context: int | None,
) -> Request:
    """The request for an answer to `messages`; `given` are the parameters of the call, which win over `defaults`.

    With a `codec` the prompt is encoded here, as `ChatVLLM` does it: what people and documents say becomes no control
    token. Only where the model is free to call tools are messages sent also then, for the container reads the calls.
    `at_most` limits the answer where the call does not, `context` is the model's where it is known, in tokens.

    Raises:
        ConfigurationError: a parameter is unknown.
        Rejected: a message or a parameter has no place in a request.
        PromptTooLong: the prompt leaves no room for the answer in `context`.
    """
    given = {name: value for name, value in given.items() if value is not None and name not in NOT_SENT}
    if given.pop("n", 1) != 1:
        raise Rejected("several answers to one prompt (n) cannot be streamed: use one call for each")
    tools = tuple(convert_to_openai_tool(tool) for tool in given.pop("tools", ()))
    choice = read_choice(given.pop("tool_choice", None), tools) if tools else NONE
    use = ToolUse(tools, choice, parallel=bool(given.pop("parallel_tool_calls", False)))
    grammar, turns = take_grammar(given), read_dialog(messages)
    if given.pop("tell_schema", False) and (form := form_of(grammar)):
        turns = ask_for(turns, form)
    asked = given.pop("max_tokens", None)
    fields = {
        **defaults,
        **given,
        **_grammar({"json": use.schema()} if use.forced else grammar),
        "max_tokens": asked or at_most,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    if codec is None or choice == AUTO:
        _check_names(given, SAMPLING | CHAT)
        return Request(fields | _messages(turns, use), exact=asked is not None, tools=use)
    _check_names(given, SAMPLING)
    ids = codec.format.encode(turns, use.shown if codec.format.knows_tools else ())
    if context is not None:
        fields["max_tokens"] = answer_room(len(ids), asked=asked, at_most=at_most, context=context)
    ends = () if fields.get("ignore_eos") else codec.format.stop_token_ids
    fields["stop_token_ids"] = sorted({*fields.get("stop_token_ids", ()), *ends})
    prompt = {"prompt": ids, "add_special_tokens": False}
    return Request(fields | prompt, exact=asked is not None, tools=use)


def _check_names(given: Mapping[str, Any], known: frozenset[str]) -> None:
    for name in given:
        if name not in known:
            near = difflib.get_close_matches(name, sorted(known), n=1, cutoff=0.0)[0]
            raise ConfigurationError(
                f"unknown model parameter {name!r}; did you mean {near!r}? What only your container knows goes into "
                "model_kwargs"
            )


def _messages(turns: Sequence[Turn], use: ToolUse) -> dict[str, Any]:
    """OpenAI's messages and tools. Text is all they can carry, so what looks like control in it is broken up.

    A forced call is left to the grammar: what vLLM 0.32 makes of `tool_choice` does not hold the arguments to their
    schema (it let `"gaben"` through where an object was asked for), and other containers need a parser for it.
    """
    fields: dict[str, Any] = {"messages": [_message(turn) for turn in turns]}
    if use.shown:
        fields["tools"] = list(use.shown)
        fields["tool_choice"] = AUTO if use.choice == AUTO else NONE
    return fields


def _message(turn: Turn) -> dict[str, Any]:
    message: dict[str, Any] = {"role": turn.role, "content": defused(turn.content)}
    if turn.tool_calls:
        message["tool_calls"] = [
            {
                "id": call.id,
                "type": "function",
                "function": {"name": call.name, "arguments": defused(json.dumps(dict(call.arguments)))},
            }
            for call in turn.tool_calls
        ]
    if turn.role == "tool":
        message["tool_call_id"] = turn.tool_call_id
    return message


def _grammar(grammar: Mapping[str, Any]) -> dict[str, Any]:
    """As OpenAI's `response_format`, which every container knows, where that can say it; else vLLM's own field."""
    if schema := grammar.get("json"):
        told = json.loads(schema) if isinstance(schema, str) else schema
        shape = {"name": "answer", "schema": told, "strict": True}
        return {"response_format": {"type": "json_schema", "json_schema": shape}}
    if grammar.get("json_object"):
        return {"response_format": {"type": "json_object"}}
    return {"structured_outputs": dict(grammar)} if grammar else {}
