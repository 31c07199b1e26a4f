"""The page in a real browser: on screen, on a phone, and printed on A4."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from kamstream.report import page
from tests.dashboard.conftest import browser  # noqa: F401 (a fixture)
from tests.report.make import NAME, empty, material

pytestmark = [pytest.mark.browser, pytest.mark.timeout(120)]


@pytest.fixture(params=["en", "fr"])
def shown(request: pytest.FixtureRequest, browser: Any, tmp_path: Path) -> Any:  # noqa: F811 (the fixture)
    """The review in a browser; the test fails where it asks for anything but itself, or complains."""
    path, troubles = tmp_path / "review.html", list[str]()
    path.write_text(page(material(), request.param), encoding="utf-8")
    context = browser.new_context(viewport={"width": 1100, "height": 1400})
    sheet = context.new_page()
    sheet.on("request", lambda asked: None if asked.url == path.as_uri() else troubles.append(asked.url))
    sheet.on("console", lambda said: troubles.append(said.text))
    sheet.on("pageerror", lambda error: troubles.append(str(error)))
    sheet.goto(path.as_uri())
    yield sheet
    context.close()
    assert not troubles


def widest(sheet: Any) -> list[str]:
    """What reaches out of the sheet to the right."""
    found: list[str] = sheet.evaluate(
        """() => [...document.querySelectorAll('main *')]
            .filter(e => e.tagName !== 'CAPTION' && !e.closest('svg'))
            .filter(e => e.getBoundingClientRect().right > e.closest('main').getBoundingClientRect().right + 1)
            .map(e => e.tagName + ' ' + e.textContent.slice(0, 40))"""
    )
    return found


def test_the_name_is_text_and_nothing_reaches_out_of_the_sheet(shown: Any) -> None:
    assert shown.locator("h1").inner_text() == NAME
    assert shown.locator("script").count() == 0
    assert widest(shown) == []
    assert shown.locator("svg.history").count() == 1
    assert shown.locator("svg.history").bounding_box()["width"] > 200


def test_it_can_be_read_on_a_phone(shown: Any) -> None:
    shown.set_viewport_size({"width": 390, "height": 844})
    assert shown.evaluate("document.documentElement.scrollWidth") <= 390


def test_it_prints_on_few_pages_of_a4(shown: Any) -> None:
    printed: bytes = shown.pdf(prefer_css_page_size=True, print_background=True)
    assert printed.startswith(b"%PDF")
    boxes = re.findall(rb"/MediaBox \[0 0 ([\d.]+) ([\d.]+)\]", printed)
    assert 3 <= len(boxes) <= 5
    assert {(round(float(wide)), round(float(high))) for wide, high in boxes} <= {(595, 842), (596, 842), (596, 843)}
    shown.emulate_media(media="print")
    shown.set_viewport_size({"width": 794, "height": 1123})
    assert widest(shown) == []


def test_an_empty_review_prints_too(browser: Any, tmp_path: Path) -> None:  # noqa: F811 (the fixture)
    path = tmp_path / "review.html"
    path.write_text(page(empty(), "en"), encoding="utf-8")
    sheet = browser.new_page()
    sheet.goto(path.as_uri())
    assert len(re.findall(rb"/MediaBox", sheet.pdf(prefer_css_page_size=True))) <= 3
    sheet.close()
