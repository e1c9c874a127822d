"""Where a document may be cut: its headings and blocks, with how well each place suits a cut."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from itertools import pairwise
from typing import Literal

from markdown_it import MarkdownIt
from markdown_it.token import Token

FRONT_MATTER = re.compile(r"---[ \t]*\n(?:.*\n)*?(?:---|\.\.\.)[ \t]*(?:\n|\Z)")
HEADING_CHARS = 200
"""A longer "heading" is a paragraph over a row of dashes."""
LINE_BLOCKS = ("table_open", "fence", "code_block")
CLOSERS = (*")]}>", "end", "else", "elif", "except", "finally", "catch")
"""A line that starts so belongs to the code above it."""


class Break(IntEnum):
    """How well a place suits a cut; `GLUE` holds a heading to its text, a table's head to its rows."""

    GLUE = 0
    SENTENCE = 1
    LINE = 2
    ITEM = 3
    BLOCK = 4
    SECTION = 5


@dataclass(frozen=True, slots=True)
class Block:
    """A stretch of the text from offset `start` to the next block; prose may be cut between sentences, a line not."""

    start: int
    before: Break
    kind: Literal["prose", "line", "heading"] = "prose"
    level: int = 0
    title: str = ""


def markdown_blocks(text: str) -> list[Block]:
    """The blocks of a Markdown text in order; the first starts at 0. Only block structure is parsed, in linear time."""
    front = FRONT_MATTER.match(text)
    skipped = front.end() if front else 0
    body = text[skipped:].replace("\r", " ")  # a lone one would count as a line
    starts = [skipped, *(match.end() + skipped for match in re.finditer("\n", body)), len(text)]
    blocks = {0: Block(0, Break.BLOCK)}
    for block in _from_tokens(_parser().parse(body), text, starts):
        known = blocks.get(block.start)
        if known is None or known.before < block.before or (known.kind == "prose" and block.kind != "prose"):
            blocks[block.start] = block
    return _glued([blocks[start] for start in sorted(blocks)])


def code_blocks(text: str) -> list[Block]:
    """The lines of source code; what follows a blank line, or stands at the margin again, is a good place to cut."""
    return list(_code_lines(text, [0, *(match.end() for match in re.finditer("\n", text)), len(text)]))


def _parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark").enable("table")
    parser.core.ruler.enableOnly(["normalize", "block"])
    return parser


def _from_tokens(tokens: list[Token], text: str, starts: list[int]) -> Iterator[Block]:
    for number, token in enumerate(tokens):
        if token.map is None or token.type in ("inline", "thead_open", "tbody_open", "tr_open"):
            continue
        first, last = token.map
        before = Break.BLOCK if token.level == 0 else Break.ITEM
        if token.type == "heading_open" and token.level == 0:
            title = " ".join(tokens[number + 1].content.split())
            if len(title) <= HEADING_CHARS:
                yield Block(starts[first], Break.SECTION, "heading", int(token.tag[1:]), title)
                yield Block(starts[last], Break.GLUE)
                continue
        yield Block(starts[first], before)
        yield Block(starts[last], before)  # link definitions leave no token
        if token.type in LINE_BLOCKS:
            head = 3 if token.type == "table_open" else 2  # header, delimiter and first row; fence and first line
            yield Block(starts[first], before, "line")
            for index, line in enumerate(_code_lines(text, starts[first : last + 1])):
                if index:
                    inside = min(line.before, Break.ITEM)  # a cut beside the block is better than one in it
                    yield Block(line.start, Break.GLUE if index < head else inside, "line")


def _code_lines(text: str, starts: list[int]) -> Iterator[Block]:
    blank, indented = False, False
    for start, end in pairwise(starts):
        line = text[start:end]
        bare = line.strip()
        margin = not line[:1].isspace() and not bare.startswith(CLOSERS)
        before = Break.LINE
        if blank and bare:
            before = Break.BLOCK if margin else Break.ITEM
        elif indented and bare and margin:
            before = Break.ITEM
        yield Block(start, before, "line")
        blank = not bare
        indented = line[:1].isspace() if bare else indented


def _glued(blocks: list[Block]) -> list[Block]:
    """What follows a heading stays with it, whatever it is."""
    result = blocks[:1]
    for above, block in pairwise(blocks):
        held = above.kind == "heading" and block.kind != "heading"
        result.append(Block(block.start, Break.GLUE, block.kind) if held else block)
    return result
