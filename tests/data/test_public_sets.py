"""The pages of the public pairs: what is fetched, from where, under which licence, and what may be done with it."""

import re
from pathlib import Path

import pytest

from bench.data.public_sets import DOWNLOADS
from bench.plugins.registry import Registry

PAGES = Path(__file__).parents[2] / "docs" / "pairs"


@pytest.mark.parametrize("name", ["linemod", "camvid", "kitchen", "cards"])
def test_a_pairs_page_states_licence_size_citation_and_use(name):
    text = " ".join((PAGES / f"{name}.md").read_text().split())
    download, pair = DOWNLOADS[name], Registry().pair(name)[0]
    assert f"python -m bench data fetch {name} " in text
    assert f"{download.n_bytes / 1e6:.0f} MB" in text
    assert f"{len(download.digests):,} files" in text
    assert re.search(r"archive/([0-9a-f]{40})", download.url)[1] in text, "the commit"
    assert "*Licence.*" in text
    assert f"`redistributable` is {'on' if pair.redistributable else 'off'}" in text
    first_author = re.search(r"[A-Z][a-z]+(?=[,:( ])", download.citation.partition(". ")[2])
    assert first_author[0] in text
