"""A page in Debian's Chromium, driven by Playwright; tests that need it are skipped where either is missing."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


class Opened:
    """A page in the browser, with what it complained about and what it asked the network for."""

    def __init__(self, page, path: Path) -> None:
        self.page, self.complaints, self.requests = page, [], []
        page.on("console", lambda message: self.complaints.append(message.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", lambda request: self.requests.append(request.url))
        page.goto(path.as_uri())
        self.own = path.as_uri()

    def overflow(self) -> int:
        """Pixels by which the page is wider than its window."""
        return self.page.evaluate("document.documentElement.scrollWidth - innerWidth")

    def column(self, heading: str, table: int = 0) -> list[str]:
        """The visible cells below a heading of a table of rows."""
        return self.page.evaluate(
            """([heading, place]) => {
              const table = document.querySelectorAll("table.rows")[place];
              const column = [...table.tHead.rows[0].cells].findIndex((cell) => cell.innerText.startsWith(heading));
              return [...table.tBodies[0].rows].filter((row) => !row.hidden).map((row) =>
                row.cells[column].querySelector("code")?.innerText ?? row.cells[column].innerText);
            }""",
            [heading, table],
        )


@contextmanager
def chromium() -> Iterator[Callable[..., Opened]]:
    """``open(path, width=1600, dark=False)``: a file of this disk in a fresh window."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    executable = shutil.which("chromium")
    if executable is None:
        pytest.skip("no browser: Debian's package chromium is not installed")
    with playwright.sync_playwright() as driver:
        # CI runs as root, where Chromium's sandbox cannot work; it sees pages of this test alone.
        browser = driver.chromium.launch(executable_path=executable, args=["--no-sandbox"])

        def open_(path: Path, width: int = 1600, dark: bool = False) -> Opened:
            size = {"width": width, "height": 900}
            return Opened(browser.new_page(viewport=size, color_scheme="dark" if dark else "light"), path)

        try:
            yield open_
        finally:
            browser.close()
