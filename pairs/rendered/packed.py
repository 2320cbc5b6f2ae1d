"""Image sets packed for shipping: one file a split, and a manifest that knows each file's SHA-256.

    manifest.json   {"format", "pair", "version", "files": {name: {"sha256", "bytes", "n_images"}}, "depth", "render"}
    SPLIT.npz       uncompressed NumPy archive of the split's columns and, as ``asset.NAME``, its assets

An image-like column NAME is two members: ``NAME.data``, the encoded images one after another (uint8), and
``NAME.offset`` ``(N + 1,) int64``, where each begins. Encodings, the same for every pair::

    image       WebP, lossless or of quality 95 as ``write_split`` is told: plain renders gain nothing from loss
    mask        8-bit PNG           foreground   1-bit PNG
    depth_m     16-bit PNG of codes: 0 = unknown, otherwise 1 + round(4094 · ln(depth/near) / ln(far/near))

so that a depth is off by at most a factor (far/near)^(1/8188), which the manifest states. Other columns are plain
arrays, ragged ones padded. Reading takes a prefix of the rows, checks the file first, and needs no Mitsuba.
"""

from __future__ import annotations

import hashlib
import io
import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from bench.api.errors import DataError

FORMAT = 1
MANIFEST = "manifest.json"
WEBP_QUALITY = 95
DEPTH_CODES = 4095
Range = tuple[float, float]


@dataclass(frozen=True)
class PackedSplit:
    """What a file holds: columns ``(N, …)`` and assets by name."""

    columns: dict[str, np.ndarray]
    assets: dict[str, np.ndarray]


def depth_error(depth_range_m: Range) -> float:
    """Largest relative error of a stored depth."""
    near, far = depth_range_m
    return math.expm1(math.log(far / near) / (2 * (DEPTH_CODES - 1)))


def write_split(folder: Path, split: str, packed: PackedSplit, *, depth_range_m: Range | None, lossless: bool) -> None:
    """Write ``folder/SPLIT.npz``; call :func:`write_manifest` when all splits are there.

    Equal input gives equal bytes, as far as the versions of Pillow and NumPy are the same.
    """
    members: dict[str, np.ndarray] = {f"asset.{name}": array for name, array in packed.assets.items()}
    for name, rows in packed.columns.items():
        encode = _encoder(name, depth_range_m, lossless)
        if encode is None:
            members[name] = rows
        else:
            encoded = [encode(row) for row in rows]
            members[f"{name}.data"] = np.frombuffer(b"".join(encoded), np.uint8)
            members[f"{name}.offset"] = np.cumsum([0, *map(len, encoded)], dtype=np.int64)
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f"{split}.npz").open("wb") as stream:
        np.savez(stream, allow_pickle=False, **members)


def write_manifest(
    folder: Path,
    pair: str,
    version: int,
    counts: Mapping[str, int],
    depth_range_m: Range | None,
    render: Mapping[str, Any],
) -> None:
    """Write the manifest of the splits named in ``counts``; ``render`` is kept as it is."""
    files = {}
    for split, n_images in counts.items():
        content = (folder / f"{split}.npz").read_bytes()
        digest = hashlib.sha256(content).hexdigest()
        files[f"{split}.npz"] = {"sha256": digest, "bytes": len(content), "n_images": n_images}
    depth = None
    if depth_range_m:
        depth = {"range_m": depth_range_m, "codes": DEPTH_CODES, "max_relative_error": depth_error(depth_range_m)}
    manifest = {"format": FORMAT, "pair": pair, "version": version, "files": files, "depth": depth, "render": render}
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n")


def read_manifest(folder: Path) -> dict[str, Any]:
    """The manifest of a packed pair.

    Raises
    ------
    DataError: it is not there, or of another format.
    """
    path = folder / MANIFEST
    if not path.exists():
        raise DataError(f"{path} is missing: the package was installed without its data; install it again")
    manifest: dict[str, Any] = json.loads(path.read_text())
    if manifest.get("format") != FORMAT:
        raise DataError(f"{path} has format {manifest.get('format')}; this version reads format {FORMAT}")
    return manifest


