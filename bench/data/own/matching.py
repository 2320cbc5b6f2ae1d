"""Bringing a user's folders together: one list of classes, one plausible range of depths, and words to print of each.

Sides are listings by name: ``source``, ``target`` and, where it is a folder of its own, ``target test``.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from bench.api.errors import DataError
from bench.api.names import nearest
from bench.data.depth_units import ALLOWED as ALLOWED_UNITS
from bench.data.folders import composed
from bench.data.listing import Listing, with_classes

SAMPLED = 16
PLAUSIBLE_M = (0.05, 300.0)
"""Median depths of photographs, whatever the camera looks at."""
FAR_M = (2.0, 5.0, 10.0, 20.0, 50.0, 80.0, 120.0, 250.0, 700.0)
NEAR_SHARE = 0.01
APART = 3.0
"""Median depths of two sides that differ by this factor are of other units, most likely; mm and 1/256 m do by 3.9."""
Sides = Mapping[str, Listing]


def matched(sides: Sides, asked: str) -> dict[str, Listing]:
    """All sides in the source's list of classes, in its order.

    A class that a side lists and never uses does not count there: exports carry such (``cards``, above the ranks).

    Parameters
    ----------
    asked: classes that count, as ``car+person``; all of the source's if empty.

    Raises
    ------
    DataError: a class of the target that the source has not, one asked for that it has not, or no image left.
    """
    known = sides["source"].class_names
    wanted = _asked(asked, known)
    used = {side: _used(listing) for side, listing in sides.items()}
    anywhere = frozenset().union(*used.values())
    names = tuple(name for name in known if _words(name) in (wanted or anywhere))
    place = {_words(name): i for i, name in enumerate(names)}
    found = dict(sides)
    for side, listing in sides.items():
        if not listing.class_names:
            continue
        unknown = [name for name in listing.class_names if _words(name) in used[side] and _words(name) not in place]
        if unknown and not wanted:
            raise DataError(_unmatched(side, unknown, names, used[side]))
        ids = np.array([place.get(_words(name), -1) for name in listing.class_names], np.int64)
        changed = with_classes(listing, names, ids)
        if left_out := [name for name in listing.class_names if _words(name) not in used[side] | set(place)]:
            changed = replace(changed, notes=(*changed.notes, f"{', '.join(left_out)} occurs nowhere and is left out"))
        if not changed.n_images:
            raise DataError(f"{side} has no image of the classes {', '.join(names)}; name others with --classes")
        absent = [name for name in names if _words(name) not in used[side]]
        if absent:
            changed = replace(changed, notes=(*changed.notes, f"no {', '.join(absent)} here"))
        found[side] = changed
    return found


def depth_range_m(known: Mapping[str, np.ndarray], folders: Mapping[str, Path], asked: str) -> tuple[float, float]:
    """Nearest and farthest depth: as asked (``0.5+20``), otherwise from a sample of the source's.

    Parameters
    ----------
    known: of :func:`known_depths_m`.

    Raises
    ------
    DataError: a median that no camera sees, that the source's range does not hold or that is :data:`APART` from the
        source's: another unit, most likely.
    """
    if asked:
        near, far = map(float, asked.split("+"))
    else:
        reach = float(np.quantile(known["source"], 0.98))
        far = next((step for step in FAR_M if step >= reach), FAR_M[-1])
        near = far * NEAR_SHARE
    for side, depth_m in known.items():
        low, high = PLAUSIBLE_M
        if asked or side != "source":
            low, high = max(low, near), min(high, far)
        median = float(np.median(depth_m))
        if not low <= median <= high:
            option = "--depth-unit" if side == "source" else "--depth-unit, --target-depth-unit"
            why = "as asked" if asked else "any camera" if side == "source" else f"the source reaches {far:g} m"
            raise DataError(
                f"{folders[side]}: the median depth would be {median:.4g} m, and {low:.3g} to {high:.3g} m is "
                f"plausible ({why}); correct {option} ({ALLOWED_UNITS}) or --depth-range"
            )
        ratio = median / float(np.median(known["source"]))
        if not asked and not 1 / APART <= ratio <= APART:
            raise DataError(
                f"{folders[side]}: the median depth would be {median:.4g} m, and the source's "
                f"{median / ratio:.4g} m: {max(ratio, 1 / ratio):.1f} times apart; correct --depth-unit or "
                f"--target-depth-unit ({ALLOWED_UNITS}), or, if they are so, state --depth-range NEAR+FAR"
            )
    return near, far


def known_depths_m(sides: Sides) -> dict[str, np.ndarray]:
    """A sample of the known depths of each side that has depth, in metres; reads at most 16 maps of each."""
    return {side: _sampled_depth_m(listing) for side, listing in sides.items() if "depth_m" in listing.pixels}


def _used(listing: Listing) -> frozenset[str]:
    """The classes, as words, that occur; of masks, which are not read to plan, all that are listed."""
    rows = [listing.arrays["class_id"]] if "class_id" in listing.arrays else listing.box_class
    if rows is None:
        return frozenset(map(_words, listing.class_names))
    ids = np.unique(np.concatenate(rows)).tolist() if len(rows) else []
    return frozenset(_words(listing.class_names[i]) for i in ids)


def _unmatched(side: str, unknown: list[str], names: tuple[str, ...], used: frozenset[str]) -> str:
    """What to say of classes that only the target has."""
    missing = [name for name in names if _words(name) not in used]
    remedy = "no class is in both: rename those of one side"
    if common := [name for name in names if _words(name) in used]:
        remedy = f"rename it, or say which classes count: --classes '{'+'.join(common)}'"
    numbered, named = (all(name.isdigit() for name in some) for some in (unknown, names))
    if numbered != named:
        bare = side if numbered else "source"
        remedy = f"the classes of the {bare} are mere numbers: put a classes.txt there, a name a line, ids from 0"
    twins = {_unnumbered(name): name for name in names}
    if pairs := [(name, twins[_unnumbered(name)]) for name in unknown if _unnumbered(name) in twins]:
        remedy = f"{pairs[0][0]!r} and {pairs[0][1]!r} differ by a leading number alone: rename those of one side"
    return (
        f"{side} has the class {', '.join(map(repr, unknown[:5]))}, which the source has not (only the source has: "
        f"{', '.join(map(repr, missing[:5])) or 'none'}); {remedy}"
    )


def _unnumbered(name: str) -> str:
    """A class name without a number before it: ``001.cup`` → ``cup``."""
    return re.sub(r"^\d+[\s._\-]*(?=\D)", "", _words(name))


def _words(name: str) -> str:
    """What of a class name counts when names are matched."""
    return re.sub(r"[\s_\-]+", " ", composed(name)).strip().lower()


def _asked(asked: str, known: tuple[str, ...]) -> set[str]:
    wanted = {_words(name) for name in asked.split("+") if name}
    if unknown := sorted(wanted - set(map(_words, known))):
        raise DataError(
            f"--classes asks for {unknown[0]!r}, which the source has not{nearest(unknown[0], known)} It has: "
            f"{', '.join(known)}"
        )
    return wanted


def sampled(n_images: int, n: int = SAMPLED) -> np.ndarray:
    """At most ``n`` places, evenly spread."""
    return np.unique(np.linspace(0, n_images - 1, min(n, n_images)).round().astype(int))


def sample_sizes(listing: Listing) -> np.ndarray:
    """``(n, 2)`` native widths and heights of some images."""
    return np.array([listing.size(int(i)) for i in sampled(listing.n_images, 64)])


def _sampled_depth_m(listing: Listing) -> np.ndarray:
    """Known depths of some maps, thinned."""
    maps = [listing.pixels["depth_m"](int(i)) for i in sampled(listing.n_images)]
    known = np.concatenate([depth_m[depth_m > 0][:: 1 + depth_m.size // 10_000] for depth_m in maps])
    if not known.size:
        raise DataError(f"{listing.names[0]} and {len(maps) - 1} others have no known depth (all 0); check the files")
    return known


def described(listing: Listing) -> str:
    """``COCO, 640 images of 640×380, 5 classes (car, …), 4,395 boxes; note``."""
    sizes = Counter(map(tuple, sample_sizes(listing).tolist()))
    (width, height), n_same = sizes.most_common(1)[0]
    mixed = "" if n_same == sizes.total() else " and other sizes"
    words = [listing.format, f"{listing.n_images:,} images of {width}×{height}{mixed}"]
    if listing.class_names and listing.labels:
        shown = ", ".join(listing.class_names[:8]) + (", …" if len(listing.class_names) > 8 else "")
        words.append(f"{len(listing.class_names)} classes ({shown})")
    if listing.box_class is not None:
        words.append(f"{sum(map(len, listing.box_class)):,} boxes")
    if not listing.labels:
        words.append("no labels")
    return ", ".join(words) + "".join(f"; {note}" for note in listing.notes)
