"""Every format becomes Markdown with its title, pages and metadata."""

from __future__ import annotations

import csv
import json
from datetime import date
from io import StringIO
from typing import Any

import pytest
import sample_files as made
from hypothesis import given, settings
from hypothesis import strategies as st

from assistant.errors import Unreadable
from assistant.knowledge.formats import Raw, convert

WORDS = st.text(st.characters(categories=("L", "N")), min_size=1, max_size=12)
LINES = st.text(
    st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="\ufeff\ufffe\uffff\ufffd"), max_size=60
)


def text_of(data: bytes, name: str, **declared: str) -> str:
    return str(convert(Raw(data, name, **declared))["text"])


def title_of(data: bytes, name: str) -> str:
    return str(convert(Raw(data, name))["title"])


def test_markdown_is_kept_and_its_first_heading_is_the_title() -> None:
    data = b"```\n# no heading\n```\n\n# Vacation *policy* ##\r\n\r\nFifteen days.\r\n"
    found = convert(Raw(data, "a.md"))
    assert found["text"] == "```\n# no heading\n```\n\n# Vacation *policy* ##\n\nFifteen days."
    assert found["title"] == "Vacation policy"


def test_front_matter_gives_the_title_and_does_not_become_a_heading() -> None:
    found = convert(Raw(b"---\ntitle: 'Opening hours'\ntags: shop\n---\nNine to five.", "a.md"))
    assert found["title"] == "Opening hours"
    assert found["text"] == "title: 'Opening hours'\ntags: shop\n\nNine to five."


def test_a_name_is_made_readable_where_a_document_has_no_title() -> None:
    assert title_of(b"Nine to five.", "opening_hours-2026.txt") == "opening hours 2026"


def test_source_code_is_verbatim_with_its_language() -> None:
    source = "#!/usr/bin/env python\n\n\n\ndef f():\n\treturn 1  # one"
    found = convert(Raw(source.encode() + b"\n", "tool.py"))
    assert found["text"] == source
    assert found["metadata"] == {"language": "python"}
    assert convert(Raw(b"all:\n\techo", "Makefile"))["metadata"] == {"language": "make"}


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("年假政策：每位员工每年享有十五天带薪年假，须提前两周向主管申请。", "gb18030"),
        ("年假政策：每位員工每年享有十五天帶薪年假，須提前兩週向主管申請。", "big5"),
        ("すべての従業員は年間十五日の有給休暇を取得できます。", "shift_jis"),
        ("Le congé annuel est de quinze jours ; déposez la demande à l'avance auprès du supérieur.", "latin-1"),
        ("Ежегодный отпуск составляет пятнадцать дней, заявление подаётся за две недели.", "cp1251"),
        ("年假 Vacation policy", "utf-8-sig"),
        ("年假 Vacation policy", "utf-16"),
        ("Vacation policy, without a mark", "utf-16-le"),
        ("Vacation policy, without a mark", "utf-16-be"),
        ("年假 Vacation", "utf-32"),
    ],
)
def test_the_encoding_of_a_text_is_found(text: str, encoding: str) -> None:
    assert text_of(text.encode(encoding), "a.txt") == text


def test_html_follows_its_own_declaration_of_the_encoding() -> None:
    page = '<html><head><meta charset="iso-8859-2"></head><body>Zażółć gęślą jaźń</body></html>'
    assert text_of(page.encode("iso-8859-2"), "a.html") == "Zażółć gęślą jaźń"


PAGE = """<!DOCTYPE html><html><head><title>Returns | Shop</title><style>p {color: red}</style></head><body>
<header>Shop banner</header><nav><a href="/">Home</a></nav>
<main><header><h1>Returns <a href="#x">¶</a></h1></header>
<p>Send it <b>back</b> within 10<sup>2</sup> days, see <a href="https://example.org/form">the form</a>
or <a href="terms.html">terms</a>.</p><p hidden>hidden words</p><div style="display: none">unseen</div>
<img src="data:image/png;base64,AAAA" alt="A parcel"><aside>Related news</aside>
<table><tr><th>Item</th><th>Days</th></tr><tr><td>Shoe_size</td><td>14</td></tr></table>
<pre><code class="language-python">print("a &lt; b")</code></pre><form><input value="q"><button>Go</button></form>
</main><script>alert("x")</script><footer>Imprint</footer></body></html>"""


