"""Masks whose values JPEG, resizing or soft edges changed, and white on black."""

import numpy as np
import pytest
from PIL import Image

import own_folders as folders
from bench.api import UserError
from bench.api.errors import DataError
from bench.data.formats import Options, recognise
from bench.data.formats.mask_levels import parse_levels
from bench.data.own.pair import OwnPair
from bench.suites.own_folders import own_suite

SIZE = (120, 90)
N = 4


def shapes(i, levels):
    """``(H, W) uint8``: a disc and a box of the second and last level on the first."""
    mask = np.full(SIZE[::-1], levels[0], np.uint8)
    ys, xs = np.mgrid[: SIZE[1], : SIZE[0]]
    mask[(xs - 40 - 3 * i) ** 2 + (ys - 40) ** 2 < 23**2] = levels[-1]
    mask[60:85, 70 + i : 110] = levels[1]
    return mask


def write(root, levels, kind="png", quality=75, seed=0):
    for i in range(N):
        folders.save(folders.picture(10 * seed + i, SIZE), root / "images" / f"{i}.png")
        image = Image.fromarray(shapes(i, levels))
        path = root / "masks" / f"{i}.{'jpg' if kind == 'jpg' else 'png'}"
        path.parent.mkdir(exist_ok=True, parents=True)
        if kind == "soft":
            image = image.resize((80, 60)).resize(SIZE, Image.Resampling.BILINEAR)
        image.save(path, **({"quality": quality} if kind == "jpg" else {}))
    return root


def masks(root, levels=""):
    listing = recognise(root, Options("segmentation", mask_levels=levels))
    return listing, [listing.pixels["mask"](i) for i in range(N)]


BLURRED = [
    ((0, 255), "jpg", 75),
    ((0, 255), "jpg", 95),
    ((0, 255), "jpg", 30),
    ((0, 127, 255), "jpg", 75),
    ((0, 255), "soft", 0),
    ((0, 127, 255), "soft", 0),
    ((0, 80, 160), "soft", 0),
    ((10, 200), "soft", 0),
]


@pytest.mark.parametrize(("levels", "kind", "quality"), BLURRED)
def test_blurred_masks_are_refused_by_what_they_are(tmp_path, levels, kind, quality):
    write(tmp_path, levels, kind, quality)
    option = "+".join(map(str, levels))
    why = "JPEG, which changes ids" if kind == "jpg" else "no clean ids: .*interpolation"
    with pytest.raises(DataError, match=rf"masks are {why}.* values occur, and [\d.]+ % of pixels") as caught:
        recognise(tmp_path, Options("segmentation"))
    proposed = parse_levels(str(caught.value).partition("--mask-levels ")[2].partition(",")[0])
    np.testing.assert_allclose(proposed, levels, atol=8, err_msg=f"{option} was drawn")


@pytest.mark.parametrize(("levels", "kind", "quality"), BLURRED)
def test_the_option_leads_to_the_end_in_one_step(tmp_path, levels, kind, quality):
    write(tmp_path, levels, kind, quality)
    listing, found = masks(tmp_path, "+".join(map(str, levels)))
    assert listing.class_names == tuple(str(i) for i in range(len(levels)))
    assert "% of mask pixels count as the nearest of" in listing.notes[-1]
    for i in range(N):
        drawn = np.searchsorted(levels, shapes(i, levels))
        assert (found[i] == drawn).mean() > 0.94
        assert (found[i][5:15, 5:15] == 0).all()


@pytest.mark.parametrize("levels", [(0, 1), (0, 1, 2), (0, 7, 11), (0, 127), (0, 40, 200), (3, 4)])
def test_clean_ids_stay_what_they_are(tmp_path, levels):
    listing, found = masks(write(tmp_path, levels))
    assert listing.class_names == tuple(map(str, levels))
    np.testing.assert_array_equal(found[0], np.searchsorted(levels, shapes(0, levels)))


def test_many_thin_classes_are_no_edges(tmp_path):
    """Stripes of two pixels lie between others everywhere, and are classes by their number."""
    for i in range(N):
        folders.save(folders.picture(i, SIZE), tmp_path / "images" / f"{i}.png")
        mask = np.repeat(np.arange(15, dtype=np.uint8), 8)[None].repeat(SIZE[1], axis=0)
        folders.save(mask, tmp_path / "masks" / f"{i}.png")
    assert len(masks(tmp_path)[0].class_names) == 15


