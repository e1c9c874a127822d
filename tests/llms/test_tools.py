"""Tool calls are read alike from a stream and from a whole text."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from services import need
from tiny_models import tokenizer_of

from assistant.errors import ConfigurationError, Rejected
from assistant.llms.tools import OPENERS, ToolUse, read_choice

need("vllm")

WEATHER = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
TOOLS = tuple({"type": "function", "function": {"name": name, "parameters": WEATHER}} for name in ("weather", "time"))
PARIS = {"city": "Paris"}
CASES = {
    "llama3_json": [
        ('{"name": "weather", "parameters": {"city": "Paris"}}', "", [("weather", PARIS)]),
        ('<|python_tag|>{"name": "weather", "parameters": {"city": "Paris"}}', "", [("weather", PARIS)]),
        ('{"type": "function", "name": "weather", "parameters": {"city": "Paris"}}', "", [("weather", PARIS)]),
        (
            '{"name": "weather", "parameters": {"city": "Paris"}}; {"name": "time", "parameters": {"city": "Rome"}}',
            "",
            [("weather", PARIS), ("time", {"city": "Rome"})],
        ),
        ('Sure! {"name": "weather", "parameters": {"city": "Paris"}}', "Sure! ", [("weather", PARIS)]),
        ("plain {not json} answer", "plain {not json} answer", []),
        ('{"name": "weather", "parameters": {"city": ', '{"name": "weather", "parameters": {"city": ', []),
        ("", "", []),
    ],
    "hermes": [
        (
            'Look: <tool_call>\n{"name": "weather", "arguments": {"city": "Paris"}}\n</tool_call>',
            "Look: ",
            [("weather", PARIS)],
        ),
        ("a <tool that is none", "a <tool that is none", []),
    ],
    "pythonic": [
        ('[weather(city="Paris"), time(city="Rome")]', "", [("weather", PARIS), ("time", {"city": "Rome"})]),
        ("a list [1, 2] of numbers", "a list [1, 2] of numbers", []),
    ],
}
FLAT = [(parser, *case) for parser, cases in CASES.items() for case in cases]


def use(parser: str | None, choice: str = "auto") -> ToolUse:
    return ToolUse(TOOLS, choice, parser=parser, tokenizer=tokenizer_of("llama3"))


def streamed(tools: ToolUse, pieces: list[str]) -> tuple[str, list[tuple[str, Any]]]:
    """As `ChunkReader` does: what is settled goes out at once, the rest at the end."""
    text, sent = "", ""
    for piece in pieces:
        text += piece
        sent += text[len(sent) : max(tools.settled(text), len(sent))]
    reply = tools.read(text)
    assert reply.content.startswith(sent)
    return sent + reply.content[len(sent) :], [(call["name"], call["args"]) for call in reply.calls]


@pytest.mark.parametrize(("parser", "text", "content", "calls"), FLAT)
def test_a_whole_answer_is_read(parser: str, text: str, content: str, calls: list[Any]) -> None:
    reply = use(parser).read(text)
    assert (content, calls) == (reply.content, [(call["name"], call["args"]) for call in reply.calls])


@pytest.mark.parametrize(("parser", "text", "content", "calls"), FLAT)
def test_a_streamed_answer_is_read_alike(parser: str, text: str, content: str, calls: list[Any]) -> None:
    assert (content, calls) == streamed(use(parser), list(text))


@settings(deadline=None, max_examples=200)
@given(
    st.sampled_from(sorted(OPENERS)),
    st.lists(st.sampled_from(['{"name"', ": ", "{", "}", "[a(", "<tool_", "call>", "x"])),
)
def test_nothing_that_was_streamed_is_taken_back(parser: str, pieces: list[str]) -> None:
    streamed(use(parser), pieces)


def test_text_before_a_call_is_streamed_at_once() -> None:
    assert len("Sure, ") == use("llama3_json").settled('Sure, {"na')
    assert len("a {x} b") == use("llama3_json").settled("a {x} b")


def test_with_an_unknown_family_everything_waits_for_the_end() -> None:
    assert use("qwen3_xml").settled("text") == 0


def test_without_tools_everything_is_content() -> None:
    assert ToolUse().settled('{"name": "weather"') == 18
    assert ToolUse().read('{"name": "weather"').content == '{"name": "weather"'


def test_a_forced_call_is_the_whole_answer() -> None:
    reply = use(None, "weather").read('{"name": "weather", "arguments": {"city": "Paris"}}')
    assert ("", ["weather"]) == (reply.content, [call["name"] for call in reply.calls])


def test_the_grammar_of_a_required_call_allows_every_tool() -> None:
    names = [option["properties"]["name"]["const"] for option in use(None, "required").schema()["anyOf"]]
    assert names == ["weather", "time"]


def test_an_unknown_parser_is_named_with_those_there_are() -> None:
    with pytest.raises(ConfigurationError, match=r"'nosuch' is unknown to vLLM; there are .*hermes"):
        use("nosuch").read("text")


@pytest.mark.parametrize(
    ("given", "meant"),
    [(None, "auto"), ("any", "required"), (True, "required"), (False, "none"), ("time", "time"), ("none", "none")],
)
def test_choices_are_understood(given: Any, meant: str) -> None:
    assert meant == read_choice(given, TOOLS)
    assert read_choice({"type": "function", "function": {"name": "time"}}, TOOLS) == "time"


def test_a_choice_that_is_no_tool_is_refused() -> None:
    with pytest.raises(Rejected, match="'date' is not among the tools: weather, time"):
        read_choice("date", TOOLS)
