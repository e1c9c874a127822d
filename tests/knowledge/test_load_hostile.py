"""A hostile or broken file is refused with its reason."""

from __future__ import annotations

import contextlib
import json
import random
import struct
from io import BytesIO
from zipfile import ZIP_DEFLATED, ZipFile

import pytest
import sample_files as made
from hypothesis import given, settings
from hypothesis import strategies as st

from assistant.errors import Unreadable
from assistant.knowledge.formats import Raw, convert


def reason(data: bytes, name: str) -> str:
    with pytest.raises(Unreadable) as refused:
        convert(Raw(data, name))
    return str(refused.value)


ENTITIES = '<!DOCTYPE w [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>'
LISTED_BOMB = made.zipped({"word/document.xml": b"\0" * 2**25, "[Content_Types].xml": "x"})


def encrypted_zip() -> bytes:
    data = bytearray(made.zipped({"word/document.xml": "x"}))
    data[data.index(b"PK\x01\x02") + 8] |= 1  # general purpose bit 0 (APPNOTE 4.4.4)
    return bytes(data)


def many_members() -> bytes:
    return made.zipped({"word/document.xml": "x", **{f"p{n}": "" for n in range(20_001)}})


def lying_zip() -> bytes:
    """A member that claims ten bytes and holds a megabyte."""
    data = bytearray(made.docx(made.paragraph("word " * 200_000)))
    record = data.index(b"PK\x01\x02", data.rindex(b"word/styles.xml", 0, data.index(b"PK\x01\x02")))
    while data[record + 46 : record + 46 + 17] != b"word/document.xml":
        record = data.index(b"PK\x01\x02", record + 4)
    data[record + 24 : record + 28] = struct.pack("<I", 10)
    return bytes(data)


@pytest.mark.parametrize(
    ("data", "name", "expected"),
    [
        (b"", "a.md", "is empty"),
        (b" \n\t\r\n ", "a.md", "has no text, only white space"),
        (b"<html><body><script>x</script></body></html>", "a.html", "has no text (as HTML page)"),
        (made.PNG, "a.md", "looks like a PNG image, not text"),
        (b"\xff\xd8\xff\xe0\0\x10JFIF", "a.pdf", "looks like a JPEG image, not text"),
        (b"\x1f\x8b\x08\0\0\0\0\0", "a.txt", "looks like a gzip archive, not text"),
        (b"\x7fELF\2\1\1\0", "a.txt", "looks like a program, not text"),
        (b"SQLite format 3\0", "a.csv", "looks like an SQLite database, not text"),
        (b"{\\rtf1 Hello}", "a.doc", "looks like an RTF document: save it as .docx, not text"),
        (random.Random(1).randbytes(5000), "a.txt", "looks like binary data"),
        (b"words\0\0\0\0\0\0 and\1\2\3 more", "a.txt", "looks like binary data, not text"),
        (made.zipped({"a.txt": "text"}), "a.docx", "looks like a ZIP archive, not a document: unpack it"),
        (made.zipped({"mimetype": "application/vnd.oasis.opendocument.text"}), "a.odt", "looks like an OpenDocument text"),
        (made.zipped({"xl/workbook.bin": "x"}), "a.xlsb", "is a binary Excel workbook"),
        (made.docx(made.paragraph("text"))[:-30], "a.docx", "is a broken ZIP container"),
        (made.zipped({"word/document.xml": "<w>"}), "a.docx", "is not a readable Word document"),
        (made.zipped({"ppt/presentation.xml": "<p/>"}), "a.pptx", "is not a readable PowerPoint presentation"),
        (made.zipped({"xl/workbook.xml": "<p/>"}), "a.xlsx", "is not a readable Excel workbook"),
        (made.zipped({"mimetype": "application/epub+zip", "META-INF/container.xml": "<c/>"}), "a.epub", "names no package"),
        (made.docx(made.paragraph("&b;"), head=ENTITIES), "a.docx", "declares XML entities in 'word/document.xml'"),
        (LISTED_BOMB, "a.docx", "refused as a ZIP bomb"),
        (many_members(), "a.docx", "has 20002 parts: refused as a ZIP bomb"),
        (lying_zip(), "a.docx", "is a broken ZIP container"),
        (encrypted_zip(), "a.docx", "is encrypted: remove the password"),
        (made.compound({"EncryptedPackage": b"x"}), "a.docx", "is encrypted: remove the password in Office"),
        (made.compound({"WordDocument": b"x"}), "a.doc", "looks like a Word 97-2003 document: save it as .docx"),
        (made.compound({"Other": b"x"}), "a.xls", "looks like an Office compound file, not a document"),
        (made.compound({"Workbook": b"x"})[:600], "a.xls", "is a broken Office compound file"),
        (made.pdf([["Secret"]], password="word"), "a.pdf", "is encrypted: it opens only with a password"),
        (made.pdf([[], []]), "a.pdf", "has no text on its 2 pages: it looks scanned"),
        (made.pdf([]), "a.pdf", "is a PDF without pages"),
        (b"%PDF-1.7\n%%EOF", "a.pdf", "is not a readable PDF"),
        (made.pdf([["Text"]])[:300], "a.pdf", "is not a readable PDF"),
        (b'{"a": [1, 2', "a.json", "is not valid JSON: Expecting"),
        (b'{"a": 1}\n{"a": \n', "a.jsonl", "is not valid JSON Lines: record 2"),
        (b"[1, 2]", "a.ipynb", "is not a readable notebook"),
        (b",".join(b"x%d" % n for n in range(1_000_000)), "a.csv", "has 1000000 columns"),
        (made.xlsx({"S": [range(2001)]}), "a.xlsx", "has 2001 columns"),
    ],
)  # fmt: skip
def test_it_is_refused_with_its_reason(data: bytes, name: str, expected: str) -> None:
    assert expected in reason(data, name)


