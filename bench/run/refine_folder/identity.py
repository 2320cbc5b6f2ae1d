"""What an output folder is: the refinement that made it, as ``realgain.json`` in it says.

A folder belongs to one refinement: the refiner with its parameters, its code, budget, seed and size, and both input
folders. Anything else is refused, so that images of two refinements, or of two states of a plug-in's code, never mix.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench import __version__
from bench.api import Described, UserError
from bench.data.fitting import Size
from bench.data.whole_folder import FolderSpec

MANIFEST = "realgain.json"
STAGE = "realgain.partial"
"""Inside an output folder that existed before: where files are written until all are there."""
IN_WORDS = {
    "code": "the refiner's code has changed",
    "contents": "the files that the refiner's parameters name have changed",
    "source": "the source folder has changed (names, sizes or times of its files)",
    "target": "the target folder has changed (names, sizes or times of its files)",
}
"""How a difference is said whose values would say nothing."""


def identity_of(
    variant: str,
    described: Described,
    *,
    code: str,
    budget: str,
    seed: int,
    size: Size | None,
    source: FolderSpec,
    target: FolderSpec,
) -> dict[str, Any]:
    """All that determines the files of an output folder, JSON values only; ``code`` is the digest of the refiner's."""
    return {
        "made_by": f"realgain {__version__}",
        "refiner": variant,
        "parameters": described.params,
        "refiner_version": described.version,
        "code": code,
        "contents": described.contents,
        "budget": budget,
        "seed": seed,
        "size": list(size) if size else "native",
        "source": source.digest,
        "target": target.digest,
    }


@dataclass(frozen=True)
class Before:
    """What an output folder holds of this very refinement: SHA-256 by relative path, and which files are missing."""

    files: Mapping[str, str]
    missing: frozenset[str]


def inspect(out: Path, identity: Mapping[str, Any]) -> Before | None:
    """What is in the output folder already; ``None`` where it is new or empty.

    Raises
    ------
    UserError: the folder holds other files, another refinement, or files of this one that were changed since.
    """
    if out.exists() and not out.is_dir():
        raise UserError(f"--out {out} is a file; name a new folder")
    manifest = out / MANIFEST
    if not manifest.is_file():
        if out.is_dir() and any(path.name != STAGE for path in out.iterdir()):
            raise UserError(f"--out {out} exists and holds other files; name a new folder")
        return None
    before = _read(manifest)
    for key, value in identity.items():
        if before.get(key) != value:
            what = IN_WORDS.get(key) if key in before else None
            what = what or f"{key} was {before.get(key)!r} and is {value!r}"
            raise UserError(
                f"--out {out} holds another refinement: {what}; name a new folder, or delete that one to have it "
                "written again"
            )
    if not before.get("complete"):
        raise UserError(f"--out {out} was never finished; delete it, then run the same command again")
    files: dict[str, str] = {**before["images"], **before["others"]}
    missing = frozenset(name for name in files if not (out / name).is_file())
    changed = [name for name in files if name not in missing and digest_of_file(out / name) != files[name]]
    if changed:
        others = f" and {len(changed) - 1} others" if changed[1:] else ""
        raise UserError(
            f"--out {out}: {changed[0]}{others} changed since they were written; name a new folder, or delete what "
            "changed to have it written again"
        )
    return Before(files, missing)


def _read(manifest: Path) -> dict[str, Any]:
    try:
        content = json.loads(manifest.read_bytes())
    except ValueError:
        content = None
    if not isinstance(content, dict) or "refiner" not in content:
        raise UserError(f"{manifest} does not say what the folder holds; name a new folder for --out")
    return content


def digest_of_file(path: Path) -> str:
    """SHA-256 of a file, hex."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
