"""The page on reliability states the maxima that are held."""

from pathlib import Path

from bench.api import bounds

PAGE = (Path(__file__).parents[2] / "docs" / "reliability.md").read_text()


def test_every_maximum_is_in_the_table_with_its_value():
    stated = {line.rpartition("(`")[2].partition("`")[0]: line for line in PAGE.splitlines() if line.endswith(" |")}
    for name, value in vars(bounds).items():
        if name.isupper():
            assert stated[name].endswith(f"| {value:,} |"), name


def test_the_guarantees_are_ten_lines():
    lines = PAGE.partition("## What is guaranteed")[2].partition("## ")[0].strip().splitlines()
    assert [line.partition(".")[0] for line in lines] == [str(number) for number in range(1, 11)]
