"""Image files written again with other pixels: what of the file is kept, and what is said where it cannot be."""

import io

import numpy as np
import pytest
from PIL import Image

import own_folders as folders
from bench.api.errors import DataError
from bench.data.rewriting import CHANGES, read_for_rewriting, rewritten

SIZE = (48, 32)


def alpha_of(seed: int) -> np.ndarray:
    """Opaque, half transparent and transparent thirds, shifted by the seed."""
    levels = np.repeat(np.array([255, 128, 0], np.uint8), 16)
    return np.broadcast_to(np.roll(levels, 5 * seed), SIZE[::-1]).copy()


def transparent(path, seed, mode="RGBA"):
    image = Image.fromarray(folders.picture(seed, SIZE))
    image.putalpha(Image.fromarray(alpha_of(seed)))
    options = {"lossless": True, "exact": True} if path.suffix == ".webp" else {}
    image.convert(mode).save(path, **options)


def opened_again(content: bytes) -> Image.Image:
    return Image.open(io.BytesIO(content))


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("suffix", ["png", "webp", "tiff"])
def test_alpha_is_kept_and_colours_are_refined(tmp_path, suffix, seed):
    path = tmp_path / f"a.{suffix}"
    transparent(path, seed)
    picture = read_for_rewriting(path)
    assert picture.changes == ("alpha",)
    assert not picture.pixels[alpha_of(seed) == 0].any(), "transparent pixels are black to the refiner"
    after = opened_again(rewritten(picture, picture.pixels // 2))
    assert after.mode == "RGBA"
    channels, alpha = np.asarray(after), alpha_of(seed)
    assert (channels[..., 3] == alpha).all()
    seen = alpha > 0
    assert (channels[..., :3][seen] == folders.picture(seed, SIZE)[seen] // 2).all()


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_unchanged_pixels_give_an_equal_file(tmp_path, seed):
    transparent(tmp_path / "a.png", seed)
    picture = read_for_rewriting(tmp_path / "a.png")
    after = opened_again(rewritten(picture, picture.pixels))
    assert (np.asarray(after) == np.asarray(Image.open(tmp_path / "a.png"))).all()


@pytest.mark.parametrize(("mode", "seed"), [("LA", 0), ("LA", 1), ("LA", 2)])
def test_grey_with_alpha_stays_so(tmp_path, mode, seed):
    transparent(tmp_path / "a.png", seed, mode)
    picture = read_for_rewriting(tmp_path / "a.png")
    after = opened_again(rewritten(picture, picture.pixels))
    assert after.mode == "LA"
    assert (np.asarray(after)[..., 1] == alpha_of(seed)).all()


@pytest.mark.parametrize("size", [(24, 16), (96, 64), (30, 40)])
def test_alpha_follows_a_new_size_without_dark_rims(tmp_path, size):
    """A white object on nothing stays white up to its edge."""
    pixels = np.zeros((*SIZE[::-1], 4), np.uint8)
    pixels[8:24, 12:36] = 255
    Image.fromarray(pixels).save(tmp_path / "a.png")
    picture = read_for_rewriting(tmp_path / "a.png", size)
    after = np.asarray(opened_again(rewritten(picture, picture.pixels)))
    assert after.shape == (*size[::-1], 4)
    assert after[..., :3][after[..., 3] > 0].min() >= 250


def palette(path):
    Image.fromarray(folders.picture(3)).convert("P").save(path)


def palette_with_transparency(path):
    Image.fromarray(folders.picture(3)).convert("P").save(path, transparency=0)


def bmp_with_alpha(path):
    """A BMP of 32 bits whose header has a mask for the alpha channel, as painting programs write it."""
    import struct

    pixels = np.dstack([folders.picture(3)[..., ::-1], np.arange(SIZE[0] * SIZE[1]).reshape(SIZE[::-1]) % 256])
    body = pixels[::-1].astype(np.uint8).tobytes()
    masks = (0xFF0000, 0xFF00, 0xFF, 0xFF000000)
    header = struct.pack("<IiiHHIIiiII", 108, *SIZE, 1, 32, 3, len(body), 2835, 2835, 0, 0) + struct.pack("<4I", *masks)
    header += b"BGRs" + bytes(48)
    path.write_bytes(
        struct.pack("<2sIHHI", b"BM", 14 + len(header) + len(body), 0, 0, 14 + len(header)) + header + body
    )


def cmyk(path):
    Image.fromarray(folders.picture(3)).convert("CMYK").save(path)


@pytest.mark.parametrize(
    ("write", "name", "changes", "mode"),
    [
        (palette, "a.png", {"palette"}, "RGB"),
        (palette, "a.bmp", {"palette"}, "RGB"),
        (palette_with_transparency, "a.png", {"palette", "alpha"}, "RGBA"),
        (bmp_with_alpha, "a.bmp", {"alpha lost"}, "RGB"),
        (cmyk, "a.jpg", {"CMYK"}, "RGB"),
        (cmyk, "a.tiff", {"CMYK"}, "RGB"),
    ],
)
def test_what_cannot_be_kept_is_said(tmp_path, write, name, changes, mode):
    write(tmp_path / name)
    picture = read_for_rewriting(tmp_path / name)
    assert set(picture.changes) == changes
    assert changes <= set(CHANGES)
    assert opened_again(rewritten(picture, picture.pixels)).mode == mode


def png_of_16_bits(path, pixels):
    """A PNG of 16 bits per channel, which Pillow reads and does not write."""
    import struct
    import zlib

    height, width = pixels.shape[:2]
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in pixels.reshape(height, -1).astype(np.uint16) * 257)
    kind = {3: 2, 4: 6}[pixels.shape[2]]

    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", width, height, 16, kind, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + body)


@pytest.mark.parametrize(("channels", "changes"), [(3, {"16 bits"}), (4, {"16 bits", "alpha"})])
def test_16_bits_per_channel_are_said(tmp_path, channels, changes):
    pixels = np.dstack([folders.picture(3), np.full(SIZE[::-1], 255, np.uint8)])[..., :channels]
    png_of_16_bits(tmp_path / "a.png", pixels)
    picture = read_for_rewriting(tmp_path / "a.png")
    assert set(picture.changes) == changes
    assert np.abs(picture.pixels.astype(int) - folders.picture(3)).max() <= 1


@pytest.mark.parametrize("dtype", [np.uint16, np.int32, np.float32])
def test_grey_of_more_than_8_bits_is_refused_by_name(tmp_path, dtype):
    Image.fromarray(folders.picture(3)[..., 0].astype(dtype)).save(tmp_path / "z.tiff")
    with pytest.raises(DataError, match=r"z\.tiff has .* pixels \(more than 8 bits\)"):
        read_for_rewriting(tmp_path / "z.tiff")
