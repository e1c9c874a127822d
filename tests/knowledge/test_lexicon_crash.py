"""The lexical index through kills, damage and a full disk."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from lexicon_rows import found, row

from assistant.errors import ConfigurationError
from assistant.knowledge.lexicon import Lexicon, Row

SCRIPT = Path(__file__).with_name("lexicon_kills.py")


@pytest.fixture
def lexicon(tmp_path: Path) -> Iterator[Lexicon]:
    lexicon = Lexicon(tmp_path / "lexicon")
    lexicon.add([row(0, "A pump.")])
    lexicon.commit()
    yield lexicon
    lexicon.close()


def test_it_is_all_there_when_opened_again_and_what_was_not_committed_is_not(tmp_path: Path) -> None:
    first = Lexicon(tmp_path)
    first.add([row(0, "A zeppelin.")])
    first.commit()
    first.add([row(1, "Another zeppelin.")])
    first.close()

    second = Lexicon(tmp_path)
    assert (1, ["0-1-0"]) == (second.count(), found(second, "zeppelin"))
    second.close()


def test_many_small_commits_leave_few_files_and_no_thread(tmp_path: Path) -> None:
    before = threads()
    lexicon = Lexicon(tmp_path)
    for version in range(40):
        lexicon.add([row(0, "A zeppelin.", version=str(version))])
        lexicon.delete([("0", str(version - 1))])
        lexicon.commit()
    lexicon.close()

    assert len(list(tmp_path.iterdir())) < 100
    wait_until_gone = time.monotonic() + 10
    while threads() > before and time.monotonic() < wait_until_gone:
        time.sleep(0.05)
    assert before >= threads()


def threads() -> int:
    tasks = Path("/proc/self/task")
    return len(list(tasks.iterdir())) if tasks.exists() else threading.active_count()


def test_after_close_it_says_that_it_is_closed(tmp_path: Path) -> None:
    lexicon = Lexicon(tmp_path)
    lexicon.close()
    lexicon.close()

    with pytest.raises(ConfigurationError, match="closed"):
        lexicon.count()
    with pytest.raises(ConfigurationError, match="closed"):
        lexicon.add([row(0, "text")])


@pytest.mark.parametrize("harm", ["nothing", "empty", "shorter", "flipped"])
def test_a_damaged_folder_is_emptied_whichever_file_it_is(tmp_path: Path, harm: str) -> None:
    good = tmp_path / "good"
    lexicon = Lexicon(good)
    for version in ("1", "2"):
        lexicon.add([row(n, f"A zeppelin {n}.", version=version) for n in range(5)])
        lexicon.commit()
    lexicon.delete([("0", "1")])
    lexicon.commit()
    lexicon.close()
    names = [path.name for path in good.iterdir() if not path.name.startswith(".")]

    for name in names:
        place = shutil.copytree(good, tmp_path / f"{harm} {name}")
        content = bytearray((place / name).read_bytes())
        content[len(content) // 2] ^= 0x80
        kept = {"nothing": None, "empty": b"", "shorter": content[: len(content) // 2], "flipped": content}[harm]
        (place / name).unlink() if kept is None else (place / name).write_bytes(kept)

        again = Lexicon(place)
        assert (0, []) == (again.count(), found(again, "zeppelin"))
        again.add([row(0, "A zeppelin.")])
        again.commit()
        assert 1 == again.count()
        again.close()


def test_a_folder_of_another_version_is_emptied(tmp_path: Path) -> None:
    import tantivy

    other = tantivy.SchemaBuilder().add_text_field("id", stored=True).build()
    index = tantivy.Index(other, str(tmp_path))
    writer = index.writer(15_000_000, 1)
    document = tantivy.Document()
    document.add_text("id", "0")
    writer.add_document(document)
    writer.commit()
    writer.wait_merging_threads()

    lexicon = Lexicon(tmp_path)
    assert 0 == lexicon.count()
    lexicon.close()


def test_an_error_while_adding_leaves_the_last_commit(lexicon: Lexicon) -> None:
    def rows() -> Iterator[Row]:
        yield row(7, "A zeppelin.")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        lexicon.add(rows())
    lexicon.add([row(8, "A balloon.")])
    lexicon.commit()

    assert ([], ["8-1-0"], 2) == (found(lexicon, "zeppelin"), found(lexicon, "balloon"), lexicon.count())


def test_a_place_that_is_no_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "lexicon").write_text("a file")

    with pytest.raises(ConfigurationError, match="lexicon"):
        Lexicon(tmp_path / "lexicon")


def test_a_full_disk_is_named_and_there_is_the_last_commit_and_it_goes_on_with_room(small_disk: Path) -> None:
    lexicon = Lexicon(small_disk / "lexicon")
    lexicon.add([row(0, "A zeppelin.")])
    lexicon.commit()
    filler = small_disk / "filler"
    with pytest.raises(OSError, match="space"):
        filler.write_bytes(bytes(2**22))

    def write() -> None:
        lexicon.add(row(n, " ".join(f"word{n * k}" for k in range(300))) for n in range(1, 100))
        lexicon.commit()

    with pytest.raises(ConfigurationError, match="full"):
        write()
    assert ["0-1-0"] == found(lexicon, "zeppelin")

    filler.unlink()
    write()
    assert 100 == lexicon.count()
    lexicon.close()


def test_a_process_killed_at_any_time_leaves_one_commit_or_the_next(tmp_path: Path) -> None:
    place = tmp_path / "lexicon"
    for number in range(10):
        writer = subprocess.Popen([sys.executable, SCRIPT, place], stdout=subprocess.PIPE, text=True)
        assert writer.stdout is not None
        last = 0
        for line in writer.stdout:
            last = int(line)
            if last % 7 == number % 7:
                time.sleep(number / 1000)
                os.kill(writer.pid, signal.SIGKILL)
                break
        committed = [last, *map(int, writer.stdout.read().split())][-1]
        writer.wait()
        writer.stdout.close()

        lexicon = Lexicon(place)
        versions = {id.split("-")[1] for id in found(lexicon, "zeppelin", k=1000)}
        assert (50, 1) == (lexicon.count(), len(versions))
        assert int(versions.pop()) in (committed, committed + 1)
        lexicon.close()
