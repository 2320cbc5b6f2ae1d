"""Which files of a user's folder are not used, and why: nothing is left out silently.

:func:`left_out` sorts every file that is neither an image of the listing nor a label of one by its reason;
:func:`notes` is the short form that ``plan`` and ``run`` print, about files that may be missed, and :func:`short` that
of ``refine``, which copies what it does not refine.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from bench.data.folders import all_images_among, shown
from bench.data.formats import (
    FORMATS,
    UNREAD,
    class_folders,
    coco,
    cvat,
    depth_png,
    format_title,
    kitti_labels,
    labelme,
    mask_names,
    mask_png,
    voc,
    yolo,
    yolo_names,
)
from bench.data.listing import Listing
from bench.data.roles import DEPTH_WORDS, INSTANCE_WORDS, MASK_WORDS, keys_of, label_words, roles_of

READ_BESIDE: Mapping[str, frozenset[str]] = {
    yolo.NAME: frozenset({".txt"}),
    kitti_labels.NAME: frozenset({".txt"}),
    voc.NAME: frozenset({".xml"}),
    labelme.NAME: frozenset({".json"}),
    depth_png.NAME: frozenset({".npy", ".npz", ".exr", ".pfm"}),
    mask_png.NAME: frozenset(),
    class_folders.NAME: frozenset(),
}
"""Suffixes of the label files that a format reads beside each image, under its name."""
DOCUMENTS = {coco.NAME: coco, cvat.NAME: cvat, labelme.NAME: labelme}
"""Formats whose label files describe many images, and can be told from other files by what is in them."""
LABEL_SUFFIXES = frozenset({".txt", ".xml", ".json", ".jsonl", ".npy", ".npz", ".exr", ".pfm"})
ARRAYS = frozenset({".npy", ".npz", ".h5", ".exr", ".hdr"})
"""Kinds of files that hold labels beside pictures more often than pictures."""
NAMES = frozenset({*yolo_names.NAME_FILES, *mask_names.NAME_FILES})
NAMES_SUFFIXES = frozenset({".yaml", ".yml", ".csv"})
_NOTED = ("in no class folder", "images that", "of a kind", "not known as")
"""Reasons that the formats and :func:`bench.data.formats.recognise` give in their own notes."""
_WORDS = {"segmentation": MASK_WORDS - INSTANCE_WORDS, "depth": DEPTH_WORDS}


def left_out(root: Path, files: Sequence[Path], listing: Listing, task: str) -> dict[str, list[Path]]:
    """Files that are not used, relative to the root, by reason.

    Parameters
    ----------
    task: whose labels are read; empty for ``refine``, which copies them.
    """
    listed = {Path(name).relative_to(root) for name in listing.names if Path(name).is_relative_to(root)}
    if listing.format == "BOP" and task:
        return {}  # crops are cut from images, whose files are read through the scenes' JSON files
    roles = roles_of(all_images_among(files))
    images, labels = set(roles.images), set(roles.labels)
    keys = {key for image in listed for key in keys_of(image)}
    found: dict[str, list[Path]] = {}
    for file in files:
        if file in listed:
            continue
        belongs = bool(keys & set(keys_of(file)))
        if task:
            reason = _reason(root, file, images, labels, belongs, listing, task)
        else:
            reason = _reason_to_copy(file, images, labels, listing)
        if reason:
            found.setdefault(reason, []).append(file)
    return found


def _reason(
    root: Path, file: Path, images: set[Path], labels: set[Path], belongs: bool, listing: Listing, task: str
) -> str | None:
    """Why a file is not used; ``None`` if it is used as a label, or names classes."""
    suffix = file.suffix.lower()
    if file in images:
        return "in no class folder" if listing.format == class_folders.NAME else "images that the labels do not list"
    if file in labels:
        words = label_words(file)
        if listing.labels and words & _WORDS.get(task, frozenset()) and not words & INSTANCE_WORDS:
            return None
        return f"images that hold labels, not read for {task}"
    if file.name.lower() in NAMES or suffix in NAMES_SUFFIXES:
        return None if listing.class_names else "names of classes without labels"
    if listing.labels and _is_read(root, file, belongs, listing.format):
        return None
    if suffix in UNREAD - LABEL_SUFFIXES:
        return f"of a kind that is not read ({suffix})"
    if suffix in LABEL_SUFFIXES:
        if not listing.labels:
            return f"not known as labels for {task}"
        is_own = suffix in READ_BESIDE.get(listing.format, frozenset()) and listing.format not in DOCUMENTS
        return "labels of no image" if is_own else f"no {listing.format} labels"
    return "neither images nor labels"


def _is_read(root: Path, file: Path, belongs: bool, format_name: str) -> bool:
    """Whether a file that is no image is read for its format's labels."""
    suffix = file.suffix.lower()
    if belongs and suffix in READ_BESIDE.get(format_name, frozenset()):
        return True
    if format_name in DOCUMENTS:
        return suffix in (".json", ".xml") and DOCUMENTS[format_name].recognised(root, (file,))
    if format_name in READ_BESIDE:
        return False
    return suffix in LABEL_SUFFIXES  # Unity's, Replicator's and published sets: files of their own names


def _reason_to_copy(file: Path, images: set[Path], labels: set[Path], listing: Listing) -> str | None:
    """Why ``refine`` takes a file for no picture; ``None`` for labels in files that are no images."""
    suffix = file.suffix.lower()
    if file in images:
        in_classes = listing.format == class_folders.NAME
        return "in no class folder" if in_classes else f"that the {listing.format} labels do not list"
    if file in labels:
        return "that are labels by their names or folders"
    if file.name.lower() in NAMES or suffix in NAMES_SUFFIXES | LABEL_SUFFIXES | ARRAYS:
        return None
    return f"of a kind that is not read ({suffix})" if suffix in UNREAD else "that are neither images nor labels"


def short(found: Mapping[str, Sequence[Path]]) -> tuple[str, ...]:
    """One line per reason: how many files, and the first."""
    return tuple(
        f"{len(files)} file{'s' if files[1:] else ''} (first: {files[0].as_posix()}) {reason}"
        for reason, files in found.items()
    )


def notes(root: Path, files: Sequence[Path], listing: Listing, task: str) -> tuple[str, ...]:
    """What to say of image files that are not used or whose names leave a doubt, and where labels were looked for."""
    said = []
    for reason, those in left_out(root, files, listing, task).items():
        if reason.startswith("images that hold labels"):
            said.append(f"{len(those)} files are taken for labels of images and not read for {task}{shown(those)}")
        elif not reason.startswith(_NOTED):
            said.append(f"{len(those)} files left out, {reason}{shown(those)}")
    listed = set(listing.names)
    doubted = [file for file in roles_of(all_images_among(files)).doubted if str(root / file) in listed]
    if doubted and listing.format != class_folders.NAME:
        said.append(
            f"{len(doubted)} images have a word for labels in their path, but no image to label{shown(doubted)}"
        )
    if not listing.labels:
        said.append(_looked_for(files, task))
    return tuple(said)


def _looked_for(files: Sequence[Path], task: str) -> str:
    """Where labels were looked for, in a folder that has none."""
    if task == "classification":
        return f"no class folders: {class_folders.classes_of(roles_of(all_images_among(files)).images).why_none}"
    formats = ", ".join(format_title(name) for name in FORMATS[task])
    words = {"segmentation": "masks or labels", "depth": "depth"}.get(task)
    if words is None:
        return f"looked for {formats}"
    return f"looked for {formats}: folders or names with the word {words}, beside images of the same names"
