"""The one way Markdown is read: CommonMark with tables and strikethrough; raw HTML is text, and nothing is ever skipped."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import regex
from markdown_it import MarkdownIt
from markdown_it.rules_block import StateBlock, blockquote, list_block
from markdown_it.rules_core import StateCore
from markdown_it.token import Token
from markdown_it.tree import SyntaxTreeNode

DEEPEST = 14
"""Level at which no further quote or list starts. A list takes two; beyond 20, markdown-it skips what it has not read."""
STYLES = ("em", "strong", "s")
UNSENDABLE = regex.compile(r"[\x00\uD800-\uDFFF]")


def clean(text: str) -> str:
    """The text without what no platform takes: NUL and lone surrogates are U+FFFD, as CommonMark does with NUL."""
    return UNSENDABLE.sub("\ufffd", text)


def tree(text: str) -> SyntaxTreeNode:
    """The syntax tree of a Markdown text; its depth is bounded whatever the text is."""
    return SyntaxTreeNode(_parser().parse(clean(text)))


@cache
def _parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])
    interrupted = ["paragraph", "reference", "blockquote"]
    parser.block.ruler.at("blockquote", _bounded(blockquote), {"alt": [*interrupted, "list"]})
    parser.block.ruler.at("list", _bounded(list_block), {"alt": interrupted})
    parser.core.ruler.push("one_of_each", _one_of_each)
    return parser


def _bounded(rule: Callable[[StateBlock, int, int, bool], bool]) -> Callable[[StateBlock, int, int, bool], bool]:
    def bounded(state: StateBlock, start: int, end: int, silent: bool) -> bool:
        return state.level < DEEPEST and rule(state, start, end, silent)

    return bounded


def _one_of_each(state: StateCore) -> None:
    """Bold in bold is bold: without the inner one, inline styles nest four deep at most."""
    for token in state.tokens:
        if token.children:
            token.children = _distinct(token.children)


def _distinct(tokens: list[Token]) -> list[Token]:
    kept: list[Token] = []
    nested = dict.fromkeys(STYLES, 0)
    for token in tokens:
        name = token.type.rpartition("_")[0]
        if name not in nested:
            kept.append(token)
            continue
        nested[name] += min(token.nesting, 0)
        if not nested[name]:
            kept.append(token)
        nested[name] += max(token.nesting, 0)
    return kept
