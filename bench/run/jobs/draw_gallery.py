"""*gallery*: pictures of a table, or of one refiner in it, as WebP strips, one part per job.

of a table      ``source``     images of the source, drawn at random once and for all
                ``nearest``    the test image nearest to each, by the features of the domain-gap measures
                ``test``       test images, drawn at random once and for all; ``truth``: with their labels
                ``predicted``  the same with the predictions of the model trained on plain source (task seed 0)
of a refiner    ``refined``    what became of ``source``
                ``predicted``  predictions of the model trained on its images (task seed 0)
                ``before``     the source images that it changed most (mean absolute difference), and ``after``

Nothing is picked by hand or by score. Inputs are images and predictions that are there already; no network runs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from bench.api import Described, Frozen, LabelSpace, Task
from bench.api.imageset import COLUMNS, ImageSet
from bench.data.contact_sheet import picture
from bench.data.fitting import placement
from bench.results.gallery import Part
from bench.run.jobs.features import chosen_rows
from bench.run.jobs.work import Inputs, Work
from bench.run.stored_sets import column_digests, load_set

VERSION = 2
N_ROWS, N_CHANGED = 6, 4
GAP_PX = 4
QUALITY = 80
BLOCK = 256
Arrays = Mapping[str, np.ndarray]


class Spec(Frozen):
    """What is drawn: a part of the gallery (:data:`bench.results.gallery.STRIPS`); ``labels`` are the task's."""

    part: Part
    task: Described
    space: LabelSpace
    labels: tuple[str, ...]


def action(spec: Spec, inputs: Inputs) -> dict[str, Any]:
    """Images, labels and predictions by content."""
    test = (*spec.labels, "image", "native_size", "foreground")
    return {
        "kind": "gallery",
        "version": VERSION,
        "part": spec.part,
        "task": spec.task.identity(),
        "space": spec.space.model_dump(),
        "source": column_digests(inputs["source"], "source_train", ("image",)),
        "target": column_digests(inputs["target"], "target_test", test),
        "others": {role: entry.files for role, entry in inputs.items() if role not in ("source", "target")},
    }


def run(spec: Spec, inputs: Inputs, folder: Path, work: Work) -> dict[str, Any]:
    """Write the strips of the part."""
    task = work.registry.rebuild(Task, spec.task)
    source = load_set(inputs["source"], "source_train").columns["image"]
    test = load_set(inputs["target"], "target_test")
    rows = chosen_rows("source_train", len(source), N_ROWS)
    tested = chosen_rows("target_test", test.n_images, N_ROWS)
    strips: dict[str, Any] = {}
    change: list[float] = []

    def keep(name: str, cells: Sequence[Image.Image], shown: np.ndarray) -> None:
        strip = _strip(cells)
        strip.save(folder / f"{name}.webp", "WEBP", quality=QUALITY, method=6)
        strips[name] = {"width": strip.width, "height": strip.height, "rows": shown.tolist()}

    match spec.part:
        case "source":
            keep("source", _plain(source.take(rows)), rows)
        case "nearest":
            nearest = _nearest(inputs, len(rows))
            keep("nearest", _plain(test.columns["image"].take(nearest)), nearest)
        case "test":
            truth = _labelled(test, tested, task, spec)
            heights = [picture(row, spec.space.class_names).height for row in truth]
            plain = [picture({"image": row["image"]}, ()) for row in truth]
            keep("test", [_as_high(cell, height) for cell, height in zip(plain, heights, strict=True)], tested)
            keep("truth", [picture(row, spec.space.class_names) for row in truth], tested)
        case "refined":
            refined = load_set(inputs["refined"], "source_train").columns["image"]
            keep("refined", _plain(refined.take(rows)), rows)
            most, change = _changed_most(source, refined)
            keep("before", _plain(source.take(most)), most)
            keep("after", _plain(refined.take(most)), most)
        case "predicted":
            truth = _labelled(test, tested, task, spec)
            with np.load(inputs["score"].path / "predictions.npz", allow_pickle=False) as stored:
                predictions = task.as_labels({name: stored[name][tested] for name in stored.files})
            predicted = [_with_prediction(row, predictions, i, test, tested, task) for i, row in enumerate(truth)]
            keep("predicted", [picture(row, spec.space.class_names) for row in predicted], tested)
    return {"strips": strips, "change": change}


def _plain(images: np.ndarray) -> list[Image.Image]:
    return [picture({"image": image}, ()) for image in images]


