"""Which file of a folder is the translation of which source image, by names, as outside tools write them.

A translation is called as its source, with the same tail behind each name: none, ``_fake_B`` (CycleGAN), ``_fake``,
``_synthesized_image`` (pix2pixHD) …; suffix and folders may differ. Where several tails are there for every image, one
with ``fake`` counts; copies of inputs (``real``, ``rec``) do not.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath

from bench.api.errors import DataError
from bench.data.folders import IMAGE_SUFFIXES, files_below, shown

_COPIES = frozenset(["real", "rec", "input", "source", "label", "idt"])
_MADE = frozenset(["fake", "synthesized", "translated", "generated", "refined", "output"])


@dataclass(frozen=True)
class Translated:
    """The translation of each source image, in order, and an example: ``im_000.png → im_000_fake_B.png``."""

    paths: list[Path]
    example: str


def match_translated(folder: Path, sources: Sequence[str]) -> Translated:
    """The translations below a folder.

    Raises
    ------
    DataError: no such folder, source images without a translation or with several: names them and what was found.
    """
    found = [file for file in files_below(folder) if file.suffix.lower() in IMAGE_SUFFIXES]
    stems = {PurePath(source).stem for source in sources}
    by_tail: dict[str, dict[str, list[Path]]] = {}
    for file in found:
        if (parts := _cut(file.stem, stems)) is not None:
            by_tail.setdefault(parts[1], {}).setdefault(parts[0], []).append(file)
    tail = _choose(folder, by_tail, stems, sources, found)
    paths = [_one(folder, source, by_tail[tail][PurePath(source).stem]) for source in sources]
    path, n_sources = Counter(paths).most_common(1)[0]
    if n_sources > 1:
        raise DataError(
            f"precomputed: {folder / path} would be the translation of {n_sources} source images of one name; keep the "
            "folders of the source in the translations' paths"
        )
    example = f"{PurePath(sources[0]).name} → {paths[0].name}"
    return Translated([folder / path for path in paths], example)


def _cut(stem: str, stems: set[str]) -> tuple[str, str] | None:
    """The source's name that a file's begins with, the longest, and the tail behind it."""
    for end in range(len(stem), 0, -1):
        if stem[:end] in stems and (end == len(stem) or not stem[end].isalnum()):
            return stem[:end], stem[end:]
    return None


def _choose(
    folder: Path,
    by_tail: dict[str, dict[str, list[Path]]],
    stems: set[str],
    sources: Sequence[str],
    found: Sequence[Path],
) -> str:
    """The tail that every source image has a file with."""
    whole = [tail for tail, those in by_tail.items() if len(those) == len(stems)]
    if len(whole) > 1:
        words = {tail: set(re.findall("[a-z]+", tail.lower())) for tail in whole}
        made = [tail for tail in whole if words[tail] & _MADE]
        whole = made or [tail for tail in whole if not words[tail] & _COPIES]
    if len(whole) == 1:
        return whole[0]
    first = PurePath(sources[0]).stem
    if whole:
        tails = " and ".join(sorted(f"{first}{tail}" for tail in whole))
        raise DataError(
            f"precomputed found several translations for each source image in {folder} ({tails}); name a folder that "
            "holds one set"
        )
    best = max(by_tail, key=lambda tail: len(by_tail[tail]), default="")
    lacking = sorted(
        {PurePath(source).name for source in sources if PurePath(source).stem not in by_tail.get(best, {})}
    )
    names = [PurePath(name) for name in lacking]
    raise DataError(
        f"precomputed found {len(found)} images in {folder}{shown(found)}, but no translation of {len(names)} of the "
        f"{len(stems)} source images{shown(names)}; expected their names with one tail for all, as "
        f"{first}_fake_B.png, or source_train/000000.png … as `python -m bench data export` writes them"
    )


def _one(folder: Path, source: str, files: Sequence[Path]) -> Path:
    """The file whose folders end as the source's do, as far as possible."""
    above = PurePath(source).parts[-2::-1]

    def n_shared(file: Path) -> int:
        own = file.parts[-2::-1]
        return next((i for i, (a, b) in enumerate(zip(above, own, strict=False)) if a != b), min(len(above), len(own)))

    best = max(map(n_shared, files))
    close = [file for file in files if n_shared(file) == best]
    if close[1:]:
        raise DataError(
            f"precomputed found {folder / close[0]} and {folder / close[1]} for {source}; keep one of the two, or name "
            "the folder of one set"
        )
    return close[0]
