"""The page on reading a leaderboard quotes the published one."""

from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_quoted_rows_and_figures_stand_in_the_published_leaderboard():
    page, published = ((ROOT / name).read_text() for name in ("docs/reading.md", "results/digits/leaderboard.md"))
    quoted = [line.removesuffix(" |") for line in page.splitlines() if line.startswith("| ") and "---" not in line]
    assert len(quoted) == 5
    for row in quoted:
        assert any(line.startswith(row) for line in published.splitlines()), row
    (sentence,) = [line.removeprefix("> ") for line in page.splitlines() if line.startswith("> ")]
    assert sentence in published
    assert "it closes 33 % of the gap" in published
    assert "training on 68 labelled real images alone: +48 [+40, +62]" in published
    assert all(figure in page for figure in ("the work of 68 alone", "*+48 [+40, +62]*", "*+29 [+17, +43]*"))
    assert "80 % power at Holm's first step: 9.8 points in accuracy" in published