def _changed_most(source: Any, refined: Any) -> tuple[np.ndarray, list[float]]:
    """Rows whose first refined view differs most from the source, and by how much on average, in levels of 255."""
    n_images = len(source)
    differences = []
    for first in range(0, n_images, BLOCK):
        rows = np.arange(first, min(first + BLOCK, n_images))
        apart = np.abs(source.take(rows).astype(np.int16) - refined.take(rows))
        differences.append(apart.reshape(len(rows), -1).mean(axis=1))
    joined = np.concatenate(differences)
    most = np.argsort(-joined, kind="stable")[:N_CHANGED]
    return most, [round(float(joined[row]), 2) for row in most]


def _nearest(inputs: Inputs, n_rows: int) -> np.ndarray:
    """Rows of the test set whose features are nearest to those of the first source rows; both lists are shuffled."""
    ours, theirs = (
        np.load(inputs[f"{role}_features"].path / "features.npy", allow_pickle=False) for role in ("source", "target")
    )
    rows = np.load(inputs["target_features"].path / "rows.npy", allow_pickle=False)
    apart = np.square(ours[:n_rows, None].astype(np.float64) - theirs[None]).sum(axis=2)
    return np.asarray(rows[apart.argmin(axis=1)])


def _labelled(test: ImageSet, rows: np.ndarray, task: Task, spec: Spec) -> list[dict[str, np.ndarray]]:
    """Images and true labels at native size, one dictionary an image."""
    names = [name for name in (*spec.labels, "foreground") if name in test.columns]
    columns = {name: test.columns[name].take(rows) for name in names}
    images = test.columns["image"].take(rows)
    found = []
    for i, image in enumerate(images):
        native = _native_size(test, rows[i], image)
        labels = {name: _at_native(name, values[i], native, image, task) for name, values in columns.items()}
        found.append({"image": _image_at_native(image, native, task), **labels})
    return found


def _with_prediction(
    row: Arrays, predictions: Arrays, i: int, test: ImageSet, rows: np.ndarray, task: Task
) -> dict[str, np.ndarray]:
    """The image with predicted labels; in the scale of the true ones, an object where it truly is."""
    image = test.columns["image"].take(rows[i : i + 1])[0]
    native = (row["image"].shape[1], row["image"].shape[0])
    found = {"image": row["image"]}
    found |= {name: _at_native(name, values[i], native, image, task) for name, values in predictions.items()}
    if "foreground" in row:
        found["foreground"] = row["foreground"]
    if "depth_m" in row and (row["depth_m"] > 0).any():
        known = row["depth_m"][row["depth_m"] > 0]
        found["depth_limits_m"] = np.array([known.min(), known.max()])
    if "class_id" in row:
        found["true_class_id"] = row["class_id"]
    if "free_distance_m" in row:
        found["free_limit_m"] = row["free_distance_m"].max()
    return found


def _native_size(test: ImageSet, row: int, image: np.ndarray) -> tuple[int, int]:
    if "native_size" not in test.columns:
        return image.shape[1], image.shape[0]
    width, height = test.columns["native_size"].take(np.array([row]))[0].tolist()
    return width, height


def _image_at_native(image: np.ndarray, native: tuple[int, int], task: Task) -> np.ndarray:
    left, top, width, height = placement(native, (image.shape[1], image.shape[0]), task.fit)
    return np.asarray(Image.fromarray(image[top : top + height, left : left + width]).resize(native))


def _at_native(name: str, value: np.ndarray, native: tuple[int, int], image: np.ndarray, task: Task) -> np.ndarray:
    """A label of one image: maps of the working size are brought to ``native``, padded ones cut, others left."""
    if COLUMNS[name].row_shape != (None, None):
        return value
    width, height = native
    if value.shape == image.shape[:2] != (height, width):
        left, top, w, h = placement(native, (image.shape[1], image.shape[0]), task.fit)
        value = value[top : top + h, left : left + w]
        rows, columns = (np.arange(n) * part // n for n, part in ((height, h), (width, w)))
        return np.asarray(value[rows][:, columns])
    return value[:height, :width]


def _as_high(cell: Image.Image, height: int) -> Image.Image:
    padded = Image.new("RGB", (cell.width, height), (24, 24, 24))
    padded.paste(cell, (0, 0))
    return padded


def _strip(cells: Sequence[Image.Image]) -> Image.Image:
    """Cells below each other, with gaps that let the page's colour through."""
    height = sum(cell.height for cell in cells) + GAP_PX * (len(cells) - 1)
    strip = Image.new("RGBA", (cells[0].width, height), (0, 0, 0, 0))
    top = 0
    for cell in cells:
        strip.paste(cell, (0, top))
        top += cell.height + GAP_PX
    return strip


def estimate(spec: Spec, counts: dict[str, int]) -> tuple[float, int]:
    """Drawing half a dozen pictures; reading the set once where the most changed are looked for."""
    reading = counts["source_train"] * counts["pixels"] * 2e-8 if spec.part == "refined" else 0.0
    return 0.1 + reading, 40_000
