"""Single image files, by path or by content: what is no whole image is named with a remedy."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bench.api.errors import DataError
from bench.data.image_files import image_size, read_depth, read_ids, read_picture

NOISE = np.random.default_rng(0).integers(0, 256, (32, 24, 3), np.uint8)


def png(pixels: np.ndarray, **options: object) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG", **options)
    return stream.getvalue()


@pytest.fixture(params=[False, True], ids=["file", "content"])
def given(request, tmp_path):
    """``given(content)``: arguments by which a reader gets it, as a file or as what was read of one before."""

    def give(content: bytes) -> dict[str, object]:
        if request.param:
            return {"path": Path("real", "a.png"), "content": content}
        path = tmp_path / "real" / "a.png"
        path.parent.mkdir()
        path.write_bytes(content)
        return {"path": path}

    return give


def test_a_picture_comes_as_it_was_and_grey_becomes_rgb(given):
    np.testing.assert_array_equal(read_picture(**given(png(NOISE))), NOISE)


def test_grey_becomes_rgb(given):
    grey = read_picture(**given(png(NOISE[..., 0])))
    assert grey.shape == (32, 24, 3)
    assert (grey == NOISE[..., :1]).all()


def test_what_is_transparent_is_drawn_on_black(given):
    alpha = np.zeros((32, 24, 1), np.uint8)
    alpha[:16] = 255
    picture = read_picture(**given(png(np.concatenate([NOISE, alpha], axis=2))))
    np.testing.assert_array_equal(picture[:16], NOISE[:16])
    assert not picture[16:].any()


def test_ids_and_depths_are_the_stored_values(given):
    np.testing.assert_array_equal(read_ids(**given(png(NOISE[..., 0]))), NOISE[..., 0])


def test_depth_is_in_metres(given):
    steps = NOISE[..., 0].astype(np.uint16) * 200
    np.testing.assert_allclose(read_depth(metres_per_step=1e-3, **given(png(steps))), steps / 1000, rtol=1e-6)


def test_a_size_is_that_of_the_picture_as_it_is_seen(tmp_path):
    exif = Image.Exif()
    exif[274] = 6  # turn by 90° clockwise
    (tmp_path / "a.png").write_bytes(png(NOISE, exif=exif))
    assert image_size(tmp_path / "a.png") == (32, 24)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", r"real/a\.png is empty \(0 bytes\); write the image again, or remove it"),
        (png(NOISE)[:-900], r"real/a\.png cannot be decoded \(.*\): write the image again, or remove it"),
        (b"<html>", r"real/a\.png is no image that can be read; write it again as PNG or JPEG, or remove it"),
    ],
)
def test_what_is_no_whole_image_is_named(given, content, message):
    with pytest.raises(DataError, match=message) as caught:
        read_picture(**given(content))
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(DataError, match=r"gone\.png does not exist; add the file, or remove what refers to it"):
        read_picture(tmp_path / "gone.png")


def test_ids_beside_opacity(given):
    ids = NOISE[..., 0] // 10
    np.testing.assert_array_equal(read_ids(**given(png(np.stack([ids, np.full_like(ids, 255)], axis=2)))), ids)


def test_ids_in_the_red_of_carla(given):
    ids = NOISE[..., 0] // 10
    empty = np.zeros_like(ids)
    np.testing.assert_array_equal(read_ids(**given(png(np.stack([ids, empty, empty], axis=2)))), ids)
