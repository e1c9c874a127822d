"""Markdown for hypothesis to write, and what a reader sees of it: each visible character with all that it is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from hypothesis import strategies as st

from assistant.markup import tree
from assistant.markup.leaves import Code, Item, Leaf, Quote, Rule, Table, leaves

WORDS = st.sampled_from(
    ["word", "a_b", "x*y", "2 * 3", "[1]", "C:\\dir", "5 < 6", "AT&T", "&copy;", "don't", "end.", "Why?", "e\u0301", "!",
     "👩‍👩‍👧‍👦", "🇩🇪🇫🇷", "👍🏽", "今天天气很好，我们去公园。", "สวัสดีครับผมชื่อสมชาย", "مرحبا بالعالم", "שלום", "x" * 90,
     "https://example.com/a/very-long/path_with(parens)?q=1&r=2", "~5", "#1", "1.", "1)", "-", "+", ">", "|", "=", "`", "==="]
)  # fmt: skip
LINKS = st.sampled_from(["http://x.y/a_(b)", "https://example.com/ü?a=1&amp=2", "mailto:a@b.c", "/relative", ""])
HOSTILE = st.text(alphabet="*_~`[]()<>#-+=|!\\&;:1.ab中😀\u0301\u200d\u00a0\"' \t\n", max_size=60)
"""Markup in any order; most of it unclosed."""


def inlines(depth: int = 2) -> st.SearchStrategy[str]:
    words = st.lists(WORDS, min_size=1, max_size=6).map(" ".join)
    if not depth:
        return words
    inner = inlines(depth - 1)
    return st.lists(
        st.one_of(
            words, words, inner.map("**{}**".format), inner.map("*{}*".format), inner.map("_{}_".format),
            inner.map("~~{}~~".format), words.map("``{}``".format), st.builds("[{}]({})".format, inner, LINKS),
            st.builds('![{}]({} "title")'.format, words, LINKS), st.just("\n"), st.just("  \n"),
        ),
        min_size=1, max_size=5,
    ).flatmap(lambda parts: st.sampled_from([" ".join(parts), "".join(parts)]))  # fmt: skip


def indented(text: str, first: str, rest: str) -> str:
    return "\n".join((rest if index else first) + line for index, line in enumerate(text.split("\n")))


def blocks(depth: int = 2) -> st.SearchStrategy[str]:
    leaf = st.one_of(
        inlines(), inlines(),
        st.builds("{} {}".format, st.sampled_from(["#", "###", "######"]), inlines(1).map(lambda text: text.replace("\n", " "))),
        st.builds("```{}\n{}\n```".format, st.sampled_from(["", "py", "c++ x=1"]), HOSTILE.map(lambda text: text.replace("`", "'"))),
        st.builds("~~~~\n{}\n~~~~".format, st.text(alphabet="ab `\n\t", max_size=200)),
        st.just("---"),
    )  # fmt: skip
    if not depth:
        return leaf
    inner = blocks(depth - 1)
    items = st.lists(inner, min_size=1, max_size=3)
    return st.one_of(
        leaf,
        inner.map(lambda text: indented(text, "> ", "> ")),
        items.map(lambda texts: "\n".join(indented(text, "- ", "  ") for text in texts)),
        items.map(lambda texts: "\n\n".join(indented(text, "* ", "  ") for text in texts)),
        items.map(
            lambda texts: "\n".join(indented(text, f"{7 + number}. ", "   ") for number, text in enumerate(texts))
        ),
        st.lists(inner, min_size=2, max_size=3).map("\n\n".join),
    )


DOCUMENTS = st.lists(st.one_of(blocks(), blocks(), HOSTILE), min_size=1, max_size=5).map("\n\n".join)

Seen = tuple[str, frozenset[object]]


def seen(markdown: str) -> list[Seen]:
    """Each visible character with its marks, and what block it is in; list markers as one."""
    result: list[Seen] = []
    begun: set[Item] = set()
    for leaf in leaves(markdown):
        result.extend(
            (f"{box.number}.", frozenset()) for box in leaf.path if isinstance(box, Item) and box not in begun
        )
        begun.update(box for box in leaf.path if isinstance(box, Item))
        quoted = {"quoted"} if any(isinstance(box, Quote) for box in leaf.path) else set()
        result.extend((char, frozenset({*what, *quoted})) for char, what in _characters(leaf) if not char.isspace())
    return result


def _characters(leaf: Leaf) -> Iterator[Seen]:
    if isinstance(leaf, Rule):
        yield "―", frozenset()
    elif isinstance(leaf, Code):
        yield from ((char, frozenset({"pre", leaf.info})) for char in "\n".join(leaf.lines))
    elif isinstance(leaf, Table):
        cells = [cell for row in (leaf.header, *leaf.rows) for cell in row]
        yield from ((char, frozenset({"cell", *run.marks})) for cell in cells for run in cell for char in run.text)
    else:
        yield from ((char, frozenset({f"h{leaf.level}", *run.marks})) for run in leaf.runs for char in run.text)


def letters(text: str) -> Counter[str]:
    """How often each letter is there."""
    return Counter(char for char in text if char.isalpha())


def depth(markdown: str) -> int:
    """How deep the syntax tree is."""
    nodes, levels = [tree(markdown)], 0
    while nodes:
        nodes, levels = [child for node in nodes for child in node.children], levels + 1
    return levels
