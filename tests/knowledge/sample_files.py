"""Small real documents of every format, made with the libraries that write them or byte by byte."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping, Sequence
from email.message import EmailMessage
from io import BytesIO
from itertools import pairwise
from zipfile import ZIP_DEFLATED, ZipFile

from openpyxl import Workbook  # type: ignore[import-untyped]
from pptx import Presentation
from pptx.util import Inches
from pypdf import PdfWriter
from pypdf.generic import DecodedStreamObject, DictionaryObject, NameObject

PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\1\0\0\0\1\x08\6\0\0\0\x1f\x15\xc4\x89"
W = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
TYPES = "http://schemas.openxmlformats.org/package/2006/content-types"
RELATIONS = "http://schemas.openxmlformats.org/package/2006/relationships"
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
WORD = "application/vnd.openxmlformats-officedocument.wordprocessingml"


def zipped(members: Mapping[str, str | bytes]) -> bytes:
    buffer = BytesIO()
    with ZipFile(buffer, "w", ZIP_DEFLATED) as container:
        for name, content in members.items():
            container.writestr(name, content)
    return buffer.getvalue()


def pdf(
    pages: Sequence[Sequence[str]],
    *,
    title: str | None = None,
    bookmarks: Mapping[str, int] | None = None,
    password: str | None = None,
    owner_password: str | None = None,
) -> bytes:
    writer = PdfWriter()
    font = DictionaryObject(
        {
            NameObject(f"/{k}"): NameObject(f"/{v}")
            for k, v in (("Type", "Font"), ("Subtype", "Type1"), ("BaseFont", "Helvetica"))
        }
    )
    for lines in pages:
        page = writer.add_blank_page(595, 842)
        fonts = DictionaryObject({NameObject("/F1"): writer._add_object(font)})
        page[NameObject("/Resources")] = DictionaryObject({NameObject("/Font"): fonts})
        shown = "".join(f"({line}) Tj 0 -20 Td " for line in lines)
        content = DecodedStreamObject()
        content.set_data(f"BT /F1 12 Tf 50 780 Td {shown} ET".encode("latin-1") if lines else b"")
        page[NameObject("/Contents")] = writer._add_object(content)
    for name, number in (bookmarks or {}).items():
        writer.add_outline_item(title=name, page_number=number)
    if title:
        writer.add_metadata({"/Title": title})
    if password is not None or owner_password is not None:
        writer.encrypt(password or "", owner_password, algorithm="AES-256")
    buffer = BytesIO()
    writer.write(buffer)
    return buffer.getvalue()


def docx(body: str, *, title: str = "", head: str = "") -> bytes:
    styles = "".join(
        f'<w:style w:type="paragraph" w:styleId="{style}"><w:name w:val="{name}"/></w:style>'
        for style, name in (("Title", "Title"), ("H1", "heading 1"), ("H2", "heading 2"))
    )
    core = f'<c xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:title>{title}</dc:title></c>'
    return zipped(
        {
            "[Content_Types].xml": f'<Types xmlns="{TYPES}"><Default Extension="xml" ContentType="application/xml"/>'
            '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
            f'<Override PartName="/word/document.xml" ContentType="{WORD}.document.main+xml"/>'
            f'<Override PartName="/word/styles.xml" ContentType="{WORD}.styles+xml"/></Types>',
            "_rels/.rels": f'<Relationships xmlns="{RELATIONS}"><Relationship Id="r1" Type="{OFFICE}/officeDocument" '
            'Target="word/document.xml"/></Relationships>',
            "word/_rels/document.xml.rels": f'<Relationships xmlns="{RELATIONS}"><Relationship Id="r2" '
            f'Type="{OFFICE}/styles" Target="styles.xml"/></Relationships>',
            "word/document.xml": f"{head}<w:document {W}><w:body>{body}</w:body></w:document>",
            "word/styles.xml": f"<w:styles {W}>{styles}</w:styles>",
            "docProps/core.xml": core,
        }
    )


def paragraph(text: str, style: str = "") -> str:
    return f'<w:p><w:pPr><w:pStyle w:val="{style}"/></w:pPr><w:r><w:t>{text}</w:t></w:r></w:p>'


def table(rows: Sequence[Sequence[str]]) -> str:
    cells = ("".join(f"<w:tc>{paragraph(cell)}</w:tc>" for cell in row) for row in rows)
    return f"<w:tbl>{''.join(f'<w:tr>{row}</w:tr>' for row in cells)}</w:tbl>"


def pptx(slides: Sequence[tuple[str, str]], *, notes: str = "") -> bytes:
    deck = Presentation()
    for title, text in slides:
        slide = deck.slides.add_slide(deck.slide_layouts[1])
        slide.shapes.title.text = title
        slide.placeholders[1].text = text
    if notes:
        deck.slides[0].notes_slide.notes_text_frame.text = notes
    grid = deck.slides[-1].shapes.add_table(2, 2, Inches(1), Inches(4), Inches(4), Inches(1)).table
    for (row, column), text in {(0, 0): "Size", (0, 1): "Price", (1, 0): "Large", (1, 1): "12 EUR"}.items():
        grid.cell(row, column).text = text
    buffer = BytesIO()
    deck.save(buffer)
    return buffer.getvalue()


def xlsx(sheets: Mapping[str, Sequence[Sequence[object]]], *, hidden: Sequence[str] = ()) -> bytes:
    book = Workbook()
    book.remove(book.active)
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(list(row))
        sheet.sheet_state = "hidden" if name in hidden else "visible"
    buffer = BytesIO()
    book.save(buffer)
    return buffer.getvalue()


def epub(chapters: Mapping[str, str], *, title: str, author: str) -> bytes:
    items = "".join(f'<item id="c{n}" href="text/{name}"/>' for n, name in enumerate(chapters))
    spine = "".join(f'<itemref idref="c{n}"/>' for n in reversed(range(len(chapters))))
    container = '<rootfiles><rootfile full-path="OPS/book.opf"/></rootfiles>'
    return zipped(
        {
            "mimetype": "application/epub+zip",
            "META-INF/container.xml": '<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container">'
            f"{container}</container>",
            "OPS/book.opf": '<package xmlns="http://www.idpf.org/2007/opf" xmlns:dc="http://purl.org/dc/elements/1.1/">'
            f"<metadata><dc:title>{title}</dc:title><dc:creator>{author}</dc:creator></metadata>"
            f'<manifest><item id="nav" href="nav.xhtml" properties="nav"/>{items}</manifest>'
            f'<spine><itemref idref="nav"/>{spine}</spine></package>',
            "OPS/nav.xhtml": "<html><body><p>Everything in this book</p></body></html>",
            **{f"OPS/text/{name.replace('%20', ' ')}": page for name, page in chapters.items()},
        }
    )


def eml(*, subject: str, text: str = "", html: str = "", attachment: str = "") -> bytes:
    message = EmailMessage()
    message["Subject"], message["From"], message["To"] = subject, "Ann <ann@example.org>", "Bob <bob@example.org>"
    message["Date"] = "Mon, 02 Mar 2026 09:00:00 +0100"
    if text:
        message.set_content(text, cte="base64")
    if html:
        (message.add_alternative if text else message.set_content)(html, subtype="html")
    if attachment:
        message.add_attachment(b"secret inside", maintype="application", subtype="pdf", filename=attachment)
    return message.as_bytes()


def notebook(*cells: dict[str, object], language: str = "python") -> bytes:
    return json.dumps({"nbformat": 4, "metadata": {"language_info": {"name": language}}, "cells": cells}).encode()


def compound(streams: Mapping[str, bytes]) -> bytes:
    """An OLE compound file ([MS-CFB]) of streams padded to 4096 bytes; "storage/stream" puts one in a storage."""
    folders = list(dict.fromkeys(name.split("/")[0] for name in streams if "/" in name))
    entries: list[tuple[str, int, int, int, int, int]] = []  # name, kind, right, child, first sector, size
    directory_sectors = -(-(1 + len(folders) + len(streams)) // 4)
    sector, table = 1 + directory_sectors, [0xFFFFFFFD, *range(2, 1 + directory_sectors), 0xFFFFFFFE]
    body, top, inside = (
        b"",
        list(folders),
        {folder: [n for n in streams if n.startswith(f"{folder}/")] for folder in folders},
    )
    order = [*folders, *(n for n in streams if "/" not in n), *(n for group in inside.values() for n in group)]
    number = {name: index for index, name in enumerate(order, 1)}
    top += [n for n in streams if "/" not in n]
    right = {name: number[after] for group in (top, *inside.values()) for name, after in pairwise(group)}
    entries.append(("Root Entry", 5, -1, 1, 0xFFFFFFFE, 0))
    for name in order:
        if name in inside:
            entries.append((name, 1, right.get(name, -1), number[inside[name][0]], 0, 0))
            continue
        content = streams[name].ljust(
            max(4096, -(-len(streams[name]) // 512) * 512), b" " if name.endswith("1F") else b"\0"
        )
        count = len(content) // 512
        entries.append((name.split("/")[-1], 2, right.get(name, -1), -1, sector, len(content)))
        table += [*range(sector + 1, sector + count), 0xFFFFFFFE]
        sector, body = sector + count, body + content
    assert len(table) <= 128, "one sector of allocation table is enough for these samples"
    header = bytes.fromhex("d0cf11e0a1b11ae1") + bytes(16) + struct.pack("<5H6x", 0x3E, 3, 0xFFFE, 9, 6)
    header += struct.pack("<9I", 0, 1, 1, 0, 4096, 0xFFFFFFFE, 0, 0xFFFFFFFE, 0)
    header += struct.pack("<109I", 0, *[0xFFFFFFFF] * 108)
    directory = b"".join(map(_directory_entry, entries)).ljust(directory_sectors * 512, b"\0")
    return header + struct.pack("<128I", *table, *[0xFFFFFFFF] * (128 - len(table))) + directory + body


def _directory_entry(entry: tuple[str, int, int, int, int, int]) -> bytes:
    name, kind, right, child, first, size = entry
    text = name.encode("utf-16-le") + b"\0\0"
    links = struct.pack("<64sHBB3i", text, len(text), kind, 1, -1, right, child)
    return links + bytes(36) + struct.pack("<IQ", first, size)


def msg(*, subject: str, body: str, attachment: str) -> bytes:
    def wide(text: str) -> bytes:
        return text.encode("utf-16-le") + " ".encode("utf-16-le") * (2048 - len(text))

    return compound(
        {
            "__properties_version1.0": bytes(32),
            "__substg1.0_0037001F": wide(subject),
            "__substg1.0_0C1F001F": wide("ann@example.org"),
            "__substg1.0_0E04001F": wide("Bob"),
            "__substg1.0_1000001F": wide(body),
            "__recip_version1.0_#00000000/__substg1.0_3001001F": wide("Bob"),
            "__attach_version1.0_#00000000/__substg1.0_3707001F": wide(attachment),
        }
    )
