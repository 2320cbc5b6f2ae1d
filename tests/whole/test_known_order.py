"""The known order of the arms: real images, then their equal by truth, then the source; on as many images each."""

import numpy as np
import pytest

from bench.plugins.registry import Registry
from bench.stats import two_level_interval
from bench.suites.load import Suite
from toy_runs import InlineRun


@pytest.mark.slow
@pytest.mark.parametrize("recipe", ["strong", "plain"])
def test_oracle_is_no_worse_than_truth_and_truth_is_better_than_the_source(recipe, tmp_path):
    """`oracle_style` shows the source's scenes as the target would: what a perfect refiner returns.

    Run with ``-s``, this prints the intervals that docs/pairs/rendered.md quotes.
    """
    table = {
        "pair": "objects",
        "task": "classification",
        "recipe": recipe,
        "seeds": 3,
        "refiners": ["oracle_style"],
        "arms": ["refined", "oracle"],
        "limits": {"source_images": 400},
        "train_steps": 150,
        "measures": False,
    }
    suite = Suite.model_validate({"name": "order", "title": "Known order", "tables": [table]})
    done = InlineRun(suite, tmp_path, Registry())
    assert done.outcome.complete, done.listener.failures
    hits = {arm: [] for arm in ("source", "refined", "oracle")}
    for record in sorted(done.outcome.records, key=lambda record: record.cell.task_seed):
        if record.cell.recipe == recipe:
            hits[record.cell.arm].append(record.contributions.unpack())
    source, truth, oracle = (np.array(hits[arm]) for arm in ("source", "refined", "oracle"))
    gain, rest = two_level_interval(truth - source), two_level_interval(oracle - truth)
    for name, found in (("truth − source", gain), ("oracle − truth", rest)):
        print(f"{recipe}: {name} {100 * found.mean:+.1f} points [{100 * found.low:+.1f}, {100 * found.high:+.1f}]")
    assert gain.low > 0.2
    assert rest.high > 0
    assert rest.low > -0.25
