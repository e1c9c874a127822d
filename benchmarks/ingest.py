"""An ingest run over a real corpus with planted bad files, killed in the middle and resumed; checked against an uninterrupted run.

The corpus is what Debian packages install under /usr/share/doc: HTML, PDF and text in English and Chinese.
Run: python -m benchmarks.ingest [--packages …] [--kills 5] [--limit N] [--out benchmarks/results]
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import resource
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

PACKAGES = ["debian-reference-en", "debian-reference-zh-cn", "debian-handbook", "python3.11-doc"]


def fetch(packages: list[str], folder: Path) -> Path:
    """Unpack the packages without installing them."""
    subprocess.run(["apt-get", "download", "-qq", *packages], cwd=folder, check=True)
    for archive in sorted(folder.glob("*.deb")):
        subprocess.run(["dpkg-deb", "-x", str(archive), str(folder / "unpacked")], check=True)
    return folder / "unpacked" / "usr" / "share" / "doc"


def corpus(source: Path, target: Path, limit: int | None) -> int:
    """Hard-link the documents into `target`, of the handbook's translations two; returns how many."""
    files = [
        p
        for p in sorted(source.rglob("*"))
        if p.suffix in {".html", ".pdf", ".txt"} and p.is_file() and not p.is_symlink()
    ]
    handbook = [p for p in files if "debian-handbook" in p.parts and not {"zh-CN", "en-US"} & set(p.parts)]
    files = [p for p in files if p not in set(handbook)]
    if limit:
        files = random.Random(0).sample(files, limit)
    for path in files:
        link = target / path.relative_to(source)
        link.parent.mkdir(parents=True, exist_ok=True)
        link.hardlink_to(path)
    return len(files)


def plant(folder: Path) -> list[str]:
    """Files that must be refused or read as what they are; returns the names that must be refused."""
    from pypdf import PdfWriter

    bad = folder / "planted"
    bad.mkdir()
    writer = PdfWriter()
    writer.add_blank_page(200, 200)
    writer.encrypt("secret")
    writer.write(bad / "encrypted.pdf")
    pdf = next(folder.rglob("*.pdf"), None)
    whole = pdf.read_bytes() if pdf else (bad / "encrypted.pdf").read_bytes()
    (bad / "broken.pdf").write_bytes(whole[: len(whole) // 3])
    (bad / "empty.txt").write_bytes(b"")
    with (bad / "huge.txt").open("wb") as huge:
        huge.truncate(200 << 20)
    (bad / "picture.md").write_bytes(b"\x89PNG\r\n\x1a\n" + random.Random(0).randbytes(5000))
    (bad / "not-a-zip.docx").write_bytes(b"PK\x03\x04" + random.Random(1).randbytes(3000))
    (bad / "page.txt").write_text(
        "<!doctype html><html><title>Mislabelled</title><body><h1>Mislabelled</h1><p>The kestrel code is 7781.</p></body></html>"
    )
    return ["encrypted.pdf", "broken.pdf", "empty.txt", "huge.txt", "picture.md", "not-a-zip.docx"]


def command(data: Path, docs: Path) -> tuple[list[str], dict[str, str]]:
    env = {**os.environ, "ASSISTANT_DATA_DIR": str(data)}
    return [sys.executable, "-m", "assistant", "ingest", "--json", "--sync", str(docs)], env


def ingest(data: Path, docs: Path) -> dict[str, Any]:
    args, env = command(data, docs)
    began = time.perf_counter()
    done = subprocess.run(args, env=env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
    report: dict[str, Any] = json.loads(done.stdout)
    report["wall_seconds"] = round(time.perf_counter() - began, 1)
    report["peak_child_mib"] = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024
    return report


def killed(data: Path, docs: Path, seconds: float) -> bool:
    """Start an ingest and kill -9 its whole process group after `seconds`; False where it had ended before."""
    args, env = command(data, docs)
    child = subprocess.Popen(
        args, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    try:
        child.wait(seconds)
    except subprocess.TimeoutExpired:
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()
        return True
    return False


def contents(data: Path) -> dict[str, Any]:
    """Every passage with its vector, as one digest, and the number of documents and passages."""
    import chromadb
    from chromadb.config import Settings as ChromaSettings

    client = chromadb.PersistentClient(str(data / "chroma"), settings=ChromaSettings(anonymized_telemetry=False))
    [collection] = client.list_collections()
    rows: list[str] = []
    total = collection.count()
    for offset in range(0, total, 2000):
        page = collection.get(limit=2000, offset=offset, include=["documents", "metadatas"])
        for text, meta in zip(page["documents"] or [], page["metadatas"] or [], strict=True):
            rows.append(f"{meta.get('source')}\t{meta.get('start')}\t{text}")
    digest = hashlib.sha256("\n".join(sorted(rows)).encode()).hexdigest()[:16]
    return {"passages": total, "distinct": len(set(rows)), "digest": digest}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--packages", nargs="*", default=PACKAGES)
    parser.add_argument("--kills", type=int, default=5)
    parser.add_argument("--limit", type=int)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results"))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        docs = home / "docs"
        docs.mkdir()
        figures: dict[str, Any] = {"files": corpus(fetch(options.packages, home), docs, options.limit)}
        must_refuse = plant(docs)

        figures["first"] = first = ingest(home / "whole", docs)
        refused = {Path(r["source"]).name: r["reason"] for r in first.pop("refused")}
        figures["refused"] = refused
        figures["missing_refusals"] = sorted(set(must_refuse) - set(refused))
        again = ingest(home / "whole", docs)
        again.pop("refused")
        figures["unchanged"] = again
        figures["unchanged_ratio"] = round(first["seconds"] / max(again["seconds"], 1e-3), 1)

        dice = random.Random(7)
        share = [dice.uniform(0.08, 0.2) for _ in range(options.kills)]
        kills = [killed(home / "torn", docs, 3 + first["wall_seconds"] * part) for part in share]
        figures["kills"] = sum(kills)
        resumed = ingest(home / "torn", docs)
        resumed.pop("refused")
        figures["resumed"] = resumed
        figures["contents"] = {name: contents(home / name) for name in ("whole", "torn")}
        figures["equal_after_kills"] = figures["contents"]["whole"] == figures["contents"]["torn"]
    print(json.dumps(figures, indent=1, ensure_ascii=False))
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "ingest.json").write_text(json.dumps(figures, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
