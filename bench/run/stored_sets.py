"""Image sets inside store entries: one ``.npy`` file a column, read back as memory maps.

An entry's meta describes its sets: ``{"sets": {split: {"columns": {name: {"file", "rows"}}, "assets": {…}}}}``. The
SHA-256 of a file is in the entry's manifest, so the digest of a column is known without reading it.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bench.api import Described
from bench.api.imageset import Column, ImageSet
from bench.api.refiner import SourceFile
from bench.run.store import Entry, digest_of


def save_array(file: Path, array: np.ndarray) -> str:
    """Write one ``.npy`` file; returns its name. Ordinary writes, so that a full disk is an error and not a crash."""
    with file.open("wb") as stream:
        np.lib.format.write_array(stream, np.ascontiguousarray(array), allow_pickle=False)
    return file.name


def save_blocks(file: Path, shape: tuple[int, ...], blocks: Iterable[np.ndarray], dtype: str = "uint8") -> str:
    """Write an array of ``shape`` block by block along its first axis; returns the file's name.

    Raises
    ------
    ValueError: the blocks do not add up to ``shape``.
    """
    n_rows = 0
    with file.open("wb") as stream:
        np.lib.format.write_array_header_1_0(
            stream, {"descr": np.dtype(dtype).str, "fortran_order": False, "shape": shape}
        )
        for block in blocks:
            if block.dtype != np.dtype(dtype) or block.shape[1:] != shape[1:]:
                raise ValueError(f"a block is {block.dtype} {block.shape}; expected {dtype} rows of shape {shape[1:]}")
            stream.write(np.ascontiguousarray(block).data)
            n_rows += len(block)
    if n_rows != shape[0]:
        raise ValueError(f"wrote {n_rows} rows; expected {shape[0]}")
    return file.name


def save_set(folder: Path, split: str, images: ImageSet, columns: Iterable[str]) -> dict[str, Any]:
    """Write the named columns and all assets of a split; returns its description for the entry's meta."""
    described: dict[str, Any] = {"columns": {}, "assets": {}}
    for name in columns:
        column = images.columns[name]
        shape, blocks = (len(column), *column.array.shape[1:]), (column.take(rows) for rows in column.blocks())
        file = save_blocks(folder / f"{split}.{name}.npy", shape, blocks, column.array.dtype.str)
        described["columns"][name] = {"file": file, "rows": None}
    for name, array in images.assets.items():
        described["assets"][name] = save_array(folder / f"{split}.asset.{name}.npy", array)
    return described


def load_set(entry: Entry, split: str) -> ImageSet:
    """The image set ``split`` of an entry, its arrays memory-mapped."""
    return open_set(entry.path, entry.meta["sets"][split])


def open_set(folder: Path, described: Mapping[str, Any], files: Sequence[str] = ()) -> ImageSet:
    """The set that :func:`save_set` described, its arrays memory-mapped; ``files`` names the file of each row."""
    columns = {
        name: Column(_open(folder, column["file"]), _open(folder, column["rows"]) if column["rows"] else None)
        for name, column in described["columns"].items()
    }
    assets = {name: np.array(_open(folder, file)) for name, file in described["assets"].items()}
    return ImageSet(columns, assets, files)


def source_files(entry: Entry) -> dict[str, list[SourceFile]]:
    """The files behind each split's rows, where they are known."""
    return {
        split: [
            SourceFile(file["path"], tuple(file["native_size"]), tuple(file["placement"]))
            for file in described["files"]
        ]
        for split, described in entry.meta["sets"].items()
        if "files" in described
    }


def file_names(entry: Entry) -> dict[str, list[str]]:
    """The names of the files behind each split's rows, below the folder that holds them all, wherever that lies."""
    files = {split: [file.path for file in those] for split, those in source_files(entry).items()}
    if not any(files.values()):
        return {}
    root = os.path.commonpath([str(Path(path).parent) for those in files.values() for path in those])
    return {split: [os.path.relpath(path, root) for path in those] for split, those in files.items()}


def files_seen(refiner: Described, source: Entry) -> dict[str, Any]:
    """What a job's key says of the source's files: their names, for a refiner that reads files of its own.

    It may match those by name: the same pixels under other names are another input to it.
    """
    return {"files": file_names(source)} if refiner.contents else {}


def column_digests(entry: Entry, split: str, names: Iterable[str]) -> dict[str, Any]:
    """Content digests of the columns of ``names`` that the split has, and of its assets: ``{name: [array, rows]}``."""
    described: Mapping[str, Any] = entry.meta["sets"][split]
    digests: dict[str, Any] = {
        name: [entry.files[column["file"]], entry.files[column["rows"]] if column["rows"] else None]
        for name, column in described["columns"].items()
        if name in names
    }
    digests.update({f"asset.{name}": entry.files[file] for name, file in described["assets"].items()})
    return digests


def _open(folder: Path, file: str) -> np.ndarray:
    array: np.ndarray = np.load(folder / file, mmap_mode="r", allow_pickle=False)
    return array


def pair_digest(source: Entry, target: Entry) -> str:
    """SHA-256 over the contents of all splits of a pair."""
    return digest_of([source.files, target.files])
