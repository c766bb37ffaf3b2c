"""report.html in a real browser: no error, no request, and every figure is that of report.json."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from typing import Any

import pytest

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
pytestmark = pytest.mark.xdist_group("report")  # `written` is made once
BROWSERS = ("chromium", "chromium-browser", "google-chrome")

FIGURES = """() => [...document.querySelectorAll("data[data-pointer]")].map(e => ({
  pointer: e.dataset.pointer, value: e.value, scale: e.dataset.scale, text: e.textContent,
  shown: e.getClientRects().length > 0 }))"""
TEXTS = """() => [...document.querySelectorAll("span[data-pointer]")].map(e => [e.dataset.pointer, e.textContent])"""
STRAY = """() => [...document.querySelectorAll("td:not(.reason)")].map(cell => {
  const copy = cell.cloneNode(true);
  copy.querySelectorAll("data").forEach(e => e.remove());
  return copy.textContent; })"""
COLOURS = """() => {
  const style = name => getComputedStyle(document.querySelector(name));
  return [style("body").backgroundColor, style("body").color, style("figure svg text").fill]; }"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    path = next(filter(None, map(shutil.which, BROWSERS)), None)
    if path is None:
        pytest.skip(f"no browser is installed (looked for {', '.join(BROWSERS)}): apt-get install chromium")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path)
        yield browser
        browser.close()


@pytest.fixture
def open_page(browser: Any, written: Any) -> Iterator[Any]:
    """Opens the report; what the page complains of or asks for fails the test."""
    complaints: list[str] = []
    pages = []

    def opened(width: int = 390, scheme: str = "light") -> Any:
        page = browser.new_page(viewport={"width": width, "height": 844}, color_scheme=scheme)
        pages.append(page)
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        url = (written.folder / "report.html").as_uri()
        page.on(
            "request",
            lambda request: (
                request.url == url
                or request.url.startswith("data:")
                or complaints.append(f"request for {request.url}")
            ),
        )
        page.goto(url)
        return page

    yield opened
    for page in pages:
        page.close()
    assert not complaints


def at(content: Any, pointer: str) -> Any:
    for part in pointer.split("/")[1:]:
        part = part.replace("~1", "/").replace("~0", "~")
        content = content[int(part)] if isinstance(content, list) else content[part]
    return content


def test_every_figure_is_that_of_the_json(open_page, written) -> None:
    content, page = written.content, open_page()
    found = {figure["pointer"]: figure for figure in page.evaluate(FIGURES)}
    for pointer, figure in found.items():
        value = at(content, pointer)
        assert float(figure["value"]) == value
        assert figure["shown"], pointer
        assert re.fullmatch(r"[+-]?\d+(\.\d+)?", figure["text"]), pointer
        digits = len(figure["text"].partition(".")[2])
        assert float(figure["text"]) == pytest.approx(
            value * float(figure["scale"]), abs=0.5001 * 10**-digits
        )

    ends = ("value", "low", "high")
    for index, row in enumerate(content["artifacts"]):
        start = f"/artifacts/{index}"
        expected = {f"{start}/size", f"{start}/memory"}
        for name in row["figures"]:
            figure = f"{start}/figures/{name.replace('/', '~1')}"
            expected |= {f"{figure}/value"}
            expected |= (
                {f"{figure}/difference/{end}" for end in ends}
                if index
                else {f"{figure}/low", f"{figure}/high"}
            )
        for threads, time in row["latency"].items():
            expected |= {f"{start}/latency/{threads}/{name}" for name in ("p50", "p95")}
            if time["speed_up"]:
                expected |= {f"{start}/latency/{threads}/speed_up/{end}" for end in ends}
        for place in range(len(row["worst"])):
            expected |= {f"{start}/worst/{place}/{side}" for side in ("reference", "artifact")}
        assert {pointer for pointer in found if pointer.startswith(f"{start}/")} == expected


def test_every_sentence_is_that_of_the_json_and_no_figure_is_loose(open_page, written) -> None:
    page = open_page()
    texts = dict(page.evaluate(TEXTS))
    assert texts
    for pointer, text in texts.items():
        assert text == at(written.content, pointer)
    for index in range(len(written.content["artifacts"])):
        assert f"/artifacts/{index}/verdict/sentence" in texts
    assert not any(re.search(r"\d", cell) for cell in page.evaluate(STRAY))


@pytest.mark.parametrize("width", [320, 390, 1200])
def test_it_fits_the_screen(open_page, width) -> None:
    page = open_page(width)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.locator("figure img").count() == 2 * page.locator(".pair").count() > 0
    assert page.evaluate("[...document.images].every(image => image.naturalWidth === 192)")


def test_dark_and_light_each_have_their_colours_and_plots_take_them(open_page) -> None:
    (light, ink, plot), (dark, chalk, night_plot) = (
        open_page(scheme=scheme).evaluate(COLOURS) for scheme in ("light", "dark")
    )
    assert light != dark
    assert (plot, night_plot) == (ink, chalk)
