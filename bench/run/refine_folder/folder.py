"""``bench refine``: a user's synthetic training set, adapted to their photographs, as a folder like the one they gave.

    1. fit     as the budget allows, on native pixels: networks on crops, since what they learn is texture at a scale;
               all others on whole images of the source's size. Photographs are brought to the source's scale first.
               The fit is kept in the store with its checkpoints: a killed one goes on, a finished one is not done again
    2. refine  every image by itself at native size; networks in overlapping tiles where it has more than
               :data:`TILE_PX`² pixels. Files keep their names and kind (JPEG at quality 95)
    3. labels  all other files are copied; with a size, they are rescaled (:mod:`.rescale_labels`)

``OUT/realgain.json`` says what was done, and holds the SHA-256 of every image when all is there. Until then the same
command goes on where it was; each file appears whole or not at all. The input is never written to.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from bench.api import Budget, Described, Refiner, UserError
from bench.api.imageset import ImageSet
from bench.data.fitting import Size
from bench.data.folders import files_below, folder_digest
from bench.data.formats import photographs, recognise_any
from bench.data.listing import Listing
from bench.data.own.usable import refuse_nested
from bench.plugins.registry import Registry
from bench.results.files import write_atomically
from bench.run.code.digest import Roots, installed
from bench.run.code.version import code_version
from bench.run.jobs import fit
from bench.run.jobs.work import Work
from bench.run.refine_folder.crops import fit_sets, resized
from bench.run.refine_folder.rescale_labels import rescaled
from bench.run.seeds import seed_from
from bench.run.store import Entry, Store, digest_of
from bench.run.stored_sets import save_set

if TYPE_CHECKING:
    import torch

MANIFEST = "realgain.json"
TILE_PX = 1024
OVERLAP_PX = 128
JPEG_QUALITY = 95
TRAIN_STEPS, BATCH = {"light": 500, "standard": 10_000, "paper": 500_000}, 16
"""No task is trained here; a plug-in's fit may count by a task's steps, and these are what tasks take at most."""
VERSION = 2

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Request:
    """What was asked: folders, a refiner's variant, a budget's name, and a size (width, height) or ``None``."""

    refiner: str
    source: Path
    target: Path
    out: Path
    budget: str = "light"
    size: Size | None = None


@dataclass(frozen=True)
class Outcome:
    """Images written now, and those that a run before had written."""

    n_written: int
    n_kept: int
    format: str


def refine_folder(
    request: Request, registry: Registry, store: Store, device: torch.device, progress: Progress
) -> Outcome:
    """Fit, refine and copy; see the module's docstring.

    Parameters
    ----------
    progress: called as ``progress(what, n_done, n_all)``.

    Raises
    ------
    UserError: a refiner that needs a task's network or labels that are not there, or an output folder that is part of
        an input, holds one, or holds another refinement.
    DataError: images or labels that cannot be read; names the file.
    """
    refiner, described = registry.refiner(request.refiner)
    _refuse_overlap(request)
    refuse_nested({"source": request.source, "target": request.target})
    source, target = recognise_any(request.source), photographs(request.target)
    _refuse_refiner(refiner, source, request)
    if request.size and source.format == "BOP":
        raise UserError("--size cannot rescale the labels of a BOP folder (camera matrices among them); leave it out")
    native = resized(source, request.size) if request.size else source
    state = _fitted(request, refiner, described, native, target, registry, store, device, progress)
    identity = _identity(request, type(refiner), described, state)
    _claim(request.out, identity)
    refiner.load_state_dict(_load(state))
    reads = (refiner.reads | frozenset()) & frozenset(native.pixels)
    seed = seed_from("fit", described.name, 0)
    digests: dict[str, str] = {}
    n_kept = 0
    for row, name in enumerate(source.names):
        relative = Path(name).relative_to(request.source)
        file = request.out / relative
        if file.is_file():
            n_kept += 1
        else:
            columns = {column: native.pixels[column](row) for column in ("image", *sorted(reads))}
            pixels = _refined(refiner, columns, row, seed)
            write_atomically(file, _encoded(pixels, Path(name)))
        digests[relative.as_posix()] = hashlib.sha256(file.read_bytes()).hexdigest()
        progress("refine", row + 1, source.n_images)
    _copy_labels(request, source, progress)
    done = {
        "made_by": f"realgain {code_version()}",
        **identity,
        "complete": True,
        "format": source.format,
        "images": digests,
    }
    write_atomically(request.out / MANIFEST, json.dumps(done, indent=1).encode())
    return Outcome(source.n_images - n_kept, n_kept, source.format)


# ------------------------------------------------------------------------------------------------ refusals


def _refuse_overlap(request: Request) -> None:
    out = request.out.resolve()
    for option in ("source", "target"):
        folder = getattr(request, option).resolve()
        if out == folder or folder in out.parents or out in folder.parents:
            raise UserError(
                f"--out {request.out} lies in, around or on --{option} {folder}; name a folder apart from it"
            )


def _refuse_refiner(refiner: Refiner, source: Listing, request: Request) -> None:
    if refiner.needs:
        raise UserError(
            f"refiner {refiner.name!r} is trained with a task's network and cannot refine a folder by itself; run a "
            "comparison (`python -m bench run --source … --target … --task …`), or name another refiner"
        )
    missing = refiner.reads.required - frozenset(source.pixels)
    if missing:
        raise UserError(
            f"refiner {refiner.name!r} reads {sorted(missing)[0]!r}, and {request.source} ({source.format}) has "
            f"{', '.join(sorted(source.labels)) or 'no labels'}; name another refiner"
        )


def _claim(out: Path, identity: dict[str, Any]) -> None:
    """The folder is new, or of this very refinement."""
    manifest = out / MANIFEST
    if manifest.is_file():
        before = json.loads(manifest.read_bytes())
        changed = [key for key, value in identity.items() if before.get(key) != value]
        if changed:
            raise UserError(
                f"--out {out} holds another refinement: {changed[0]} was {before.get(changed[0])!r} and is "
                f"{identity[changed[0]]!r}; name a new folder, or delete that one"
            )
    elif out.exists() and any(out.iterdir()):
        raise UserError(f"--out {out} exists and holds other files; name a new folder")
    else:
        out.mkdir(parents=True, exist_ok=True)
        write_atomically(manifest, json.dumps({**identity, "complete": False}, indent=1).encode())


def _identity(request: Request, refiner: type[Refiner], described: Described, state: Entry) -> dict[str, Any]:
    return {
        "refiner": request.refiner,
        "refiner_version": described.version,
        "code": installed().digest(Roots(((__name__, "_refined"), (__name__, "_encoded"), installed().root(refiner)))),
        "budget": request.budget,
        "size": list(request.size) if request.size else "native",
        "source": folder_digest(request.source),
        "target": folder_digest(request.target),
        "state": state.files["state.safetensors"],
    }


# ----------------------------------------------------------------------------------------------------- fit


def _fitted(
    request: Request,
    refiner: Refiner,
    described: Described,
    source: Listing,
    target: Listing,
    registry: Registry,
    store: Store,
    device: torch.device,
    progress: Progress,
) -> Entry:
    """The store's entry of the fit, made if it is missing."""
    reads = tuple(sorted((refiner.reads | frozenset()) & frozenset(source.pixels)))
    read = ("recognise_any", "photographs", "resized", "fit_sets", "save_set")
    seen = {
        "native": VERSION,
        "code": installed().digest(Roots(tuple((__name__, name) for name in read))),
        "source": folder_digest(request.source),
        "target": folder_digest(request.target),
        "size": request.size,
        "networks": refiner.tiles,
        "budget": request.budget,
        "reads": reads,
    }

    def make_sets(folder: Path) -> dict[str, Any]:
        sets = fit_sets(source, target, reads, request.budget, networks=refiner.tiles)
        return {
            "sets": {split: save_set(folder, split, images, tuple(images.columns)) for split, images in sets.items()}
        }

    sets = _kept(store, digest_of(seen), make_sets)
    budget = Budget(name=request.budget, train_steps=TRAIN_STEPS[request.budget], batch_size=BATCH)  # type: ignore[arg-type]
    spec = fit.Spec(
        refiner=described,
        seed=seed_from("fit", described.name, 0),
        budget=budget,
        reads=reads,
        light_seconds=refiner.fit_seconds,
    )
    inputs = {"source": sets, "target": sets}
    key = digest_of([fit.action(spec, inputs), installed().digest(installed().roots(fit, [type(refiner)]))])
    installed().save()
    work = Work(registry, device, lambda step, n_steps, _: progress("fit", step, n_steps), store.unfinished(key))
    entry = _kept(store, key, lambda folder: fit.run(spec, inputs, folder, work))
    work.unfinished.unlink(missing_ok=True)
    return entry


