"""Whether a job reads what the store promised: entries that something wrote into after they were made.

The manifest is an entry's last file. A file that changed later than it is read again and held against its digest; the
others cost one ``stat`` each.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from bench.run.store import MANIFEST, Entry


class Altered(Exception):
    """An input is not what was stored."""


def check_inputs(inputs: Mapping[str, Entry]) -> None:
    """Raise :class:`Altered` for the first file that is missing or has another content than its digest says."""
    for role, entry in inputs.items():
        try:
            made_at = (entry.path / MANIFEST).stat().st_mtime_ns
            changed = [name for name in entry.files if (entry.path / name).stat().st_mtime_ns > made_at]
            for name in changed:
                with (entry.path / name).open("rb") as stream:
                    if hashlib.file_digest(stream, "sha256").hexdigest() != entry.files[name]:
                        raise Altered(f"{name} of its input {role} was written over ({entry.path}); run again")
        except FileNotFoundError as error:
            raise Altered(f"a file of its input {role} was removed ({error.filename}); run again") from error
