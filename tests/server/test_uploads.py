from __future__ import annotations

from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.filenames import clean_name
from assistant.server.uploads import Uploads


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("report.pdf", "report.pdf"),
        ("a/b\\report.pdf", "report.pdf"),
        ("..report.pdf", "report.pdf"),
        ("re\u202eport\0\n.pdf", "report.pdf"),
        ('a<b>:"c|?*.txt', "abc.txt"),
        (" space .txt. ", "space .txt"),
        ("Cafe\u0301.md", "Café.md"),
        ("手册.md", "手册.md"),
    ],
)
def test_only_the_last_part_of_a_name_is_kept_without_what_can_mislead(name: str, expected: str) -> None:
    assert expected == clean_name(name)


@given(st.text(max_size=400))
def test_a_clean_name_is_one_visible_file_that_any_file_system_takes(name: str) -> None:
    try:
        clean = clean_name(name)
    except ValueError:
        return
    assert Path("folder", clean).resolve().parent == Path("folder").resolve()
    assert not clean.startswith(".")
    assert len(clean.encode()) <= 200
    assert clean == clean_name(clean)


def test_an_earlier_version_is_put_back_when_the_new_one_is_refused(tmp_path: Path) -> None:
    uploads = Uploads(tmp_path / "uploads")
    path = uploads.put("a.txt", BytesIO(b"one"))
    uploads.settle([path], refused=[])

    uploads.settle([uploads.put("a.txt", BytesIO(b"two"))], refused=[path])

    assert (b"one", [path]) == (path.read_bytes(), list(path.parent.iterdir()))


def test_only_uploaded_files_are_deleted(tmp_path: Path) -> None:
    uploads = Uploads(tmp_path / "uploads")
    uploads.put("a.txt", BytesIO(b"one"))
    other = tmp_path / "other.txt"
    other.write_text("keep")

    for source in (str(other), f"{uploads.folder}/../other.txt", f"{uploads.folder}/..", "https://example.org/a.txt"):
        uploads.discard(source)

    assert other.exists()


def test_a_long_name_of_wide_characters_can_be_written(tmp_path: Path) -> None:
    path = Uploads(tmp_path / "uploads").put("a" * 300 + "." + "\U0001f600" * 30, BytesIO(b"one"))

    assert b"one" == path.read_bytes()