def test_html_gives_only_the_main_content_as_markdown() -> None:
    assert text_of(PAGE.encode(), "returns.html") == "\n".join(
        [
            "# Returns",
            "",
            "Send it back within 10^2 days, see [the form](https://example.org/form) or terms.",
            "",
            "A parcel",
            "",
            "| Item | Days |",
            "| --- | --- |",
            "| Shoe_size | 14 |",
            "",
            "```python",
            'print("a < b")',
            "```",
        ]
    )


def test_the_title_of_a_page_is_its_own_else_its_first_heading() -> None:
    assert title_of(PAGE.encode(), "x.html") == "Returns | Shop"
    assert title_of(b"<html><body><h2>Opening hours</h2>Nine to five", "x.html") == "Opening hours"


def test_a_page_wrapped_in_one_form_keeps_its_text() -> None:
    page = b"<html><body><form><h1>Prices</h1><p>Twelve euro for the large one.</p></form></body></html>"
    assert text_of(page, "a.aspx") == "# Prices\n\nTwelve euro for the large one."


def test_pdf_pages_start_at_their_offsets() -> None:
    data = made.pdf([["First page", "of two"], [], ["Third page"]], title="Manual")
    found = convert(Raw(data, "m.pdf"))
    assert found["text"] == "First page\nof two\n\nThird page"
    assert found["pages"] == (0, 19, 19)
    assert found["text"][19:] == "Third page"
    assert found["title"] == "Manual"


def test_pdf_bookmarks_become_headings() -> None:
    data = made.pdf([["1", "1.2 Opening  hours", "Nine to five."]], bookmarks={"Opening hours": 0})
    assert text_of(data, "m.pdf") == "1\n\n# 1.2 Opening hours\n\nNine to five."


@pytest.mark.parametrize("title", ["Microsoft Word - report.docx", "untitled", "Presentation1", "x", "12.3", "a.indd"])
def test_a_title_that_a_program_left_in_a_pdf_is_not_taken(title: str) -> None:
    assert title_of(made.pdf([["Text"]], title=title), "annual-report.pdf") == "annual report"


def test_a_pdf_that_only_forbids_printing_is_read() -> None:
    assert text_of(made.pdf([["Open to all"]], owner_password="owner"), "a.pdf") == "Open to all"


def test_word_documents_keep_headings_and_tables() -> None:
    body = (
        made.paragraph("Staff handbook", "Title")
        + made.paragraph("Leave", "H1")
        + made.paragraph("Fifteen days.")
        + made.table([["Years", "Days"], ["5", "20"]])
    )
    found = convert(Raw(made.docx(body), "h.docx"))
    assert found["text"] == (
        "# Staff handbook\n\n# Leave\n\nFifteen days.\n\n| Years | Days |\n| --- | --- |\n| 5 | 20 |"
    )
    assert found["title"] == "Staff handbook"
    assert title_of(made.docx(body, title="Handbook 2026"), "h.docx") == "Handbook 2026"


def test_a_slide_is_a_page_with_its_notes_and_tables() -> None:
    data = made.pptx([("Plans", "Grow\n<!-- Slide number: 9 -->"), ("Prices", "Stable")], notes="Say it slowly")
    found = convert(Raw(data, "deck.pptx"))
    first, second = found["text"][: found["pages"][1]], found["text"][found["pages"][1] :]
    assert first == "# Plans\nGrow\n<!-- Slide number: 9 -->\n\n### Notes:\nSay it slowly\n\n"
    assert second == "# Prices\nStable\n\n| Size | Price |\n| --- | --- |\n| Large | 12 EUR |"
    assert found["title"] == "Plans"


def test_rows_of_a_workbook_repeat_their_column_names() -> None:
    sheets: dict[str, list[list[object]]] = {
        "Prices": [["Price list"], [], ["Article", "EUR", None], ["Pump", 12.5, "new"], ["Hose", 3.0, None]],
        "Days": [["Day", "Open"], [date(2026, 3, 2), True]],
        "Secret": [["a", "b"], ["c", "d"]],
        "Empty": [],
    }
    found = convert(Raw(made.xlsx(sheets, hidden=["Secret"]), "price_list.xlsx"))
    assert found["text"] == (
        "## Prices\n\nPrice list\n\nArticle: Pump\nEUR: 12.5\ncolumn 3: new\n\nArticle: Hose\nEUR: 3\n\n"
        "## Days\n\nDay: 2026-03-02\nOpen: true"
    )
    assert found["title"] == "price list"


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_rows_of_a_table_repeat_their_column_names(delimiter: str) -> None:
    rows = [["Article", "Note", "EUR"], ["Pump", 'big, "red"; wide\nand new', "1,5"], ["Hose", "", "3"]]
    buffer = StringIO()
    csv.writer(buffer, delimiter=delimiter).writerows(rows)
    assert text_of(buffer.getvalue().encode(), "a.csv") == (
        'Article: Pump\nNote: big, "red"; wide and new\nEUR: 1,5\n\nArticle: Hose\nEUR: 3'
    )


