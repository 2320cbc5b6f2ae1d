"""Which files of a user's folder are not used, and why: nothing is left out silently.

:func:`left_out` sorts every file that is neither an image of the listing nor a label of one by its reason;
:func:`notes` is the short form that ``plan`` and ``run`` print, about files that may be missed.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bench.data.folders import all_images_among, shown
from bench.data.formats import FORMATS, UNREAD, class_folders, format_title
from bench.data.listing import Listing
from bench.data.roles import DEPTH_WORDS, INSTANCE_WORDS, MASK_WORDS, keys_of, label_words, roles_of

LABEL_SUFFIXES = frozenset({".txt", ".xml", ".json", ".npy", ".npz", ".exr", ".pfm"})
NAMES = frozenset(
    {"classes.txt", "labels.txt", "class_names.txt", "names.txt", "_classes.txt", "obj.names", "labelmap.txt"}
)
NAMES_SUFFIXES = frozenset({".yaml", ".yml", ".csv"})
_WORDS = {"segmentation": MASK_WORDS - INSTANCE_WORDS, "depth": DEPTH_WORDS}


def left_out(root: Path, files: Sequence[Path], listing: Listing, task: str) -> dict[str, list[Path]]:
    """Files that are not used, relative to the root, by reason.

    Files of text or arrays with the name of an image count as its labels where the format has labels, and so do
    documents of a whole set (JSON, XML) in a format that is kept in such.
    """
    listed = {Path(name).relative_to(root) for name in listing.names if Path(name).is_relative_to(root)}
    if listing.format == "BOP":
        return {}  # crops are cut from images, whose files are read through the scenes' JSON files
    roles = roles_of(all_images_among(files))
    images, labels = set(roles.images), set(roles.labels)
    keys = {key for image in listed for key in keys_of(image)}
    found: dict[str, list[Path]] = {}
    for file in files:
        if file not in listed and (reason := _reason(file, images, labels, keys, listing, task)):
            found.setdefault(reason, []).append(file)
    return found


def _reason(
    file: Path, images: set[Path], labels: set[Path], keys: set[str], listing: Listing, task: str
) -> str | None:
    """Why a file is not used; ``None`` if it is used as a label, or names classes."""
    suffix, belongs = file.suffix.lower(), bool(keys & set(keys_of(file)))
    if file in images:
        return "in no class folder" if listing.format == class_folders.NAME else "images that the labels do not list"
    if file in labels:
        words = label_words(file)
        if listing.labels and words & _WORDS.get(task, frozenset()) and not words & INSTANCE_WORDS:
            return None
        return f"images that hold labels, not read for {task}"
    if file.name.lower() in NAMES or suffix in NAMES_SUFFIXES:
        return None if listing.class_names else "names of classes without labels"
    if listing.labels and suffix in LABEL_SUFFIXES and (belongs or suffix in (".json", ".xml")):
        return None
    if suffix in UNREAD:
        return f"of a kind that is not read ({suffix})"
    if suffix in LABEL_SUFFIXES:
        return f"not known as labels for {task}" if belongs or not listing.labels else "labels of no image"
    return "neither images nor labels"


def notes(root: Path, files: Sequence[Path], listing: Listing, task: str) -> tuple[str, ...]:
    """What to say of image files that are not used or whose names leave a doubt, and where labels were looked for."""
    said = []
    for reason, those in left_out(root, files, listing, task).items():
        if reason.startswith("images that hold labels"):
            said.append(f"{len(those)} files are taken for labels of images and not read for {task}{shown(those)}")
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
