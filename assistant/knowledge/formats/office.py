"""Word and PowerPoint through markitdown (which reads them with mammoth and python-pptx)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from io import BytesIO

from markitdown import StreamInfo
from markitdown.converters import DocxConverter, PptxConverter

from assistant.knowledge.formats.archive import core_title
from assistant.knowledge.formats.html import OPTIONS
from assistant.knowledge.formats.text import first_heading
from assistant.knowledge.formats.values import Converted, Raw
from assistant.knowledge.formats.write import join_pages, tidy

STYLES = "p[style-name='Title'] => h1:fresh\np[style-name='Subtitle'] => p:fresh"
IMAGE = re.compile(r"!\[([^\]]{0,2000})\]\(([^)]{0,2000})\)")
LOCAL_LINK = re.compile(r"\[([^\]]{0,2000})\]\(#[^)]{0,2000}\)")
TABLE = re.compile(r"\n(?=\|.*\|\n\| ?---)")
SLIDE = re.compile(r"^<!-- Slide number: (\d+) -->$", re.MULTILINE)


def docx(raw: Raw) -> Converted:
    """A Word document: headings, lists, tables, footnotes, formulas as LaTeX; pages exist only once it is printed."""
    info = StreamInfo(extension=".docx")
    found = DocxConverter().convert(BytesIO(raw.data), info, style_map=STYLES, **OPTIONS)  # type: ignore[no-untyped-call]
    text = tidy(LOCAL_LINK.sub(r"\1", IMAGE.sub(r"\1", found.markdown)).replace("↑", ""))
    return Converted(text, core_title(raw.data) or first_heading(text))


def pptx(raw: Raw) -> Converted:
    """A presentation: a page a slide, with tables, charts and notes."""
    found = PptxConverter().convert(BytesIO(raw.data), StreamInfo(extension=".pptx"))  # type: ignore[no-untyped-call]
    text, pages = join_pages(_slides(TABLE.sub("\n\n", IMAGE.sub(_description, found.markdown))))
    return Converted(text, core_title(raw.data) or first_heading(text), pages)


def _slides(markdown: str) -> Iterator[str]:
    """The text between markitdown's slide marks; a mark out of turn was typed into a slide."""
    start, number = 0, 0
    for mark in SLIDE.finditer(markdown):
        if int(mark[1]) == number + 1:
            if number:
                yield markdown[start : mark.start()]
            start, number = mark.end(), number + 1
    yield markdown[start:]


def _description(image: re.Match[str]) -> str:
    """The alternative text, unless it is only the name of the shape, of which markitdown makes the file name."""
    return "" if re.sub(r"\W", "", image[1]) + ".jpg" == image[2] else image[1]