def read_split(
    folder: Path, split: str, n_images: int | None = None, columns: frozenset[str] | None = None
) -> PackedSplit:
    """The first ``n_images`` rows of a split (all by default) of ``columns`` (all by default), and its assets.

    Raises
    ------
    DataError: the file is missing, or is not the one that the manifest describes.
    """
    manifest = read_manifest(folder)
    path = folder / f"{split}.npz"
    described = manifest["files"].get(path.name)
    if described is None or not path.exists():
        raise DataError(f"{path} is missing; install the package again")
    content = path.read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    if digest != described["sha256"]:
        raise DataError(
            f"{path} has SHA-256 {digest[:12]}…, its manifest says {described['sha256'][:12]}…: the file is damaged; "
            "install the package again"
        )
    depth_range_m = tuple(manifest["depth"]["range_m"]) if manifest["depth"] else None
    n_images = described["n_images"] if n_images is None else min(n_images, described["n_images"])
    read: dict[str, np.ndarray] = {}
    assets: dict[str, np.ndarray] = {}
    with np.load(io.BytesIO(content), allow_pickle=False) as members:
        for member in members.files:
            name, _, kind = member.partition(".")
            if name == "asset":
                assets[kind] = members[member]
            elif columns is not None and name not in columns:
                continue
            elif kind == "data":
                encoded, ends = members[member].tobytes(), members[f"{name}.offset"]
                decode = _decoder(name, depth_range_m)
                rows = [decode(Image.open(io.BytesIO(encoded[ends[i] : ends[i + 1]]))) for i in range(n_images)]
                read[name] = np.stack(rows)
            elif not kind:
                read[name] = members[member][:n_images]
    return PackedSplit(read, assets)


def _encoder(name: str, depth_range_m: Range | None, lossless: bool) -> Callable[[np.ndarray], bytes] | None:
    if name == "image":
        # Of lossless WebP, "quality" is the effort: the highest takes seconds an image, for a few per cent.
        quality = 50 if lossless else WEBP_QUALITY
        return lambda row: _bytes(Image.fromarray(row), "WEBP", lossless=lossless, quality=quality, method=4)
    if name == "foreground":
        return lambda row: _bytes(Image.fromarray(row), "PNG", optimize=True)
    if name == "mask":
        return lambda row: _bytes(Image.fromarray(row), "PNG", optimize=True)
    if name == "depth_m":
        if depth_range_m is None:
            raise DataError("a split with depth_m needs the range of its depths")
        return lambda row: _bytes(Image.fromarray(_depth_codes(row, depth_range_m)), "PNG", optimize=True)
    return None


def _decoder(name: str, depth_range_m: Range | None) -> Callable[[Image.Image], np.ndarray]:
    if name == "depth_m" and depth_range_m is not None:
        near, far = depth_range_m
        table = near * (far / near) ** (np.arange(-1, DEPTH_CODES) / (DEPTH_CODES - 1))
        table[0] = 0
        metres = table.astype(np.float32)
        return lambda picture: metres[np.asarray(picture)]
    return np.asarray


def _depth_codes(depth_m: np.ndarray, depth_range_m: Range) -> np.ndarray:
    """``(H, W) uint16``: 0 where unknown, 1 … 4095 from near to far."""
    near, far = depth_range_m
    known = depth_m > 0
    if known.any() and not (near * 0.999 <= depth_m[known].min() and depth_m[known].max() <= far * 1.001):
        raise DataError(
            f"depths from {depth_m[known].min():g} to {depth_m.max():g} m cannot be stored; the pair's range is "
            f"{near:g} to {far:g} m"
        )
    share = np.log(np.where(known, depth_m, near) / near) / math.log(far / near)
    codes = 1 + np.rint((DEPTH_CODES - 1) * np.clip(share, 0, 1))
    return np.where(known, codes, 0).astype(np.uint16)


def _bytes(picture: Image.Image, kind: str, **options: Any) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, kind, **options)
    return stream.getvalue()
