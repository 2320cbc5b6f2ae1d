"""The page on measures quotes the published controls."""

from pathlib import Path

import pandas as pd
import pytest

ROOT = Path(__file__).parents[2]
ROWS = pd.read_csv(ROOT / "results" / "controls" / "leaderboard.csv").query("arm == 'refined'")
TABLES = list(ROWS[["pair", "task"]].drop_duplicates().itertuples(index=False, name=None))


def quantity(row, name):
    value, low, high = (f"{row[f'labels_{name}{end}']:.0f}".replace("-", "−") for end in ("", "_low", "_high"))
    return f"{value} [{low}, {high}]"


@pytest.mark.parametrize(("pair", "task"), TABLES)
def test_the_table_of_controls_is_the_published_one(pair, task):
    (line,) = [
        line
        for line in (ROOT / "docs" / "measures.md").read_text().splitlines()
        if line.startswith(f"| `{pair}`, {task} ")
    ]
    cells = [cell.strip() for cell in line.strip("|").split("|")]
    of = {row.refiner: row for _, row in ROWS[(ROWS["pair"] == pair) & (ROWS["task"] == task)].iterrows()}
    flip, perfect = of["flip"], of.get("oracle_style")
    assert cells[2] == quantity(flip, "edges_kept")
    assert cells[3] == ("–" if perfect is None else quantity(perfect, "edges_kept"))
    assert cells[4] == quantity(flip, "score_kept")
    assert cells[5] == flip.labels.replace("⚑ flagged", "⚑")
    assert cells[6] == ("–" if perfect is None else perfect.labels)


def test_a_perfect_refiner_is_intact_and_a_mirror_is_flagged_wherever_labels_have_a_place():
    assert set(ROWS[ROWS.refiner == "oracle_style"].labels) == {"intact"}
    placed = ROWS[(ROWS.refiner == "flip") & (ROWS.task != "classification")]
    assert len(placed) == 5
    assert placed.labels.str.startswith("⚑ flagged").all()
