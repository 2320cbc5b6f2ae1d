"""The pages of pairs quote published leaderboards."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [page for page in sorted((ROOT / "docs" / "pairs").glob("*.md")) if "## First results" in page.read_text()]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_quoted_findings_are_all_of_the_published_leaderboard(page):
    text = page.read_text().partition("## First results")[2].partition("\n## ")[0]
    (suite,) = re.findall(r"`python -m bench run ([^\s`]+)`", text)
    published = re.findall(r"^\*\*Result\.\*\* (.*)$", (ROOT / "results" / suite / "leaderboard.md").read_text(), re.M)
    assert re.findall(r"^> (.*)$", text, re.M) == published


def test_the_pairs_on_photographs_have_first_results():
    assert {"linemod", "camvid", "kitchen", "cards"} <= {page.stem for page in PAGES}
