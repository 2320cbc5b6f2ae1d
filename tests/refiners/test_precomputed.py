import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bench.api.errors import DataError
from bench.testing import N_SOURCE, check_refiner
from refiners.precomputed import Params, Precomputed


def write(folder: Path, images: np.ndarray, suffix: str = ".png", **options: object) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for row, image in enumerate(images):
        Image.fromarray(image).save(folder / f"{row:06d}{suffix}", **options)


@pytest.fixture
def folder(tmp_path, photographs) -> Path:
    """Translations of twelve training images and four held-out ones."""
    write(tmp_path / "source_train", 255 - photographs)
    write(tmp_path / "source_val", 255 - photographs[:4])
    return tmp_path


@pytest.mark.parametrize("size", [(32, 32), (33, 29)])
def test_keeps_the_contract(tmp_path, size):
    images = np.random.default_rng(0).integers(0, 256, (N_SOURCE, size[1], size[0], 3), dtype=np.uint8)
    write(tmp_path / "source_train", images)
    write(tmp_path / "source_val", images)
    check_refiner(Precomputed(Params(folder=tmp_path)), sizes=[size])


@pytest.mark.parametrize(("suffix", "options"), [(".png", {}), (".webp", {"lossless": True})])
def test_returns_the_stored_pixels_of_either_split(tmp_path, fit, refine, photographs, suffix, options):
    write(tmp_path / "source_train", 255 - photographs, suffix, **options)
    write(tmp_path / "source_val", photographs[8:], suffix, **options)
    refiner = fit(Precomputed(Params(folder=tmp_path)), photographs)
    np.testing.assert_array_equal(refine(refiner, photographs), (255 - photographs) / np.float32(255))
    held_out = refine(refiner, photographs[:4], split="source_val")
    np.testing.assert_array_equal(held_out, photographs[8:] / np.float32(255))


def test_grey_files_are_read_as_grey(tmp_path, fit, refine, photographs):
    write(tmp_path / "source_train", photographs[..., 0])
    refined = refine(fit(Precomputed(Params(folder=tmp_path)), photographs), photographs)
    np.testing.assert_array_equal(refined, photographs[..., :1].repeat(3, axis=3) / np.float32(255))


def test_more_images_than_rows_are_fine(folder, fit, refine, photographs):
    """A smaller budget takes a prefix of the rows."""
    refiner = fit(Precomputed(Params(folder=folder)), photographs[:5])
    assert len(refine(refiner, photographs[:5])) == 5


def test_missing_folder_is_named(tmp_path, fit, photographs):
    with pytest.raises(DataError, match=r"nowhere.source_train, which does not exist.*12 images"):
        fit(Precomputed(Params(folder=tmp_path / "nowhere")), photographs)


def test_missing_row_is_found_before_anything_is_refined(folder, fit, photographs):
    (folder / "source_train" / "000007.png").unlink()
    with pytest.raises(DataError, match=r"no image for row 7 .*000007\.png"):
        fit(Precomputed(Params(folder=folder)), photographs)


def test_missing_held_out_row_is_named_when_it_is_refined(folder, fit, refine, photographs):
    refiner = fit(Precomputed(Params(folder=folder)), photographs)
    with pytest.raises(DataError, match=r"no image for row 4 in .*source_val"):
        refine(refiner, photographs[:6], split="source_val")


def test_two_files_for_a_row_are_refused(folder, fit, photographs):
    shutil.copy(folder / "source_train" / "000002.png", folder / "source_train" / "000002.jpg")
    with pytest.raises(DataError, match=r"000002\.png and 000002\.jpg for row 2"):
        fit(Precomputed(Params(folder=folder)), photographs)


def test_other_size_names_file_found_and_expected(folder, fit, photographs):
    Image.new("RGB", (40, 20)).save(folder / "source_train" / "000003.png")
    with pytest.raises(DataError, match=r"000003\.png with 40×20 pixels, mode RGB; expected 32×32"):
        fit(Precomputed(Params(folder=folder)), photographs)


def test_alpha_is_refused_rather_than_dropped(folder, fit, photographs):
    Image.new("RGBA", (32, 32)).save(folder / "source_train" / "000003.png")
    with pytest.raises(DataError, match=r"000003\.png with 32×32 pixels, mode RGBA"):
        fit(Precomputed(Params(folder=folder)), photographs)


def test_what_is_no_image_is_named(folder, fit, photographs):
    (folder / "source_train" / "000000.png").write_text("no image")
    with pytest.raises(DataError, match=r"cannot read .*000000\.png: not an image"):
        fit(Precomputed(Params(folder=folder)), photographs)


@pytest.mark.parametrize("damage", ["cut", "flip"])
def test_damaged_files_are_named(folder, fit, refine, photographs, damage):
    refiner = fit(Precomputed(Params(folder=folder)), photographs)
    path = folder / "source_train" / "000001.png"
    data = bytearray(path.read_bytes())
    if damage == "cut":
        del data[len(data) // 2 :]
    else:
        data[len(data) // 2] ^= 0xFF
    path.write_bytes(data)
    with pytest.raises(DataError, match=re.escape(f"cannot decode {path}")):
        refine(refiner, photographs)


def test_folder_must_be_given():
    with pytest.raises(ValueError, match="folder"):
        Precomputed()
