"""Finding documents, and loading them in a process that may hang, crash or fill memory without harm to this one."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil  # type: ignore[import-untyped]
import pytest
import sample_files as made

from assistant.errors import Unreadable
from assistant.knowledge.load import Loaded, Reader, Refusal, Source, discover
from assistant.knowledge.reader_process import LARGE

NEVER_ENDING = b"<html><body>" + b"<nav>x" * 40_000
"""Closed by nobody, each of these holds all that follow: minutes of work."""


@pytest.fixture(scope="module")
def reader() -> Iterator[Reader]:
    with Reader(max_file_mib=1, max_seconds=60, allow_private_urls=False) as shared:
        yield shared


def written(path: Path, content: bytes | str = "Some text.") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def source(path: Path | str) -> Source:
    return Source(str(path))


def refusal(reader: Reader, path: Path | str) -> str:
    with pytest.raises(Unreadable) as refused:
        reader.load(source(path))
    return str(refused.value)


def test_files_of_a_folder_are_found_in_order_with_size_and_time(tmp_path: Path) -> None:
    for name in ("b/two.md", "a.md", "b/one.md", "LICENSE", ".hidden.md", ".git/config", "node_modules/x/readme.md"):
        written(tmp_path / name)
    for name in ("__pycache__/x.py", "~$a.docx", "CVS/Entries"):
        written(tmp_path / name)
    found = list(discover([tmp_path]))
    assert [Path(item.uri).relative_to(tmp_path).as_posix() for item in found if isinstance(item, Source)] == [
        "LICENSE",
        "a.md",
        "b/one.md",
        "b/two.md",
    ]
    assert found[1] == Source((tmp_path / "a.md").as_posix(), 10, (tmp_path / "a.md").stat().st_mtime)


def test_a_document_named_twice_is_found_once(tmp_path: Path) -> None:
    path = written(tmp_path / "a.md")
    assert len(list(discover([tmp_path, path, str(path), tmp_path / "." / "a.md"]))) == 1


def test_what_is_no_document_is_told_and_not_lost(tmp_path: Path) -> None:
    written(tmp_path / "logo.png")
    written(tmp_path / "film.mp4")
    written(tmp_path / "text.woff2")
    assert [item.reason for item in discover([tmp_path]) if isinstance(item, Refusal)] == [
        "not a document (MP4 video)",
        "not a document (PNG image)",
        "not a document (WOFF2 font)",
    ]


def test_a_missing_path_is_a_refusal() -> None:
    assert list(discover(["/no/such/file.md"])) == [Refusal("/no/such/file.md", "does not exist")]
    assert list(discover([""])) == [Refusal("''", "is not a path")]


def test_links_to_folders_are_not_followed_and_loops_end(tmp_path: Path) -> None:
    written(tmp_path / "docs/a.md")
    (tmp_path / "docs/again").symlink_to(tmp_path / "docs")
    (tmp_path / "docs/self").symlink_to(tmp_path / "docs/self")
    (tmp_path / "docs/b.md").symlink_to(tmp_path / "docs/a.md")
    found = [(Path(getattr(item, "uri", getattr(item, "source", ""))).name, item) for item in discover([tmp_path])]
    assert [name for name, _ in found] == ["a.md", "again", "b.md", "self"]
    reasons = {name: item.reason for name, item in found if isinstance(item, Refusal)}
    assert reasons["again"] == "is a link to a folder: name the folder itself to load it"
    assert reasons["self"].startswith("cannot be opened")


def test_a_name_that_is_not_utf8_is_refused_in_printable_form(tmp_path: Path) -> None:
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.md")).write_text("x")
    written(tmp_path / "line\nbreak.md")
    bad, good = discover([tmp_path])
    assert bad == Refusal(f"{tmp_path}/caf\\xe9.md", "has a name that is not valid UTF-8: rename it")
    assert isinstance(good, Source)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://example.org/a?b=1#part", Source("https://example.org/a?b=1")),
        ("HTTP://example.org", Source("HTTP://example.org")),
        ("ftp://example.org/a", Refusal("ftp://example.org/a", "'ftp' addresses are not loaded, only http and https")),
        (
            "mailto:a@example.org",
            Refusal("mailto:a@example.org", "'mailto' addresses are not loaded, only http and https"),
        ),
        ("https:///path", Refusal("https:///path", "is not a valid address")),
        ("http://[::1", Refusal("http://[::1", "is not a valid address")),
        (
            "https://ann:secret@example.org/a",
            Refusal(
                "https://example.org/a",
                "has a user name or password in the address, which would be stored: leave it out",
            ),
        ),
    ],
)
def test_addresses_are_told_from_paths(url: str, expected: Source | Refusal) -> None:
    assert list(discover([url])) == [expected]


def test_a_loaded_document_carries_everything(reader: Reader, tmp_path: Path) -> None:
    path = written(tmp_path / "m.pdf", made.pdf([["One"], ["Two"]], title="Manual"))
    expected = Loaded(str(path), "Manual", "One\n\nTwo", "application/pdf", (0, 5), {})
    assert reader.load(source(path)) == expected
    assert reader.load(source(path)) == expected


def test_what_is_no_file_is_refused_without_waiting(reader: Reader, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "s"))
        assert refusal(reader, tmp_path / "s") == "is a socket, not a file"
    assert refusal(reader, tmp_path / "pipe") == "is a named pipe, not a file"
    assert refusal(reader, "/dev/zero") == "is a device, not a file"
    assert refusal(reader, tmp_path) == "is a folder, not a file"
    assert refusal(reader, tmp_path / "loop") == "is a link that leads back to itself"


def test_a_file_that_vanished_is_refused(reader: Reader, tmp_path: Path) -> None:
    path = written(tmp_path / "a.md")
    (found,) = discover([path])
    path.unlink()
    assert isinstance(found, Source)
    assert refusal(reader, found.uri) == "no longer exists"


def test_a_file_above_the_limit_is_refused_before_it_is_read(reader: Reader, tmp_path: Path) -> None:
    path = tmp_path / "huge.txt"
    with path.open("wb") as file:
        file.truncate(2**40)
    assert refusal(reader, path) == "is 1048576.0 MiB large, more than 1 MiB (knowledge.max_file_mib)"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
def test_a_forbidden_file_is_refused(reader: Reader, tmp_path: Path) -> None:
    path = written(tmp_path / "a.md")
    path.chmod(0)
    assert refusal(reader, path) == "permission denied"


def test_json_nested_too_deeply_is_refused_and_the_next_document_loads(reader: Reader, tmp_path: Path) -> None:
    assert refusal(reader, written(tmp_path / "a.json", "[" * 100_000)) == "is nested too deeply"
    assert reader.load(source(written(tmp_path / "b.md"))).text == "Some text."


def test_a_document_that_takes_too_long_is_ended_and_the_next_one_loads(tmp_path: Path) -> None:
    with Reader(max_file_mib=1, max_seconds=1, allow_private_urls=False) as reader:
        assert refusal(reader, written(tmp_path / "a.html", NEVER_ENDING)) == (
            "took longer than 1 s to read (knowledge.max_seconds)"
        )
        assert reader.load(source(written(tmp_path / "b.md"))).text == "Some text."


def test_a_crash_of_the_process_costs_only_the_document_that_caused_it(tmp_path: Path) -> None:
    before = psutil.Process().children()
    with Reader(max_file_mib=1, max_seconds=60, allow_private_urls=False) as reader:
        reader.load(source(written(tmp_path / "a.md")))
        (child,) = set(psutil.Process().children()) - set(before)
        threading.Timer(0.5, child.send_signal, [signal.SIGSEGV]).start()
        assert refusal(reader, written(tmp_path / "b.html", NEVER_ENDING)) == "crashed its reader (SIGSEGV)"
        assert reader.load(source(tmp_path / "a.md")).text == "Some text."


def test_a_large_parent_does_not_make_its_reader_look_large(tmp_path: Path) -> None:
    grown = b"x" * (LARGE + 1)
    before = psutil.Process().children()
    with Reader(max_file_mib=1, max_seconds=60, allow_private_urls=False) as reader:
        reader.load(source(written(tmp_path / "a.md")))
        (child,) = set(psutil.Process().children()) - set(before)
        reader.load(source(tmp_path / "a.md"))
        assert child.is_running()
    assert len(grown) > LARGE


def test_a_process_that_died_between_two_documents_is_replaced(tmp_path: Path) -> None:
    before = psutil.Process().children()
    with Reader(max_file_mib=1, max_seconds=60, allow_private_urls=False) as reader:
        reader.load(source(written(tmp_path / "a.md")))
        (child,) = set(psutil.Process().children()) - set(before)
        child.kill()
        while child.is_running() and child.status() != psutil.STATUS_ZOMBIE:
            time.sleep(0.01)
        assert reader.load(source(tmp_path / "a.md")).text == "Some text."


def test_a_document_that_needs_too_much_memory_is_refused_and_the_next_one_loads(tmp_path: Path) -> None:
    members = b'{"":10},' * 8_000_000
    with Reader(max_file_mib=64, max_seconds=120, allow_private_urls=False) as reader:
        assert refusal(reader, written(tmp_path / "a.json", b"[" + members[:-1] + b"]")) == (
            "needs more than 2 GiB of memory to read"
        )
        assert reader.load(source(written(tmp_path / "b.md"))).text == "Some text."


def test_good_documents_around_hostile_ones_all_load(reader: Reader, tmp_path: Path) -> None:
    bad = {"a.docx": made.PNG, "c.pdf": made.pdf([["x"]], password="p"), "e.md": b"", "g.zip": made.zipped({"a": "b"})}
    good = {
        "b.docx": made.docx(made.paragraph("Some text.")),
        "d.eml": made.eml(subject="S", text="Some text."),
        "f.md": b"Some text.",
    }
    for name, content in (bad | good).items():
        written(tmp_path / name, content)
    loaded, refused = [], []
    for item in discover([tmp_path]):
        assert isinstance(item, Source)
        try:
            loaded.append((Path(item.uri).name, reader.load(item).text.endswith("Some text.")))
        except Unreadable:
            refused.append(Path(item.uri).name)
    assert loaded == [(name, True) for name in good]
    assert refused == list(bad)


def test_threads_may_share_a_reader(reader: Reader, tmp_path: Path) -> None:
    paths = [written(tmp_path / f"{number}.md", f"Text {number}") for number in range(20)]
    texts: dict[int, str] = {}
    threads = [
        threading.Thread(target=lambda n=n, path=path: texts.update({n: reader.load(source(path)).text}))
        for n, path in enumerate(paths)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert texts == {number: f"Text {number}" for number in range(20)}


SCRIPT = """
import sys
from assistant.knowledge.load import Reader, Source
with Reader(max_file_mib=1, max_seconds=60, allow_private_urls=False) as reader:
    print(reader.load(Source(sys.argv[1])).text)
    print(sorted({"markitdown", "bs4", "lxml", "httpx2", "pypdf", "numpy", "langchain_community"} & set(sys.modules)))
"""


def test_a_script_without_main_guard_works_and_imports_no_library_of_formats(tmp_path: Path) -> None:
    script = written(tmp_path / "run.py", SCRIPT)
    elsewhere = written(tmp_path / "documents/json.py", "raise SystemExit('imported from the current folder')").parent
    path = written(tmp_path / "a.html", "<html><body>Some text.</body></html>")
    root = str(Path(__file__).parents[2])
    done = subprocess.run(
        [sys.executable, str(script), str(path)],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": root},
        cwd=elsewhere,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("Some text.\n[]\n", "")
