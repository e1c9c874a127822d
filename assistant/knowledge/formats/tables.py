"""CSV and Excel: each row becomes a record that repeats the column names."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime, time
from io import BytesIO, StringIO
from itertools import islice

from assistant.errors import Unreadable
from assistant.knowledge.formats.archive import core_title
from assistant.knowledge.formats.values import Converted, Raw
from assistant.knowledge.formats.write import clean, join_blocks, one_line, record

MAX_COLUMNS = 2_000
DELIMITERS = ",;\t|"


def csv_table(raw: Raw) -> Converted:
    """A record a row; the delimiter is the one that divides the first rows most evenly."""
    csv.field_size_limit(2**24)
    text = raw.text.removeprefix("\ufeff")
    rows = csv.reader(StringIO(text, newline=""), delimiter=_delimiter(text))
    return Converted(join_blocks(_records(rows)))


def _delimiter(text: str) -> str:
    """The first of the best: rows of the same number of cells, and many of them."""
    sample = text[:65536]

    def evenness(delimiter: str) -> tuple[bool, int]:
        widths = [len(row) for row in islice(csv.reader(StringIO(sample, newline=""), delimiter=delimiter), 10) if row]
        usual = min(widths[:-1] or widths, default=0)
        return usual > 1, usual

    return max(DELIMITERS, key=evenness)


def xlsx(raw: Raw) -> Converted:
    """A section a visible sheet, a record a row, formulas by the values Excel last saved."""
    from openpyxl import load_workbook  # type: ignore[import-untyped]

    book = load_workbook(BytesIO(raw.data), read_only=True, data_only=True, keep_links=False)
    blocks: list[str] = []
    for sheet in book.worksheets:
        if sheet.sheet_state == "visible":
            sheet.reset_dimensions()  # those in the file may claim a million empty rows
            records = list(_records([_cell(value) for value in row] for row in sheet.iter_rows(values_only=True)))
            blocks += [f"## {one_line(sheet.title)}", *records] if records else []
    return Converted(join_blocks(blocks), core_title(raw.data))


def _cell(value: object) -> str:
    match value:
        case None:
            return ""
        case bool():
            return str(value).lower()
        case float() if value.is_integer() and abs(value) < 1e15:
            return str(int(value))
        case float():
            return f"{value:.15g}"
        case datetime() if value.time() == time():
            return value.date().isoformat()
        case datetime():
            return value.isoformat(" ")
        case date() | time():
            return value.isoformat()
        case _:
            return str(value)


def _records(rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """The first row with two cells or more names the columns; what stands alone above it is a line of text."""
    filled = (row for row in rows if _width(row) and any(cell.strip() for cell in row))
    names: Sequence[str] | None = None
    above: list[str] = []
    for row in filled:
        if names is not None:
            yield record(zip(_names(names, len(row)), row, strict=True))
        elif len(cells := [one_line(cell) for cell in row if cell.strip()]) == 1 and len(above) < 10:
            above.append(cells[0])
        else:
            yield from above
            above, names = [], row
            if not _is_header(row):
                names = []
                yield record(zip(_names(names, len(row)), row, strict=True))
    if names is None:
        yield from _column(above)


def _column(cells: list[str]) -> Iterator[str]:
    """A table of one short column: its first cell names the others."""
    for cell in cells[1:]:
        yield record([(cells[0], cell)])
    if len(cells) == 1:
        yield cells[0]


def _width(row: Sequence[str]) -> int:
    if len(row) > MAX_COLUMNS:
        raise Unreadable(f"has {len(row)} columns, more than {MAX_COLUMNS}: it is no table to read")
    return len(row)


def _is_header(row: Sequence[str]) -> bool:
    """Names are unique and no numbers."""
    cells = [cell.strip() for cell in row if cell.strip()]
    return len(set(cells)) == len(cells) and not any(_is_number(cell) for cell in cells)


def _is_number(cell: str) -> bool:
    return cell.replace(",", "").replace(".", "").strip("+-%€$£¥ ").isdigit()


def _names(header: Sequence[str], width: int) -> list[str]:
    given = [one_line(clean(name)) for name in header[:width]]
    return [given[i] if i < len(given) and given[i] else f"column {i + 1}" for i in range(width)]