def test_a_table_without_names_counts_its_columns() -> None:
    assert text_of(b"Pump,12\nHose,3\n", "a.csv") == "column 1: Pump\ncolumn 2: 12\n\ncolumn 1: Hose\ncolumn 2: 3"


def test_a_table_of_one_column_is_named_by_its_first_cell() -> None:
    assert text_of(b"City\nUlm\nBern\n", "a.csv") == "City: Ulm\n\nCity: Bern"


@settings(max_examples=50, deadline=None)
@given(st.lists(st.lists(WORDS, min_size=3, max_size=3), min_size=1, max_size=8))
def test_every_cell_of_a_table_is_in_the_text_behind_its_column(rows: list[list[str]]) -> None:
    buffer = StringIO()
    csv.writer(buffer).writerows([["alpha", "beta", "gamma"], *rows])
    blocks = text_of(buffer.getvalue().encode(), "a.csv").split("\n\n")
    assert blocks == [f"alpha: {a}\nbeta: {b}\ngamma: {c}" for a, b, c in rows]


def test_objects_of_a_json_list_become_records() -> None:
    value = {
        "title": "Branches",
        "year": 2026,
        "branches": [
            {"city": "Ulm", "address": {"street": "Main\nStreet 1", "zip": "01234"}, "open": True, "fax": None},
            {"city": "Bern", "days": ["Mon", "Tue"], "staff": [{"name": "Ann"}, {"name": "Bob"}]},
        ],
    }
    found = convert(Raw(json.dumps(value).encode(), "b.json"))
    assert found["text"] == (
        "title: Branches\nyear: 2026\n\n"
        "branches.city: Ulm\nbranches.address.street: Main Street 1\nbranches.address.zip: 01234\nbranches.open: true\n\n"
        "branches.city: Bern\nbranches.days: Mon, Tue\nbranches.staff[1].name: Ann\nbranches.staff[2].name: Bob"
    )
    assert found["title"] == "Branches"


def test_numbers_in_json_stay_as_they_are_written() -> None:
    long = "9" * 5000
    assert text_of(f'{{"price": 1.50, "id": {long}, "none": NaN}}'.encode(), "a.json") == (
        f"price: 1.50\nid: {long}\nnone: NaN"
    )


def test_json_lines_are_records_under_either_extension() -> None:
    data = b'{"a": 1}\n\n{"a": {"b": "x"}}\n"plain"\n'
    expected = "a: 1\n\na.b: x\n\nplain"
    assert text_of(data, "a.jsonl") == expected
    assert text_of(data, "a.json") == expected


JSON = st.recursive(
    WORDS | st.integers() | st.booleans(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS, inner, max_size=4),
    max_leaves=20,
)


def leaves(value: Any) -> list[str]:
    if isinstance(value, dict | list):
        members = value.values() if isinstance(value, dict) else value
        return [leaf for member in members for leaf in leaves(member)]
    return [str(value).lower() if isinstance(value, bool) else str(value)]


@settings(max_examples=100, deadline=None)
@given(st.dictionaries(WORDS, JSON, min_size=1, max_size=4))
def test_every_value_in_json_is_in_the_text(value: dict[str, Any]) -> None:
    found = leaves(value)
    data = json.dumps(value).encode()
    if found:
        text = text_of(data, "a.json")
        assert [leaf for leaf in found if leaf not in text] == []
    else:
        with pytest.raises(Unreadable, match="no text"):
            text_of(data, "a.json")


@settings(max_examples=100, deadline=None)
@given(LINES.filter(lambda text: text.strip(" \t\xa0\u3000\u200b")), st.sampled_from(["utf-8", "utf-16", "utf-8-sig"]))
def test_any_text_comes_back_as_it_was(line: str, encoding: str) -> None:
    whole = f"Notes on {line}.\nThe end."
    assert text_of(whole.encode(encoding), "a.txt") == whole.replace("\u2028", "\n").replace("\u2029", "\n")


