"""HTML to Markdown: the main content only, headings, lists, tables and code kept."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from bs4 import BeautifulSoup, Tag
from markdownify import ATX, STRIP_ONE, MarkdownConverter

from assistant.knowledge.formats.text import first_heading
from assistant.knowledge.formats.values import Converted, Raw
from assistant.knowledge.formats.write import one_line, tidy

NEVER_TEXT = [
    *("script", "style", "noscript", "template", "iframe", "svg", "canvas", "object", "embed", "link", "meta"),
    *("button", "input", "select", "textarea", "dialog"),
    "annotation",  # the TeX source inside MathML
]
AROUND = {"nav", "header", "footer", "aside", "form"}
AROUND_ROLES = {"navigation", "banner", "contentinfo", "search", "complementary", "dialog", "doc-toc"}
AROUND_CLASSES = {"navheader", "navfooter", "docnav", "breadcrumb", "breadcrumbs", "sphinxsidebar", "skip-link", "toc"}
NOTES = {"footnote", "footnotes", "footnote-list", "admonition", "note", "warning", "tip", "topic", "callout"}
HIDDEN = re.compile(r"(display\s*:\s*none|visibility\s*:\s*hidden)", re.IGNORECASE)
PERMALINKS = {"¶", "#", "§", "🔗", ""}


class Writer(MarkdownConverter):
    """Plain Markdown: no emphasis, no escapes, images as their description, links only to other sites."""

    def convert_a(self, el: Tag, text: str, parent_tags: set[str]) -> str:
        """A link to another site, a mail address or a telephone keeps its address."""
        href = str(el.get("href") or "")
        if not href.lower().startswith(("http://", "https://", "mailto:", "tel:")) or "_noformat" in parent_tags:
            return text
        label = one_line(text)
        return f"[{label}]({href})" if label and label not in href else label or text

    def convert_img(self, el: Tag, text: str, parent_tags: set[str]) -> str:
        """The description of the image."""
        return one_line(str(el.get("alt") or ""))

    def convert_sup(self, el: Tag, text: str, parent_tags: set[str]) -> str:
        """10 to the power of 6 must not become 106."""
        return f"^{text}" if text.strip("+-\N{MINUS SIGN}").isdigit() else text


def html(raw: Raw) -> Converted:
    """The main content of a page; the title is its own, else its first heading."""
    soup = parse(raw.text)
    title = one_line(soup.title.get_text(" ")) if soup.title else ""
    text = to_markdown(main_content(soup))
    return Converted(text, title or first_heading(text))


def parse(text: str) -> BeautifulSoup:
    """The document tree; libxml2 reads no external entity and limits nesting."""
    return BeautifulSoup(text, "lxml")


def to_markdown(tree: Tag) -> str:
    """The tree as Markdown; nested deeper than Python can follow, as lines of text."""
    _drop(tree.find_all(NEVER_TEXT))
    _drop(link for link in tree.find_all("a", href=re.compile("^#")) if link.get_text(strip=True) in PERMALINKS)
    try:
        return tidy(Writer(**OPTIONS).convert_soup(tree))
    except RecursionError:
        return tidy(tree.get_text("\n", strip=True))


def main_content(soup: BeautifulSoup) -> Tag:
    """The element that holds most of the text, without what stands around it on every page of a site."""
    _drop(soup.find_all(NEVER_TEXT))
    body = soup.body or soup
    total = _size(body)
    _drop(tag for tag in body.find_all(_is_around) if not tag.decomposed and 2 * _size(tag) < total)
    rest = _size(body)
    main = [tag for tag in body.find_all(_is_main) if 2 * _size(tag) >= rest]
    return main[0] if main else body


def _drop(tags: Iterable[Tag]) -> None:
    for tag in tags:
        tag.decompose()


def _is_around(tag: Tag) -> bool:
    """Navigation, page headers, forms, what is hidden; but a header inside an article holds its heading."""
    attributes = tag.attrs
    if tag.name in ("header", "footer"):
        return tag.find_parent(["main", "article"]) is None
    if tag.name == "aside":
        return not NOTES.intersection(attributes.get("class", ()))
    return tag.name in AROUND or (bool(attributes) and _is_around_by(attributes))


def _is_around_by(attributes: Mapping[str, Any]) -> bool:
    return (
        "hidden" in attributes
        or attributes.get("aria-hidden") == "true"
        or attributes.get("role") in AROUND_ROLES
        or HIDDEN.search(attributes.get("style", "")) is not None
        or not AROUND_CLASSES.isdisjoint(attributes.get("class", ()))
        or attributes.get("id") in ("toc", "TOC")
    )


def _is_main(tag: Tag) -> bool:
    return tag.name in ("main", "article") or tag.attrs.get("role") == "main"


def _size(tag: Tag) -> int:
    return sum(len(text.strip()) for text in tag.strings)


def _language(pre: Tag) -> str:
    """The language of a code block in the class names of Sphinx, GitHub and highlight.js."""
    code = pre.find("code")
    around = [tag for tag in (code, pre, pre.parent, pre.parent and pre.parent.parent) if isinstance(tag, Tag)]
    for name in (name for tag in around for name in tag.get("class") or ()):
        found = re.fullmatch(r"(?:language|highlight|lang)-([a-z0-9+#]+)", name)
        if found and found[1] not in ("default", "none", "text"):
            return found[1]
    return ""


OPTIONS: dict[str, Any] = {
    "heading_style": ATX,
    "bullets": "-",
    "wrap": True,  # line ends in the source of a page are spaces …
    "wrap_width": None,  # … and none are added
    "strip_pre": STRIP_ONE,  # the default takes quadratic time on spaces
    "strip": ["b", "strong", "i", "em", "u", "s", "del", "ins", "mark"],
    "escape_asterisks": False,
    "escape_underscores": False,
    "escape_misc": False,
    "table_infer_header": True,
    "code_language_callback": _language,
}
