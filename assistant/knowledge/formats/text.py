"""Text, Markdown and source code: kept as they are, with a title found in them."""

from __future__ import annotations

import re

from assistant.knowledge.formats.languages import LANGUAGES
from assistant.knowledge.formats.values import Converted, Raw
from assistant.knowledge.formats.write import clean, one_line

FENCE = re.compile(r"^(```|~~~).*?(^\1|\Z)", re.MULTILINE | re.DOTALL)
HEADING = re.compile(r"^#{1,6}[ \t]+(\S.{0,300}?)[ \t]*#*$|^(\S.*)\n(?:={3,}|-{3,})[ \t]*$", re.MULTILINE)
UNDERLINED = re.compile(r"(?:([=\-~*#])\1{2,}\n)?[ \t]*(\S.{0,150})\n(?:={3,}|-{3,}|~{3,}|\*{3,}|#{3,})[ \t]*(?:\n|$)")
FRONT_MATTER = re.compile(r"\A---[ \t]*\n(.*?)\n(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.DOTALL)
FRONT_TITLE = re.compile(r"^title:[ \t]*(['\"]?)(.+?)\1[ \t]*$", re.MULTILINE)
INLINE = re.compile(r"!?\[([^\]]*)\]\([^)]*\)|[*`]+|<[^>]{1,200}>")


def plain(raw: Raw) -> Converted:
    """Text as it is; a first line that is underlined is its title."""
    text = clean(raw.text)
    title = UNDERLINED.match(text.lstrip()[:600])
    return Converted(text, title[2] if title else "")


def code(raw: Raw) -> Converted:
    """Source code as it is; `metadata["language"]` says which."""
    return Converted(clean(raw.text), raw.name, metadata={"language": LANGUAGES[raw.extension]})


def markdown(raw: Raw) -> Converted:
    """Markdown as it is, but front matter as an ordinary paragraph: its closing line would make it a heading."""
    text = clean(raw.text)
    front = FRONT_MATTER.match(text)
    title = FRONT_TITLE.search(front[1]) if front else None
    if front:
        text = clean(f"{front[1].strip()}\n\n{text[front.end() :]}")
    return Converted(text, title[2] if title else first_heading(text))


def first_heading(text: str) -> str:
    """The first heading of a Markdown text without its markup, or ""."""
    found = HEADING.search(FENCE.sub("", text))
    return one_line(INLINE.sub(r"\1", found[1] or found[2])) if found else ""