def test_chapters_of_a_book_come_in_reading_order() -> None:
    chapters = {
        "two.xhtml": "<html><body><h1>Two</h1><p>End.</p></body></html>",
        "chapter%20one.xhtml": '<?xml version="1.0" encoding="utf-8"?><!DOCTYPE html><html><body><h1>One</h1>Start.</body></html>',
    }
    found = convert(Raw(made.epub(chapters, title="The Pump", author="A. Smith"), "b.epub"))
    assert found["text"] == "# One\n\nStart.\n\n# Two\n\nEnd."
    assert (found["title"], found["metadata"]) == ("The Pump", {"author": "A. Smith"})


def test_notebooks_keep_cells_and_the_beginning_of_outputs() -> None:
    data = made.notebook(
        {"cell_type": "markdown", "source": ["# Pumps\n", "Measured."]},
        {
            "cell_type": "code",
            "source": "# load\nread()",
            "outputs": [
                {"output_type": "stream", "text": ["x" * 3000]},
                {"output_type": "display_data", "data": {"image/png": "AAAA"}},
            ],
        },
        {"cell_type": "code", "source": "", "outputs": []},
    )
    found = convert(Raw(data, "n.ipynb"))
    assert found["text"] == f"# Pumps\nMeasured.\n\n```python\n# load\nread()\n```\n\n```\n{'x' * 2000}\n…\n```"
    assert found["title"] == "Pumps"


def test_mail_shows_its_headers_and_names_its_attachments() -> None:
    data = made.eml(
        subject="Späte Lieferung", text="It comes on Monday.\n", html="<p>It comes</p>", attachment="plan.pdf"
    )
    found = convert(Raw(data, "m.eml"))
    assert found["text"] == (
        "Subject: Späte Lieferung\nFrom: Ann <ann@example.org>\nTo: Bob <bob@example.org>\n"
        "Date: Mon, 02 Mar 2026 09:00:00 +0100\n\nIt comes on Monday.\n\nAttachments: plan.pdf"
    )
    assert found["title"] == "Späte Lieferung"
    assert found["metadata"]["from"] == "Ann <ann@example.org>"


def test_mail_without_plain_text_shows_its_html() -> None:
    assert text_of(made.eml(subject="Hi", html="<h1>News</h1><p>All <b>well</b>"), "m.eml").endswith(
        "# News\n\nAll well"
    )


def test_outlook_messages_look_like_other_mail() -> None:
    found = convert(Raw(made.msg(subject="Delivery", body="It comes on Monday.", attachment="plan.pdf"), "m.msg"))
    assert found["text"] == (
        "Subject: Delivery\nFrom: ann@example.org\nTo: Bob\n\nIt comes on Monday.\n\nAttachments: plan.pdf"
    )
    assert found["title"] == "Delivery"


@pytest.mark.parametrize(
    ("data", "name", "media_type"),
    [
        (made.pdf([["Text"]]), "a.txt", "application/pdf"),
        (b"<!-- saved --><!DOCTYPE html><p>Hello", "a.txt", "text/html"),
        (b"<html><body>not found</body></html>", "report.pdf", "text/html"),
        (b"plain words", "report.docx", "text/plain"),
        (
            made.docx(made.paragraph("Hello")),
            "a.zip",
            "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        ),
        (
            made.xlsx({"S": [["a", "b"], ["c", "d"]]}),
            "a.docx",
            "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        ),
        (b"Received: from a\nSubject: Hi\n\nBody", "a.txt", "message/rfc822"),
        (b"GIF89a is the name of a format.", "a.txt", "text/plain"),
        (b"PDF files begin with %PDF-1.7, they say.", "a.txt", "text/plain"),
    ],
)
def test_content_decides_what_a_mislabelled_document_is(data: bytes, name: str, media_type: str) -> None:
    assert convert(Raw(data, name))["media_type"] == media_type


def test_a_declared_type_decides_where_the_content_is_any_text() -> None:
    assert text_of(b'{"a": 1}', "data", declared="application/json") == "a: 1"
    assert text_of(b"<p>Hello</p>", "page", declared="text/html") == "Hello"


def test_the_same_bytes_give_the_same_text() -> None:
    for data, name in (
        (PAGE.encode(), "a.html"),
        (made.pdf([["Text"]]), "a.pdf"),
        (made.docx(made.paragraph("A")), "a.docx"),
    ):
        assert convert(Raw(data, name)) == convert(Raw(data, name))
