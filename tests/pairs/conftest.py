"""The real sets beside the checkout (../shared/data), fetched from there once for all tests of this folder."""

from pathlib import Path

import pytest

from bench.data.downloads import Download, fetch

SHARED = Path(__file__).parents[3] / "shared" / "data"


@pytest.fixture(scope="session")
def fetched(tmp_path_factory):
    """``fetched(download, folder)``: the set is where pairs look for it, or the test is skipped and says why."""
    root = tmp_path_factory.mktemp("data")

    def bring(download: Download, folder: str) -> None:
        if not (SHARED / folder).is_dir():
            pytest.skip(f"{download.name!r} is not in {SHARED / folder}")
        fetch(download, root, str(SHARED / folder))

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("REALGAIN_DATA", str(root))
        yield bring
