"""The fonts of the pair ``digits``: a fixed list by file hash, each glyph checked, each turned into a distance field.

matplotlib ships these files. Of its 40 fonts, 16 are used. Left out: symbol, math-extension and fallback fonts
(``STIXNonUni*``, ``STIXSiz*``, ``DejaVu*Display``, ``cmex10``, ``cmsy10``, ``LastResortHE``), old-style figures
(``cmmi10``: its 0, 1 and 2 are as low as an x), dotted zeros (``DejaVuSansMono*``: close to an 8 at 32 pixels), and
``cmti10``, whose file changed between matplotlib 3.10 and 3.11; the 16 are the same from 3.9 on.

A glyph is rasterised once and kept as its signed distance field ``d`` (in digit heights, positive inside the
outline). Any size, slant and stroke then comes from one affine look-up: with ``h`` the digit's height in pixels and
``t`` an added stroke half-width, a pixel is covered by ``clip(1/2 + h·(d + t), 0, 1)``. The ramp is one pixel wide,
which is the anti-aliasing. This file does not choose poses or colours: :mod:`pairs.digits` does.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from bench.api.errors import DataError

FONTS: dict[str, str] = {
    "DejaVuSans.ttf": "3fdf69cabf06049ea70a00b5919340e2ce1e6d02b0cc3c4b44fb6801bd1e0d22",
    "DejaVuSans-Bold.ttf": "b184b89e3c1075f22f6b71575b6fc20d4972b3cfd3b23322ca6fd596dcaef167",
    "DejaVuSans-Oblique.ttf": "ccdf74b350f11fd3dd5774de50e5e6346a1a5da1f5b7d5fb83590665e97a5213",
    "DejaVuSans-BoldOblique.ttf": "6edf0283160186af451cbee71e7b845f2e4cabf264bb992ce668c83c25465e6f",
    "DejaVuSerif.ttf": "107244956e9962b9e96faccdc551825e0ae0898ae13737133e1b921a2fd35ffa",
    "DejaVuSerif-Bold.ttf": "c3753f2ed6bc673f15846dc45addbeb3b9c872f32fb18fd53a21f1bef1ed7676",
    "DejaVuSerif-Italic.ttf": "3e7994fbc54fa10ce3352a42d548fadd7d9cadb69cb1109bc9d960f6dac57f04",
    "DejaVuSerif-BoldItalic.ttf": "d93efec7a9d2e826768d1a2ee95b95870e15e29599a84f3484af1de1cec2e181",
    "STIXGeneral.ttf": "167378031e2dddc6216d67819c9260e9a06ffc4c478e4e23cb98a6fd44b183c2",
    "STIXGeneralBol.ttf": "e8533dc7083fa346bda1933d60ea4a83b67d0945bceaf1b3541f82b4a0e2c6a0",
    "STIXGeneralItalic.ttf": "6cfcb333d22b7c3c623bdfd40174f14c85c3d6731ca6166c1edc80140eae8527",
    "STIXGeneralBolIta.ttf": "98788fd4ba48dfbb2bd026c0e20a247a8b06c7372879628b7a6bb0d5bb09736c",
    "cmr10.ttf": "4dd9761b058c009db9b2145f55ee6617d093c273dd3d6c5b3e43ff6110fa9bf6",
    "cmb10.ttf": "074497b50c43ea57597181591f9893d38fc12a87e95104f5657fc2481f61a23a",
    "cmss10.ttf": "7df91a83d05b2e471ec638cb0b435a360a3c792b09fc42a7da67e91f2e79115a",
    "cmtt10.ttf": "6211f09ae93599991afda970c24669dad1a77e253d915624fbf212f702f071d7",
}
"""File name → SHA-256."""

GLYPH_NAMES = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
MAX_STEM = 0.19
"""Thickest stroke that thickening may lead to, in digit heights; above it the counters of 8 begin to close."""

_RASTER_SIZE = 128
"""Font size of the rasters in pixels; digits are then 80 to 100 pixels tall, 3 to 6 times the drawn ones."""
_PADDING = 24
"""Pixels around the ink, of which the thickest added stroke and half of the ramp need 9 at most."""


@dataclass(frozen=True)
class Glyph:
    """One digit of one font.

    Attributes
    ----------
    distance: Pillow image, mode ``F``: signed distance to the outline in digit heights, positive inside.
    centre: x, y of the middle of the ink in ``distance``, pixels (centres at half-integers).
    half_size: half width and half height of the ink, digit heights.
    digit_height: height of the font's 8 in pixels of ``distance``: the unit of length.
    max_thickening: largest stroke half-width to add, digit heights, ≥ 0; 0 where the font is bold already.
    """

    distance: Image.Image
    centre: tuple[float, float]
    half_size: tuple[float, float]
    digit_height: float
    max_thickening: float


def load_fonts(folder: Path | None = None) -> list[tuple[Glyph, ...]]:
    """Glyphs 0–9 of every font of :data:`FONTS`, in that order (``folder`` is matplotlib's by default).

    Raises
    ------
    DataError: a font that is missing, has other bytes than the pair was made from, or fails a glyph check.
    """
    if folder is None:
        import matplotlib

        folder = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    fonts = []
    for name, sha256 in FONTS.items():
        path = folder / name
        _check_file(path, sha256)
        fonts.append(read_glyphs(path))
    return fonts


def read_glyphs(path: Path) -> tuple[Glyph, ...]:
    """The ten digits of a font file.

    Raises
    ------
    DataError: a digit that the font maps to nothing or to a glyph of another name (cmsy10 has ∞ at "1"), that
        renders blank, or that renders like another digit.
    """
    _check_names(path)
    font = ImageFont.truetype(path, _RASTER_SIZE, layout_engine=ImageFont.Layout.BASIC)
    rasters = [_raster(font, digit) for digit in range(10)]
    _check_rasters(path, rasters)
    digit_height = float(np.ptp(np.nonzero(rasters[8].any(axis=1))[0]) + 1)
    distances = [_signed_distance(raster) / digit_height for raster in rasters]
    stem = 2 * float(distances[0].max())  # the stroke of a 0 has no junctions that would look thicker
    max_thickening = max(0.0, (MAX_STEM - stem) / 2)
    return tuple(_glyph(distance, digit_height, max_thickening) for distance in distances)


def _glyph(distance: np.ndarray, digit_height: float, max_thickening: float) -> Glyph:
    rows, columns = np.nonzero(distance > 0)
    left, top, right, bottom = columns.min(), rows.min(), columns.max() + 1, rows.max() + 1
    return Glyph(
        distance=Image.fromarray(distance.astype(np.float32)),
        centre=((left + right) / 2, (top + bottom) / 2),
        half_size=((right - left) / 2 / digit_height, (bottom - top) / 2 / digit_height),
        digit_height=digit_height,
        max_thickening=max_thickening,
    )


def _raster(font: ImageFont.FreeTypeFont, digit: int) -> np.ndarray:
    """``(H, W) bool``: ink of a digit, padded."""
    left, top, right, bottom = (round(edge) for edge in font.getbbox(str(digit)))
    image = Image.new("L", (right - left + 2 * _PADDING, bottom - top + 2 * _PADDING))
    ImageDraw.Draw(image).text((_PADDING - left, _PADDING - top), str(digit), fill=255, font=font)
    return np.asarray(image) >= 128


def _signed_distance(ink: np.ndarray) -> np.ndarray:
    """``(H, W) float64``: distance of pixel centres to the outline in pixels, positive inside.

    The transform measures to the nearest pixel centre of the other side; the outline is half a pixel before it.
    """
    from scipy.ndimage import distance_transform_edt

    return np.where(ink, distance_transform_edt(ink) - 0.5, 0.5 - distance_transform_edt(~ink))


def _check_file(path: Path, sha256: str) -> None:
    remedy = "run `pip install -c constraints.txt matplotlib`, which has the fonts that pair 'digits' is made from"
    if not path.is_file():
        raise DataError(f"font {path.name} is not in {path.parent}: {remedy}")
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != sha256:
        raise DataError(f"font {path.name} has SHA-256 {found}, expected {sha256}: {remedy}")


def _check_names(path: Path) -> None:
    from matplotlib.ft2font import FT2Font

    font = FT2Font(str(path))
    for digit, expected in enumerate(GLYPH_NAMES):
        index = font.get_char_index(ord(str(digit)))
        found = font.get_glyph_name(index) if index else "no glyph"
        if found != expected:
            raise DataError(f"font {path.name} has {found!r} for {digit}, expected {expected!r}: use a text font")


def _check_rasters(path: Path, rasters: list[np.ndarray]) -> None:
    for digit, raster in enumerate(rasters):
        if not raster.any():
            raise DataError(f"font {path.name} renders {digit} blank, expected ink: use a text font")
        for other in range(digit):
            if np.array_equal(raster, rasters[other]):
                raise DataError(f"font {path.name} renders {other} and {digit} alike, expected both: use a text font")
