"""What the values in masks mean: the names file nearest above them, and Cityscapes' palette."""

import numpy as np
import pytest
from PIL import Image

import own_folders as folders
from bench.api.errors import DataError
from bench.data.formats import Options, recognise
from bench.data.listing import IGNORE

SEGMENTATION = Options("segmentation")


def export(root, names, kind="classes.txt", seed=0, n=3):
    """Masks of 0, 1 and 2 with a names file of their own."""
    for i in range(n):
        folders.save(folders.scene(i, seed), root / "images" / f"{i:03d}.png")
        folders.save(np.minimum(folders.mask_of(i), 2), root / "masks" / f"{i:03d}.png")
    if kind.endswith(".csv"):
        lines = ["Pixel Value, Class", *(f"{i}, {name}" for i, name in enumerate(names))]
        (root / kind).write_text("\n".join(lines))
    elif names:
        (root / kind).write_text("\n".join(names))
    return root


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (["road", "car", "sign"], ["road", "sign", "car"]),
        (["road", "car", "sign"], ["sign", "road", "bus"]),
        (["void", "car", "sign"], ["road", "car", "sign"]),
    ],
)
@pytest.mark.parametrize("kind", ["classes.txt", "labels.txt", "_classes.csv"])
def test_each_mask_counts_by_the_names_file_nearest_above_it(tmp_path, first, second, kind):
    export(tmp_path / "a", first)
    export(tmp_path / "b", second, kind, seed=5)
    listing = recognise(tmp_path, SEGMENTATION)
    assert listing.n_images == 6
    assert "each mask counts by the names file nearest above it" in listing.notes
    for i, name in enumerate(listing.names):
        own = first if "/a/" in name else second
        raw = np.minimum(folders.mask_of(i % 3), 2)
        expected = [IGNORE if own[v] == "void" else listing.class_names.index(own[v]) for v in range(3)]
        np.testing.assert_array_equal(listing.pixels["mask"](i), np.array(expected)[raw])


@pytest.mark.parametrize("where", ["", "a", "a/masks"])
def test_one_names_file_is_found_wherever_it_lies(tmp_path, where):
    export(tmp_path / "a", [])
    export(tmp_path / "b", [], seed=5)
    (tmp_path / where / "classes.txt").write_text("road\ncar\nsign\n")
    assert recognise(tmp_path, SEGMENTATION).class_names == ("road", "car", "sign")


@pytest.mark.parametrize("places", [("meta/a", "meta/b"), ("x", "y/z"), ("docs", "old")])
def test_names_files_beside_the_masks_that_disagree_are_refused(tmp_path, places):
    export(tmp_path / "set", [])
    for place, names in zip(places, ("road\ncar\nsign\n", "road\nsign\ncar\n"), strict=True):
        (tmp_path / place).mkdir(parents=True)
        (tmp_path / place / "classes.txt").write_text(names)
    with pytest.raises(DataError, match=r"names road, car, sign and .* names road, sign, car, and .*keep one of"):
        recognise(tmp_path, SEGMENTATION)


def test_masks_below_no_names_file_beside_others_take_the_one_there_is(tmp_path):
    export(tmp_path / "a", ["road", "car", "sign"])
    export(tmp_path / "b", [], seed=5)
    assert recognise(tmp_path, SEGMENTATION).class_names == ("road", "car", "sign")


@pytest.mark.parametrize("other", [["road", "sign", "car"], ["car"], ["a", "b", "c", "d"]])
def test_another_folder_lends_no_names_that_disagree(tmp_path, other):
    export(tmp_path / "source", [])
    export(tmp_path / "target" / "a", ["road", "car", "sign"])
    export(tmp_path / "target" / "b", other, seed=5)
    with pytest.raises(DataError, match="another folder, which has no names, cannot take them from here"):
        recognise(tmp_path / "source", Options("segmentation", classes_from=tmp_path / "target"))


COLOURS = {7: (128, 64, 128), 8: (244, 35, 232), 11: (70, 70, 70), 26: (0, 0, 142)}


@pytest.mark.parametrize("tree", ["{}/{:05d}.png", "01_{0}/{0}/{1:05d}.png", "train/{}/{:05d}.png"])
def test_gta5_is_known_by_its_palette(tmp_path, tree):
    palette = np.zeros((256, 3), np.uint8)
    palette[list(COLOURS)] = list(COLOURS.values())
    for i in range(3):
        folders.save(folders.scene(i), tmp_path / tree.format("images", i))
        path = tmp_path / tree.format("labels", i)
        path.parent.mkdir(parents=True, exist_ok=True)
        image = Image.fromarray(np.array([7, 26, 11], np.uint8)[np.minimum(folders.mask_of(i), 2)])
        image.putpalette(palette.tobytes())
        image.save(path)
    listing = recognise(tmp_path, SEGMENTATION)
    names = [listing.class_names[v] for v in np.unique(listing.pixels["mask"](1))]
    assert names == ["road", "building", "car"]
    assert len(listing.class_names) == 19


@pytest.mark.parametrize("scale", [0.5, 0.1, 1 / 255])
def test_fractions_are_no_ids(tmp_path, scale):
    for i in range(3):
        folders.save(folders.scene(i), tmp_path / "images" / f"{i}.png")
        folders.save((np.minimum(folders.mask_of(i), 2) * scale).astype(np.float32), tmp_path / "masks" / f"{i}.tif")
    with pytest.raises(DataError, match=r"masks/0\.tif holds fractions .* where class ids were expected"):
        recognise(tmp_path, SEGMENTATION)


@pytest.mark.parametrize("mode", ["palette with transparency", "RGBA", "LA", "1", "16 bits", "32 bits"])
def test_ids_in_any_mode_of_pillow(tmp_path, mode):
    ids = [np.minimum(folders.mask_of(i), 1 if mode == "1" else 2) for i in range(3)]
    for i, mask in enumerate(ids):
        folders.save(folders.scene(i), tmp_path / "images" / f"{i}.png")
        path = tmp_path / "masks" / f"{i}.{'tif' if mode == '32 bits' else 'png'}"
        path.parent.mkdir(exist_ok=True)
        opaque = np.full_like(mask, 255)
        image = {
            "RGBA": lambda mask=mask, opaque=opaque: Image.fromarray(np.dstack([mask, mask, mask, opaque])),
            "LA": lambda mask=mask, opaque=opaque: Image.fromarray(np.dstack([mask, opaque])),
            "1": lambda mask=mask: Image.fromarray(mask > 0),
            "16 bits": lambda mask=mask: Image.fromarray(mask.astype(np.uint16)),
            "32 bits": lambda mask=mask: Image.fromarray(mask.astype(np.int32)),
        }.get(mode, lambda mask=mask: Image.fromarray(mask))()
        if mode.startswith("palette"):
            image.putpalette(list(range(256)) * 3)
            image.save(path, transparency=0)
        else:
            image.save(path)
    listing = recognise(tmp_path, SEGMENTATION)
    for i, mask in enumerate(ids):
        np.testing.assert_array_equal(listing.pixels["mask"](i), mask)
