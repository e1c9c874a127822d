"""The text of a paragraph as runs: stretches of visible characters that have the same marks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from markdown_it.common.normalize_url import normalizeLinkText
from markdown_it.tree import SyntaxTreeNode


@dataclass(frozen=True, slots=True)
class Mark:
    """What a stretch of text is; `url` of a link or an image."""

    kind: Literal["strong", "em", "s", "code", "link", "image"]
    url: str = ""
    title: str = ""

    def shows(self, label: str) -> bool:
        """Whether the label of a link is its address already."""
        return label in (self.url, self.url.removeprefix("mailto:"), normalizeLinkText(self.url))


@dataclass(frozen=True, slots=True)
class Run:
    """Visible text and its marks, outermost first; a line break is a newline."""

    text: str
    marks: tuple[Mark, ...] = ()


STYLES: dict[str, Mark] = {"strong": Mark("strong"), "em": Mark("em"), "s": Mark("s")}


def runs(inline: SyntaxTreeNode) -> list[Run]:
    """The runs of an "inline" node, no two neighbours with equal marks, without white space around them.

    A link or an image without a label shows its address.
    """
    merged: list[Run] = []
    for run in _runs(inline, ()):
        if merged and merged[-1].marks == run.marks:
            merged[-1] = Run(merged[-1].text + run.text, run.marks)
        elif run.text:
            merged.append(run)
    return trimmed(merged)


def trimmed(runs: list[Run]) -> list[Run]:
    """The runs without white space before the first and after the last visible character."""
    kept = list(runs)
    while kept and not (text := kept[0].text.lstrip()):
        del kept[0]
    if kept:
        kept[0] = Run(text, kept[0].marks)
    while kept and not (text := kept[-1].text.rstrip()):
        del kept[-1]
    if kept:
        kept[-1] = Run(text, kept[-1].marks)
    return kept


def _runs(node: SyntaxTreeNode, marks: tuple[Mark, ...]) -> Iterator[Run]:
    for child in node.children:
        kind = child.type
        if kind in STYLES:
            yield from _runs(child, (*marks, STYLES[kind]))
        elif kind == "link":
            mark = Mark("link", str(child.attrs["href"]), str(child.attrs.get("title", "")))
            yield from _labelled(list(_runs(child, (*marks, mark))), (*marks, mark))
        elif kind == "image":
            mark = Mark("image", str(child.attrs["src"]), str(child.attrs.get("title", "")))
            label = "".join(run.text for run in _runs(child, ()))
            yield from _labelled([Run(label, (*marks, mark))], (*marks, mark))
        elif kind == "code_inline":
            yield Run(child.content, (*marks, Mark("code")))
        else:
            yield Run("\n" if kind in ("softbreak", "hardbreak") else child.content, marks)


def _labelled(label: list[Run], marks: tuple[Mark, ...]) -> list[Run]:
    if any(run.text.strip() for run in label):
        return label
    return [Run(normalizeLinkText(marks[-1].url) or "\u2026", marks)]
