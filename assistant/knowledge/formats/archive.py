"""ZIP containers: which document one is, and the refusal of bombs before anything is expanded."""

from __future__ import annotations

import re
from collections.abc import Iterator
from io import BytesIO
from zipfile import ZipFile, ZipInfo

from lxml import etree

from assistant.errors import Unreadable
from assistant.knowledge.formats.write import sensible

MAX_MEMBERS = 20_000
MAX_EXPANDED = 512 * 2**20
MAX_RATIO = 200
"""Expanded to compressed size of a whole container; real workbooks of one repeated row stay below 100."""
RATIO_FROM = 16 * 2**20
"""Expanded bytes below which the ratio does not matter."""
MARKUP = (".xml", ".rels", ".opf", ".ncx", ".xhtml", ".html", ".htm", ".vml")
ENTITY = re.compile(rb"<!ENTITY", re.IGNORECASE)
MAIN_PARTS = {"word/document.xml": "docx", "ppt/presentation.xml": "pptx", "xl/workbook.xml": "xlsx"}
OTHERS = {
    "application/vnd.oasis.opendocument.text": "an OpenDocument text: save it as .docx or PDF",
    "application/vnd.oasis.opendocument.spreadsheet": "an OpenDocument spreadsheet: save it as .xlsx",
    "application/vnd.oasis.opendocument.presentation": "an OpenDocument presentation: save it as .pptx or PDF",
}


def kind_of_zip(data: bytes) -> str:
    """docx, pptx, xlsx or epub.

    Raises:
        Unreadable: a broken or encrypted container, another kind of one, or one that would expand without measure.
    """
    try:
        with ZipFile(BytesIO(data)) as container:
            kind = _kind(container)
            _check(container.infolist())
            _refuse_entities(container)
            return kind
    except (Unreadable, MemoryError):
        raise
    except Exception as error:  # noqa: BLE001  zipfile and the decompressors raise many kinds on damage
        raise Unreadable(f"is a broken ZIP container: {error}") from None


def _kind(container: ZipFile) -> str:
    names = set(container.namelist())
    for part, kind in MAIN_PARTS.items():
        if part in names:
            return kind
    if "META-INF/container.xml" in names and "mimetype" in names:
        mimetype = _small(container, "mimetype")
        if mimetype == "application/epub+zip":
            return "epub"
    if "xl/workbook.bin" in names:
        raise Unreadable("is a binary Excel workbook (.xlsb): save it as .xlsx")
    other = OTHERS.get(_small(container, "mimetype")) if "mimetype" in names else None
    raise Unreadable(f"looks like {other or 'a ZIP archive, not a document: unpack it'}")


def _small(container: ZipFile, name: str) -> str:
    with container.open(name) as member:
        return member.read(100).decode("ascii", "replace").strip()


def _check(members: list[ZipInfo]) -> None:
    if any(member.flag_bits & 1 for member in members):
        raise Unreadable("is encrypted: remove the password")
    if len(members) > MAX_MEMBERS:
        raise Unreadable(f"has {len(members)} parts: refused as a ZIP bomb")
    expanded = sum(member.file_size for member in members)
    packed = sum(member.compress_size for member in members) or 1
    if expanded > MAX_EXPANDED or (expanded > RATIO_FROM and expanded > MAX_RATIO * packed):
        raise Unreadable(
            f"would expand to {expanded / 2**20:.0f} MiB, {expanded // packed} times its size: refused as a ZIP bomb"
        )


def _refuse_entities(container: ZipFile) -> None:
    """No document needs entities of its own, and Office formats forbid them (ECMA-376, part 2, 8.1.4)."""
    for name in container.namelist():
        if name.lower().endswith(MARKUP) and any(map(ENTITY.search, _windows(container, name))):
            raise Unreadable(f"declares XML entities in {name!r}: refused")


def _windows(container: ZipFile, name: str) -> Iterator[bytes]:
    """The member in pieces that overlap, without the zero bytes of UTF-16."""
    tail = b""
    with container.open(name) as member:
        while piece := member.read(2**20):
            window = tail + piece.replace(b"\0", b"")
            yield window
            tail = window[-16:]


def core_title(data: bytes) -> str:
    """The title in an Office document's properties, "" where there is none or only a program's own words."""
    with ZipFile(BytesIO(data)) as container:
        if "docProps/core.xml" not in container.namelist():
            return ""
        properties = container.read("docProps/core.xml")
    try:
        tree = etree.fromstring(properties, xml_parser())
    except etree.XMLSyntaxError:
        return ""
    return sensible(tree.findtext("{http://purl.org/dc/elements/1.1/}title"))


def xml_parser() -> etree.XMLParser:
    """One that reads no DTD, no entity and nothing from the network."""
    return etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
