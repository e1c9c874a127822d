"""Splits a document into passages that follow its structure and rejoin to it exactly."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from assistant.knowledge.sentences import Measure, sentences
from assistant.knowledge.structure import Block, Break, code_blocks, markdown_blocks

if TYPE_CHECKING:
    from assistant.knowledge.load import Loaded

SPLITTER_VERSION = "1"
SOURCE_CODE = "text/x-source"


@dataclass(frozen=True, slots=True)
class Chunk:
    """`text` is characters `start`..`end` of the document; `headings` leads from the outermost heading to its own."""

    text: str
    start: int
    end: int
    page: int | None
    headings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Atom:
    """What is never cut: a sentence, a table row, a line of code; only one that alone is too long comes in pieces."""

    start: int
    end: int
    tokens: int
    block: Block
    before: Break


def split(loaded: Loaded, *, max_tokens: int, count: Callable[[str], int]) -> list[Chunk]:
    """Passages of at most `max_tokens` as `count` counts them, in order, without overlap.

    Every character that is not white space lies in exactly one of them; `text == loaded.text[start:end]`. They follow
    sections; within one they are as long as fits, cut where a block, list item, row or sentence ends. Takes time
    linear in the text; `count` sees each character about three times.
    """
    measure = Measure(loaded.text, max_tokens, count)
    blocks = code_blocks(loaded.text) if loaded.media_type == SOURCE_CODE else markdown_blocks(loaded.text)
    path: list[Block] = []
    chunks = []
    for section in _sections(_atoms(blocks, measure)):
        for packed in _packed(section, measure):
            path = _descend(path, packed)
            start, end = measure.trim(packed[0].start, packed[-1].end)
            page = max(1, bisect_right(loaded.pages, start)) if loaded.pages else None
            chunks.append(Chunk(loaded.text[start:end], start, end, page, tuple(block.title for block in path)))
    return chunks


def embedding_text(chunk: Chunk, title: str, *, max_tokens: int, count: Callable[[str], int]) -> str:
    """What is embedded for a chunk: document title and heading path over its text, as far as `max_tokens` allow.

    The inner headings go first where room is short; the chunk's text is always whole.
    """
    path = [part for part in dict.fromkeys((title, *chunk.headings)) if part]
    for length in range(len(path), 0, -1):
        text = f"{' > '.join(path[:length])}\n\n{chunk.text}"
        if count(text) <= max_tokens:
            return text
    return chunk.text


def _atoms(blocks: list[Block], measure: Measure) -> Iterator[Atom]:
    ends = [block.start for block in blocks[1:]] + [len(measure.text)]
    for block, end in zip(blocks, ends, strict=True):
        cuts = sentences(measure.text, block.start, end) if block.kind == "prose" else [(block.start, end)]
        before = block.before
        for sentence in cuts:
            for start, stop, tokens in measure.pieces(*sentence):
                yield Atom(start, stop, tokens, block, before)
                before = Break.SENTENCE


def _sections(atoms: Iterator[Atom]) -> Iterator[list[Atom]]:
    """Atoms from heading to heading; a heading without text goes with what follows it."""
    section: list[Atom] = []
    has_text = False
    for atom in atoms:
        if atom.before is Break.SECTION and has_text:
            yield section
            section, has_text = [], False
        section.append(atom)
        has_text = has_text or atom.block.kind != "heading"
    if section:
        yield section


def _packed(section: list[Atom], measure: Measure) -> Iterator[list[Atom]]:
    """Runs of atoms that fit together, each as long as possible or, past its half, ending at the best place."""
    first = 0
    while first < len(section):
        last = _cut(section, first, _reach(section, first, measure.max_tokens))
        while last > first + 1 and not measure.fits(section[first].start, section[last - 1].end):
            last -= 1
        yield section[first:last]
        first = last


def _reach(section: list[Atom], first: int, max_tokens: int) -> int:
    last, total = first + 1, section[first].tokens
    while last < len(section) and total + section[last].tokens <= max_tokens:
        total += section[last].tokens
        last += 1
    return last


def _cut(section: list[Atom], first: int, reach: int) -> int:
    if reach == len(section):
        return reach
    half = sum(atom.tokens for atom in section[first:reach]) / 2
    best, tokens = reach, 0
    for place in range(first + 1, reach + 1):
        tokens += section[place - 1].tokens
        if tokens >= half and (section[place].before >= section[best].before):
            best = place
    return best


def _descend(path: list[Block], packed: list[Atom]) -> list[Block]:
    """The heading path after the headings that open a chunk."""
    for atom in packed:
        if atom.block.kind != "heading":
            break
        if path and path[-1] is atom.block:  # a long heading comes in pieces
            continue
        path = [block for block in path if block.level < atom.block.level] + [atom.block]
    return path
