"""The HTML report: complete in itself, readable, and text stays text."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import async_playwright
from services import missing, need
from sets import animals
from test_run import Fixed

from assistant.errors import ConfigurationError
from assistant.evaluation import Comparison, Dataset, Report, compare, evaluate
from assistant.evaluation.page import render

need("matplotlib")
EVIL = "<img src=x onerror=window.hacked=1> $x_1$ </svg>"


def reports(dataset: Dataset) -> tuple[Report, list[Comparison]]:
    report = evaluate(dataset, Fixed("dog", "cat", "owl", name=f"ours {EVIL}"))
    other = evaluate(dataset, Fixed("owl", "cat", "dog", name=f"theirs {EVIL}"))
    return report, [compare(report, other)]


def test_the_page_shows_metrics_plots_languages_and_the_worst_cases() -> None:
    page = render(*reports(animals()))
    assert 3 == page.count("<svg")
    for text in ("ndcg@10", "What ours", "By language", "Wie weit dreht the owl its head?", "place 3", "270 degrees"):
        assert text in page
    assert "How loud does the dog bark?" not in page


def test_a_report_alone_needs_no_comparison_and_no_languages() -> None:
    report = evaluate(Dataset("one", animals().documents, animals().queries[:1]), Fixed("cat", "dog", "owl"))
    page = render(report)
    assert 1 == page.count("<svg")
    assert "No question went wrong." in page
    assert "By language" not in page


def test_nothing_is_loaded_from_anywhere() -> None:
    page = render(*reports(animals()))
    assert [] == re.findall(r'<[a-z][^>]*(?:src|href)="(?!#)[^"]*"|url\((?!#)[^)]*\)|@import', page)
    assert "<script" not in page


def test_what_documents_and_names_hold_is_text() -> None:
    page = render(*reports(animals(evil=EVIL)))
    assert "<img" not in page
    assert "&lt;img src=x onerror=window.hacked=1&gt;" in page


def test_a_set_without_a_known_answer_cannot_be_reported() -> None:
    report = evaluate(Dataset("none", animals().documents, animals().queries[3:]), Fixed("cat", "dog", "owl"))
    with pytest.raises(ConfigurationError, match="no question whose answer is known"):
        render(report)


def test_a_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    report, _ = reports(animals())
    with pytest.raises(ConfigurationError, match="cannot be written"):
        report.save(tmp_path / "no" / "folder.html")


@pytest.mark.browser
@pytest.mark.parametrize(("scheme", "width"), [("light", 1000), ("dark", 1000), ("light", 360)])
async def test_a_browser_shows_it_in_light_dark_and_on_a_phone(tmp_path: Path, scheme: Any, width: int) -> None:
    chromium = shutil.which("chromium")
    if chromium is None:
        missing("Chromium")
    report, against = reports(animals(evil=EVIL))
    report.save(tmp_path / "report.html", against=against)
    async with async_playwright() as driver:
        browser = await driver.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        page = await browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
        said: list[str] = []
        page.on("console", lambda message: said.append(message.text))
        page.on("request", lambda request: said.append(request.url))
        await page.goto((tmp_path / "report.html").as_uri())
        await page.locator("details").first.click()
        assert await page.locator("details p").nth(1).is_visible()
        assert width == await page.evaluate("document.documentElement.scrollWidth")
        assert await page.evaluate("window.hacked === undefined")
        shades = await page.evaluate(
            "['color', 'backgroundColor'].map(name => getComputedStyle(document.body)[name].match(/\\d+/g)"
            ".slice(0, 3).reduce((sum, part) => sum + Number(part), 0))"
        )
        ink = await page.locator("svg text").first.evaluate("one => getComputedStyle(one).fill")
        await browser.close()
    assert [(tmp_path / "report.html").as_uri()] == said
    assert (scheme == "dark") is (shades[0] > shades[1])
    assert (scheme == "dark") is (sum(map(int, re.findall(r"\d+", ink)[:3])) > 380)
