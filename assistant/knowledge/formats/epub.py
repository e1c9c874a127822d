"""EPUB: the chapters in reading order."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from io import BytesIO
from urllib.parse import unquote
from zipfile import ZipFile

from lxml import etree

from assistant.errors import Unreadable
from assistant.knowledge.formats.archive import xml_parser
from assistant.knowledge.formats.decode import decode
from assistant.knowledge.formats.html import main_content, parse, to_markdown
from assistant.knowledge.formats.text import first_heading
from assistant.knowledge.formats.values import Converted, Raw
from assistant.knowledge.formats.write import join_blocks, sensible

CONTAINER = "{urn:oasis:names:tc:opendocument:xmlns:container}"
OPF = "{http://www.idpf.org/2007/opf}"
DC = "{http://purl.org/dc/elements/1.1/}"


def epub(raw: Raw) -> Converted:
    """The chapters of the spine, without the navigation document."""
    with ZipFile(BytesIO(raw.data)) as book:
        if "META-INF/encryption.xml" in book.namelist() and "META-INF/rights.xml" in book.namelist():
            raise Unreadable("is encrypted: an EPUB with digital rights management cannot be read")
        root = _xml(book.read("META-INF/container.xml")).find(f".//{CONTAINER}rootfile")
        if root is None:
            raise Unreadable("is not a readable EPUB: its container names no package")
        path = root.get("full-path", "")
        package = _xml(book.read(path))
        text = join_blocks(filter(None, _chapters(book, package, posixpath.dirname(path))))
    author = package.findtext(f".//{DC}creator")
    title = sensible(package.findtext(f".//{DC}title")) or first_heading(text)
    return Converted(text, title, metadata={"author": author} if author else {})


def _chapters(book: ZipFile, package: etree._Element, folder: str) -> Iterator[str]:
    items = {item.get("id"): item for item in package.iter(f"{OPF}item")}
    present = set(book.namelist())
    for reference in package.iter(f"{OPF}itemref"):
        item = items.get(reference.get("idref"))
        if item is None or "nav" in item.get("properties", "").split():
            continue
        href = item.get("href", "")
        for name in (posixpath.normpath(posixpath.join(folder, form)) for form in (unquote(href), href)):
            if name in present:
                yield to_markdown(main_content(parse(decode(book.read(name)))))
                break


def _xml(data: bytes) -> etree._Element:
    return etree.fromstring(data, xml_parser())
