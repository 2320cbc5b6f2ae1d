"""Every shipped pair with real target images says which defaults were chosen with its labels in sight."""

import pytest

from bench.plugins.registry import Registry


@pytest.mark.parametrize("name", ["digits", "linemod", "camvid", "kitchen", "cards"])
def test_pairs_on_photographs_say_what_was_tuned_on_them(name):
    assert Registry().pair(name)[0].tuned.endswith(".")
