"""How files of a results folder are written: strict schemas, atomic writes."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, model_validator

from bench.api import UserError
from bench.api.plain_text import clean


class Strict(BaseModel):
    """Base of all that results folders hold: immutable, unknown keys refused, infinities as strings, no controls."""

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="strings")

    @model_validator(mode="before")
    @classmethod
    def _without_controls(cls, stated: Any) -> Any:
        """No control character enters a results folder, nor leaves one: neither a terminal nor a page gets any."""
        return clean(stated)


def write_atomically(path: Path, data: bytes) -> None:
    """Write to a temporary name beside ``path``, sync, rename: readers see the old file or the new one."""
    if path.is_dir():
        raise UserError(f"{path} is a folder, where a file is to be written; rename it, or name another results folder")
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
