"""Photographs of phones as HEIC, read where the package pillow-heif is installed."""

import numpy as np
import pytest
from PIL import Image

import own_folders as folders
from bench.api.errors import DataError
from bench.data.formats import Options, recognise
from bench.data.image_files import image_size, read_picture


@pytest.mark.parametrize("suffix", [".heic", ".HEIC", ".heif"])
def test_phones_pictures_are_read_as_others_are(tmp_path, suffix):
    pillow_heif = pytest.importorskip("pillow_heif")
    pillow_heif.register_heif_opener()
    pixels = folders.picture(3, (96, 64))
    for i in range(2):
        Image.fromarray(pixels).save(tmp_path / f"IMG_{i}{suffix}", format="HEIF", quality=90)
    listing = recognise(tmp_path, Options("detection"))
    assert listing.n_images == 2
    assert image_size(tmp_path / f"IMG_0{suffix}") == (96, 64)
    assert np.abs(read_picture(tmp_path / f"IMG_0{suffix}").astype(int) - pixels).mean() < 8
    (tmp_path / f"IMG_0{suffix}").write_bytes(b"no picture")
    with pytest.raises(DataError, match=r"IMG_0.* is no image that can be read"):
        read_picture(tmp_path / f"IMG_0{suffix}")