def test_json_nested_too_deeply_is_refused() -> None:
    with pytest.raises((Unreadable, RecursionError)):
        convert(Raw(b"[" * 100_000 + b"]" * 100_000, "a.json"))


def test_a_table_that_would_repeat_long_names_without_end_is_refused() -> None:
    rows = b"x" * 1_000_000 + b",y\n" + b"1,2\n" * 200
    assert reason(rows, "a.csv") == "gives more than 100 million characters of text"


def test_html_nested_twenty_thousand_deep_still_gives_its_first_words() -> None:
    page = "<html><body><p>First words</p>" + "<div>" * 20_000 + "deep"
    assert str(convert(Raw(page.encode(), "a.html"))["text"]).startswith("First words")


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (b"<!-- x -->\n" * 300 + b"words", "a.xml"),
        (b"# a" + b" " * 1_000_000 + b"b", "a.md"),
        (b" " * 1_000_000 + b"b\nwords", "a.txt"),
        (b"<html><body><pre>a" + b" " * 1_000_000 + b"b", "a.html"),
        (b"![" * 200_000, "a.md"),
    ],
)
@pytest.mark.timeout(120)
def test_text_that_makes_careless_patterns_endless_is_read(data: bytes, name: str) -> None:
    assert convert(Raw(data, name))["text"]


def test_surrogates_in_json_are_replaced() -> None:
    found = convert(Raw(b'{"title": "\\ud800!", "a": "\\udfffb"}', "a.json"))
    assert found["text"].encode() == "title: \ufffd!\na: \ufffdb".encode()
    assert found["title"] == "\ufffd!"


def test_control_characters_do_not_reach_the_text() -> None:
    assert convert(Raw(b"a\x08b\x1b[0m" + b"c" * 500, "a.txt"))["text"] == "ab[0m" + "c" * 500


def test_an_address_in_a_document_is_never_fetched() -> None:
    page = b'<!DOCTYPE html SYSTEM "http://127.0.0.1:9/x.dtd"><html><body><img src="http://127.0.0.1:9/"><p>Text'
    assert convert(Raw(page, "a.html"))["text"] == "Text"


def test_one_damaged_page_does_not_cost_the_others() -> None:
    data = made.pdf([["Good page"], ["Other page"]])
    broken = data.replace(b"/Length", b"/Filter /FlateDecode /Length", 1)
    found = convert(Raw(broken, "a.pdf"))
    assert "Other page" in found["text"]


@settings(max_examples=150, deadline=None)
@given(
    st.binary(max_size=200), st.sampled_from([".pdf", ".docx", ".csv", ".json", ".html", ".eml", ".ipynb", ".md", ""])
)
def test_any_bytes_are_read_or_refused_but_nothing_else_happens(data: bytes, extension: str) -> None:
    try:
        found = convert(Raw(data, f"a{extension}"))
    except Unreadable:
        return
    json.dumps(found).encode()
    assert found["text"].strip()


CONTAINERS = [
    (made.pdf([["Some text"]], title="T"), "a.pdf"),
    (made.docx(made.paragraph("Some text")), "a.docx"),
    (made.xlsx({"S": [["a", "b"], ["c", "d"]]}), "a.xlsx"),
    (made.msg(subject="S", body="B", attachment="A"), "a.msg"),
    (made.eml(subject="S", text="T", attachment="x.pdf"), "a.eml"),
]


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(CONTAINERS), st.data())
def test_a_document_with_flipped_bytes_is_read_or_refused(document: tuple[bytes, str], draw: st.DataObject) -> None:
    data, name = bytearray(document[0]), document[1]
    for _ in range(draw.draw(st.integers(1, 8))):
        data[draw.draw(st.integers(0, len(data) - 1))] = draw.draw(st.integers(0, 255))
    with contextlib.suppress(Unreadable, RecursionError):
        assert convert(Raw(bytes(data), name))["text"].strip()


def test_a_container_within_a_container_is_not_opened() -> None:
    inner = BytesIO()
    with ZipFile(inner, "w", ZIP_DEFLATED) as container:
        container.writestr("bomb", b"\0" * 2**20)
    assert "ZIP archive" in reason(made.zipped({"inner.zip": inner.getvalue()}), "a.zip")