def _kept(store: Store, key: str, make: Callable[[Path], dict[str, Any]]) -> Entry:
    if (entry := store.find(key)) is not None:
        return entry
    with store.lock(key) as free:
        if not free:
            raise UserError("another run fits the same refiner to the same folders; wait for it, then run this again")
        return store.find_locked(key) or store.write(key, make)


# -------------------------------------------------------------------------------------------------- refine


def _load(state: Entry) -> dict[str, Any]:
    from safetensors.torch import load_file

    return load_file(state.path / "state.safetensors")


def _refined(refiner: Refiner, columns: dict[str, np.ndarray], row: int, seed: int) -> np.ndarray:
    """``(H, W, 3) uint8``: the first view of one image, whole or from tiles."""
    height, width = columns["image"].shape[:2]
    if not refiner.tiles or height * width <= TILE_PX**2:
        return _refined_whole(refiner, columns, row, seed)
    total = np.zeros((height, width, 3), np.float32)
    weight = np.zeros((height, width, 1), np.float32)
    for top, bottom in tiles(height):
        for left, right in tiles(width):
            part = {name: array[top:bottom, left:right] for name, array in columns.items()}
            ramp = _ramp(bottom - top)[:, None, None] * _ramp(right - left)[None, :, None]
            total[top:bottom, left:right] += ramp * _refined_whole(refiner, part, row, seed)
            weight[top:bottom, left:right] += ramp
    return np.rint(total / weight).astype(np.uint8)


