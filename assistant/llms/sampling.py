"""Parameters of a call as vLLM's `SamplingParams`: what is unknown is refused by name, and the model's stop tokens always hold."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from assistant.errors import ConfigurationError, PromptTooLong, Rejected

if TYPE_CHECKING:
    from vllm import SamplingParams

OURS = {"output_kind", "skip_clone", "output_text_buffer_length", "detokenize", "structured_outputs"}
"""Fields of `SamplingParams` that are not for callers."""


def answer_room(prompt_tokens: int, *, asked: int | None, at_most: int | None, context: int) -> int:
    """Tokens the answer may have: `asked` exactly as the call says it, or as many as fit, limited by `at_most`.

    Raises:
        PromptTooLong: the prompt leaves no room, or less than `asked`.
    """
    room = context - prompt_tokens
    if room < (asked or 1):
        raise PromptTooLong(prompt_tokens=prompt_tokens, max_tokens=asked or 1, context_tokens=context)
    return min(room, at_most or room) if asked is None else asked  # vLLM refuses 0


def to_sampling_params(
    values: Mapping[str, Any], *, max_tokens: int, stops: Sequence[int], grammar: Mapping[str, Any] | None, stream: bool
) -> SamplingParams:
    """vLLM's parameters from `values`; `stops` are the ids at which the model's format ends a turn.

    Raises:
        ConfigurationError: a name that vLLM does not know.
        Rejected: a value that vLLM refuses.
    """
    from vllm import SamplingParams
    from vllm.exceptions import VLLMError
    from vllm.sampling_params import RequestOutputKind, StructuredOutputsParams

    _check_names(values, [name for name in SamplingParams.__struct_fields__ if name not in OURS and name[0] != "_"])
    known = dict(values)
    own = () if known.get("ignore_eos") else stops
    known["stop_token_ids"] = sorted({*(known.get("stop_token_ids") or ()), *own})
    kind = RequestOutputKind.DELTA if stream else RequestOutputKind.FINAL_ONLY
    try:
        structured = StructuredOutputsParams(**grammar) if grammar else None
        return SamplingParams(**known, max_tokens=max_tokens, output_kind=kind, structured_outputs=structured)
    except (VLLMError, TypeError, ValueError) as error:
        raise Rejected(f"vLLM refuses a parameter: {error}") from error


def _check_names(values: Mapping[str, Any], known: Sequence[str]) -> None:
    for name in values:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1, cutoff=0.0)
            raise ConfigurationError(f"unknown model parameter {name!r}; did you mean {near[0]!r}?")


def take_grammar(given: dict[str, Any]) -> dict[str, Any]:
    """vLLM's structured output, taken out of a call's arguments: `structured_outputs`, or an OpenAI `response_format`.

    Raises:
        Rejected: the type of `response_format` is not `json_schema`, `json_object` or `text`.
    """
    wanted = dict(given.pop("structured_outputs", None) or {})
    shape = given.pop("response_format", None) or {"type": "text"}
    match shape.get("type"):
        case "json_schema":
            return {"json": shape["json_schema"]["schema"]}
        case "json_object":
            return {"json_object": True}
        case "text":
            return wanted
    raise Rejected(f"response_format {shape.get('type')!r} is unknown: use json_schema, json_object or text")
