import numpy as np
import pytest
from PIL import Image

from bench.api import UserError
from bench.data.export import export_pair
from toy_runs import InlineRun, toy_suite


def test_exported_images_scored_as_precomputed_are_the_source(tmp_path, registry):
    """The round trip of an outside tool that changes nothing: it lands on the source's own training."""
    counts = export_pair(registry.pair("toy")[0], None, lambda name: registry.task(name)[0].fit, tmp_path / "png")
    assert counts == {"source_train": 96, "source_val": 12, "target_train": 60}
    suite = toy_suite(arms=["refined"], refiners=[f"precomputed:folder={tmp_path / 'png'}"], seeds=1)
    run = InlineRun(suite, tmp_path / "run", registry)
    assert run.outcome.complete
    assert run.executor.counts["train"] == 2
    changed = tmp_path / "png" / "source_train" / "000003.png"
    Image.fromarray(255 - np.asarray(Image.open(changed))).save(changed)
    again = InlineRun(suite, tmp_path / "run", registry)
    assert again.executor.counts["fit"] == 1, "a folder whose content changed is read again"
    assert again.executor.counts["train"] == 1


def test_nothing_of_the_test_set_is_exported(tmp_path, registry):
    export_pair(registry.pair("toy")[0], "classification", lambda name: registry.task(name)[0].fit, tmp_path / "png")
    assert {path.name for path in (tmp_path / "png").iterdir()} == {"source_train", "source_val", "target_train"}


def test_wrong_requests_are_one_line(tmp_path, registry):
    with pytest.raises(UserError, match="exists already"):
        export_pair(registry.pair("toy")[0], None, lambda name: registry.task(name)[0].fit, tmp_path)
    with pytest.raises(UserError, match="no task 'clasification' of pair 'toy'; did you mean 'classification'"):
        export_pair(registry.pair("toy")[0], "clasification", lambda name: registry.task(name)[0].fit, tmp_path / "png")