def _refined_whole(refiner: Refiner, columns: dict[str, np.ndarray], row: int, seed: int) -> np.ndarray:
    import torch

    from bench.training.refine_images import generators_for, make_batch, to_uint8, validate_refined

    arrays = {name: array[None] for name, array in columns.items()}
    images = ImageSet.from_arrays(None, **arrays)
    batch = make_batch(images, "source_train", np.arange(1), refiner.reads | frozenset())
    with torch.no_grad():
        outputs = refiner.refine(batch, generators_for(seed, "source_train", [row], 0))
    validate_refined(batch.inputs, outputs)
    return to_uint8(outputs["image"])[0]


def tiles(length: int) -> list[tuple[int, int]]:
    """First and last pixel of the tiles along one axis: of equal length, at most ``TILE_PX``, overlapping enough.

    >>> tiles(1000), tiles(1900)
    ([(0, 1000)], [(0, 1014), (886, 1900)])
    """
    if length <= TILE_PX:
        return [(0, length)]
    n_tiles = -(-(length - OVERLAP_PX) // (TILE_PX - OVERLAP_PX))
    side = -(-(length + (n_tiles - 1) * OVERLAP_PX) // n_tiles)
    starts = [round(i * (length - side) / (n_tiles - 1)) for i in range(n_tiles)]
    return [(start, start + side) for start in starts]


def _ramp(length: int) -> np.ndarray:
    """``(length,) float32`` weights that fall towards both ends, over the overlap, and never to zero."""
    distance = np.minimum(np.arange(length), np.arange(length)[::-1]) + 1
    ramp: np.ndarray = np.minimum(distance / OVERLAP_PX, 1).astype(np.float32)
    return ramp


# --------------------------------------------------------------------------------------------------- files


def _encoded(pixels: np.ndarray, original: Path) -> bytes:
    """The file's content in the kind of the original; grey where that was grey."""
    with Image.open(original) as image:
        kind, grey = image.format or "PNG", image.mode in ("L", "1")
    kind = "JPEG" if kind == "MPO" else kind  # what phones write: a JPEG, and a second picture behind it
    refined = Image.fromarray(pixels)
    if grey:
        refined = refined.convert("L")
    options: dict[str, Any] = {"JPEG": {"quality": JPEG_QUALITY, "subsampling": 0}, "WEBP": {"lossless": True}}
    stream = io.BytesIO()
    refined.save(stream, kind, **options.get(kind, {}))
    return stream.getvalue()


def _copy_labels(request: Request, source: Listing, progress: Progress) -> None:
    images = {Path(name).relative_to(request.source) for name in source.names}
    others = [file for file in files_below(request.source) if file not in images]
    native_sizes = {Path(name).stem: source.size(i) for i, name in enumerate(source.names)} if request.size else {}
    for n_done, file in enumerate(others, 1):
        if not (request.out / file).is_file():
            if request.size:
                content = rescaled(request.source, file, request.size, native_sizes)
            else:
                content = (request.source / file).read_bytes()
            write_atomically(request.out / file, content)
        progress("copy", n_done, len(others))
