import numpy as np
import pytest

from bench.api.imageset import ImageSet
from bench.run.store import Store
from bench.run.stored_sets import column_digests, load_set, save_blocks, save_set


@pytest.fixture
def images():
    rng = np.random.default_rng(0)
    return ImageSet.from_arrays(
        {"background_template": rng.integers(0, 256, (8, 6, 3), np.uint8)},
        image=rng.integers(0, 256, (5, 8, 6, 3), np.uint8),
        class_id=np.arange(5),
    )


def test_a_set_comes_back_as_it_was_and_its_digests_are_those_of_its_content(tmp_path, images):
    store = Store(tmp_path)

    def make(folder):
        return {"sets": {name: save_set(folder, name, images, images.columns) for name in ("a", "b")}}

    entry = store.write("ab" * 32, make)
    loaded = load_set(entry, "a")
    for name, column in images.columns.items():
        np.testing.assert_array_equal(loaded.columns[name].array, column.array)
        assert isinstance(loaded.columns[name].array, np.memmap)
    np.testing.assert_array_equal(loaded.assets["background_template"], images.assets["background_template"])
    assert column_digests(entry, "a", ("image", "class_id")) == column_digests(entry, "b", ("image", "class_id"))
    assert set(column_digests(entry, "a", ("image",))) == {"image", "asset.background_template"}


def test_blocks_are_one_array(tmp_path):
    array = np.random.default_rng(0).integers(0, 256, (7, 4, 3, 3), np.uint8)
    save_blocks(tmp_path / "x.npy", array.shape, (array[i : i + 3] for i in range(0, 7, 3)))
    np.testing.assert_array_equal(np.load(tmp_path / "x.npy"), array)


@pytest.mark.parametrize("blocks", [[np.zeros((2, 4, 3, 3), np.uint8)], [np.zeros((7, 4, 3, 3), np.float32)]])
def test_blocks_that_do_not_add_up_are_refused(tmp_path, blocks):
    with pytest.raises(ValueError, match="expected"):
        save_blocks(tmp_path / "x.npy", (7, 4, 3, 3), blocks)
