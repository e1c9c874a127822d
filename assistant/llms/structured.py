"""Structured output: a schema that vLLM's grammar enforces token by token, and the parsing of what comes out."""

from __future__ import annotations

import json
from collections.abc import Mapping
from operator import itemgetter
from typing import Any

from langchain_core.language_models import LanguageModelInput
from langchain_core.language_models.chat_models import BaseChatModel
from langchain_core.output_parsers import BaseOutputParser, JsonOutputParser, PydanticOutputParser
from langchain_core.runnables import Runnable, RunnableMap, RunnablePassthrough
from langchain_core.utils.function_calling import convert_to_json_schema
from langchain_core.utils.pydantic import is_basemodel_subclass

from assistant.errors import ConfigurationError

FORM = "Answer with one JSON object that follows this JSON schema:\n{schema}"
"""Told to the model, which otherwise would not know what the grammar makes it write, nor the fields' descriptions."""

METHODS = ("json_schema", "function_calling", "json_mode")


def structured_output(
    model: BaseChatModel,
    schema: Mapping[str, Any] | type | None,
    *,
    method: str,
    include_raw: bool,
    options: Mapping[str, Any],
) -> Runnable[LanguageModelInput, Any]:
    """`model` whose answers are instances of `schema`: pydantic class, TypedDict, or JSON schema (these two give dicts).

    Raises:
        ConfigurationError: the method is unknown, or needs a schema that is not given.
    """
    if method not in METHODS:
        raise ConfigurationError(
            f"with_structured_output: method {method!r} is unknown; use one of {', '.join(METHODS)}"
        )
    if schema is None and method != "json_mode":
        raise ConfigurationError(f"with_structured_output: method {method!r} needs a schema")
    grammar = {"json_object": True} if schema is None else {"json": _json_schema(schema)}
    traced = {"kwargs": {"method": method}, "schema": schema} if schema is not None else None
    bound = model.bind(structured_outputs=grammar, tell_schema=True, ls_structured_output_format=traced, **options)
    parser = _parser(schema)
    if not include_raw:
        return bound | parser
    parsed = RunnablePassthrough.assign(parsed=itemgetter("raw") | parser, parsing_error=lambda _: None)
    failed = RunnablePassthrough.assign(parsed=lambda _: None)
    return RunnableMap(raw=bound) | parsed.with_fallbacks([failed], exception_key="parsing_error")


def form_of(grammar: Mapping[str, Any]) -> str | None:
    """What a prompt says about a JSON `grammar`; None where there is no schema to tell."""
    schema = grammar.get("json")
    return FORM.format(schema=json.dumps(schema, ensure_ascii=False)) if schema else None


def _json_schema(schema: Any) -> dict[str, Any]:
    if (
        isinstance(schema, Mapping)
        and ("type" in schema or "anyOf" in schema or "$ref" in schema)
        and "title" not in schema
    ):
        return dict(schema)  # a bare JSON schema; LangChain's conversion insists on a title
    return convert_to_json_schema(schema)


def _parser(schema: Any) -> BaseOutputParser[Any]:
    if isinstance(schema, type) and is_basemodel_subclass(schema):
        return PydanticOutputParser(pydantic_object=schema)
    return JsonOutputParser()
