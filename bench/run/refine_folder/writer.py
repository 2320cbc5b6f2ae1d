"""Places refined images and everything else of a source folder into the output folder, in the source's own layout.

All files are written to a folder whose name says that it is unfinished (``OUT.partial`` beside ``OUT``, or
``OUT/realgain.partial`` where ``OUT`` exists), which becomes ``OUT`` when all are there: an output folder is whole or
absent. In one that is there already, only files that are missing are written again.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.api import UserError
from bench.data.fitting import Size
from bench.data.whole_folder import WholeFolder
from bench.results.files import write_atomically
from bench.run.refine_folder.identity import MANIFEST, STAGE, Before, digest_of_file
from bench.run.refine_folder.rescale_labels import copied, rescaled

LABEL_BYTES = 2**30
"""A larger file is a video or an archive, and is never read whole."""
UNFINISHED = "realgain.unfinished"
"""A file that marks a folder that may be deleted: a killed run left it behind."""
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Written:
    """The images written, and the label files that are not the source's byte for byte though nothing was resized."""

    n_images: int
    rewritten: tuple[Path, ...]


def write_folder(
    out: Path,
    given: WholeFolder,
    refined: Sequence[Path],
    identity: Mapping[str, Any],
    size: Size | None,
    before: Before | None,
    progress: Progress,
) -> Written:
    """Write the output folder, or what is missing of it.

    Parameters
    ----------
    refined: the refined file of each picture of ``given``, in the order of its rows.
    before: of :func:`bench.run.refine_folder.identity.inspect`.

    Raises
    ------
    UserError: the unfinished folder exists, and is not ours.
    """
    images = {given.relative(row): file for row, file in enumerate(refined)}
    wanted = {path.as_posix() for path in (*images, *given.others)} if before is None else set(before.missing)
    if before is not None and not wanted:
        return Written(0, ())
    rewritten = []
    native_sizes = {path.stem: given.pictures.size(row) for row, path in enumerate(images)} if size else {}
    with _stage(out, before) as stage:
        for n_done, path in enumerate((*images, *given.others), 1):
            if path.as_posix() in wanted:
                (stage / path).parent.mkdir(parents=True, exist_ok=True)
                if path in images:
                    shutil.copyfile(images[path], stage / path)
                elif (given.root / path).stat().st_size > LABEL_BYTES:
                    shutil.copyfile(given.root / path, stage / path)
                elif size is None:
                    content = copied(given.root, path)
                    rewritten += [path] if content != (given.root / path).read_bytes() else []
                    (stage / path).write_bytes(content)
                else:
                    (stage / path).write_bytes(rescaled(given.root, path, size, native_sizes))
            progress(n_done, len(images) + len(given.others))
        digests = dict(before.files) if before else {}
        digests |= {name: digest_of_file(stage / name) for name in wanted}
        manifest = {
            **identity,
            "complete": True,
            "format": given.pictures.format,
            "images": {path.as_posix(): digests[path.as_posix()] for path in images},
            "others": {path.as_posix(): digests[path.as_posix()] for path in given.others},
        }
        write_atomically(stage / MANIFEST, json.dumps(manifest, indent=1).encode())
    return Written(sum(path.as_posix() in wanted for path in images), tuple(rewritten))


@contextmanager
def _stage(out: Path, before: Before | None) -> Iterator[Path]:
    """A folder to write to, whose files are in ``out`` once the block ends by itself; nothing is left otherwise."""
    stage = out / STAGE if out.is_dir() else out.with_name(f"{out.name}.partial")
    if stage.exists():
        if not (stage / UNFINISHED).is_file():
            raise UserError(f"{stage} exists and is not an unfinished output of realgain; rename or delete it")
        shutil.rmtree(stage)
    stage.mkdir(parents=True)
    (stage / UNFINISHED).touch()
    try:
        yield stage
        (stage / UNFINISHED).unlink()
        if stage.parent != out:
            stage.rename(out)
        elif before is None:
            _move_up(stage, out)
        else:
            _merge(stage, out)
    finally:
        if stage.exists():
            shutil.rmtree(stage)


def _move_up(stage: Path, out: Path) -> None:
    """The manifest last: without it, the folder is none of ours."""
    for entry in sorted(stage.iterdir(), key=lambda path: path.name == MANIFEST):
        entry.rename(out / entry.name)


def _merge(stage: Path, out: Path) -> None:
    for file in sorted(path for path in stage.rglob("*") if path.is_file()):
        target = out / file.relative_to(stage)
        target.parent.mkdir(parents=True, exist_ok=True)
        file.replace(target)
