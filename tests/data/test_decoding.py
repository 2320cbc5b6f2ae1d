"""Files to rows: what is no whole image is named with a remedy; rows come in order, in a file where they are large."""

import io

import numpy as np
import pytest
from PIL import Image

from bench.data import decoding
from bench.data.decoding import decoded, rgb, rows_of
from bench.data.imageset import DataError


def png(pixels: np.ndarray) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    return stream.getvalue()


NOISE = np.random.default_rng(0).integers(0, 256, (32, 24, 3), np.uint8)


def test_a_picture_comes_as_it_was_and_grey_becomes_rgb():
    np.testing.assert_array_equal(rgb(decoded(png(NOISE), "a.png")), NOISE)
    grey = rgb(decoded(png(NOISE[..., 0]), "a.png"))
    assert grey.shape == (32, 24, 3)
    assert (grey == NOISE[..., :1]).all()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", r"real/a\.png is empty \(0 bytes\) and no image; put the image there, or delete the file"),
        (
            png(NOISE)[:-900],
            r"real/a\.png is no whole image \(\d+ bytes; .*\); copy or download it again, or delete it",
        ),
        (b"<html>", r"real/a\.png is no whole image \(6 bytes; .*\); copy or download it again"),
    ],
)
def test_what_is_no_whole_image_is_named(content, message):
    with pytest.raises(DataError, match=message) as caught:
        decoded(content, "real/a.png")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("limit", [decoding.IN_MEMORY_BYTES, 0])
def test_rows_stand_in_their_order_in_memory_or_in_a_file(monkeypatch, limit):
    monkeypatch.setattr(decoding, "IN_MEMORY_BYTES", limit)
    rows = rows_of(300, lambda row: np.full((2, 3), row, np.uint16), (2, 3), np.uint16)
    assert isinstance(rows, np.memmap) == (limit == 0)
    np.testing.assert_array_equal(rows, np.arange(300)[:, None, None] * np.ones((1, 2, 3)))


def test_the_first_wrong_file_is_the_one_that_is_named():
    def read(row: int) -> np.ndarray:
        if row in (70, 200):
            raise DataError(f"file {row} is wrong")
        return np.zeros(1)

    with pytest.raises(DataError, match="file 70 is wrong"):
        rows_of(300, read, (1,), np.float64)