@pytest.mark.parametrize("levels", [(0, 127, 255), (0, 1, 255), (0, 128, 192, 255)])
def test_ignored_255_is_counted_and_may_count(tmp_path, levels):
    share = np.mean([(shapes(i, levels) == 255).mean() for i in range(N)])
    listing, _ = masks(write(tmp_path, levels))
    stated = float(listing.notes[-1].split("255 is ignored, ")[1].split(" %")[0])
    assert stated == pytest.approx(100 * share, rel=0.01)
    if len(levels) == 3:
        listing, found = masks(tmp_path, "+".join(map(str, levels)))
        assert len(listing.class_names) == 3
        np.testing.assert_array_equal(found[1], np.searchsorted(levels, shapes(1, levels)))


def pair(root, **options):
    params = {"task": "segmentation", "source": root / "source", "target": root / "target"}
    return OwnPair(OwnPair.Params(**params, **options))


@pytest.mark.parametrize(("source", "target"), [((0, 255), (0, 1)), ((0, 1), (0, 255)), ((0, 255), (0, 255))])
def test_white_on_black_is_one_on_zero(tmp_path, source, target):
    write(tmp_path / "source", source)
    write(tmp_path / "target", target, seed=3)
    found = pair(tmp_path)
    assert found.class_names == ("0", "1")
    assert np.unique(found._source.pixels["mask"](0)).tolist() == [0, 1]
    assert np.unique(found._target.pixels["mask"](0)).tolist() == [0, 1]


def test_white_is_the_second_of_two_named_classes(tmp_path):
    write(tmp_path / "source", (0, 1))
    (tmp_path / "source" / "classes.txt").write_text("background\nobject\n")
    write(tmp_path / "target", (0, 255), seed=3)
    found = pair(tmp_path)
    assert found.class_names == ("background", "object")
    assert np.unique(found._target.pixels["mask"](0)).tolist() == [0, 1]
    assert any("masks hold 0 and 255: 255 is object" in line for line in found.describe("light"))


def test_one_option_serves_a_jpeg_side_and_a_clean_one(tmp_path):
    write(tmp_path / "source", (0, 1, 2))
    write(tmp_path / "target", (0, 127, 255), "jpg", seed=3)
    found = pair(tmp_path, mask_levels="0+127+255")
    assert found.class_names == ("0", "1", "2")
    np.testing.assert_array_equal(found._source.pixels["mask"](0), shapes(0, (0, 1, 2)))
    assert (found._target.pixels["mask"](0) == shapes(0, (0, 1, 2))).mean() > 0.94


@pytest.mark.parametrize("quality", [60, 90])
def test_colours_in_jpeg_count_as_the_nearest_class(tmp_path, quality):
    colours = np.array([(0, 0, 0), (128, 64, 32), (9, 200, 7)], np.uint8)
    (tmp_path / "masks").mkdir()
    for i in range(N):
        folders.save(folders.picture(i, SIZE), tmp_path / "images" / f"{i}.png")
        Image.fromarray(colours[shapes(i, (0, 1, 2))]).save(tmp_path / "masks" / f"{i}.jpg", quality=quality)
    (tmp_path / "classes.csv").write_text("name,r,g,b\nroad,0,0,0\ncar,128,64,32\nsign,9,200,7\n")
    with pytest.raises(DataError, match=r"which no class has, in .* % of its pixels.*--mask-levels nearest; JPEG"):
        masks(tmp_path)
    listing, found = masks(tmp_path, "nearest")
    assert listing.class_names == ("road", "car", "sign")
    assert (found[2] == shapes(2, (0, 1, 2))).mean() > 0.94


def test_nearest_needs_named_classes(tmp_path):
    with pytest.raises(DataError, match=r"names no classes, so none is the nearest; state their levels"):
        masks(write(tmp_path, (0, 255), "jpg"), "nearest")


@pytest.mark.parametrize("text", ["0", "255+0", "0+300", "0+x", "0,0"])
def test_levels_that_are_none_are_refused_as_on_the_command_line(text):
    with pytest.raises(UserError, match=r"--mask-levels: found '.*'; expected nearest, or the levels"):
        own_suite("segmentation", {"source": "a", "target": "b", "mask_levels": text})
