"""What a run leaves in its results folder beside the records of its cells, once the jobs behind it are done.

A :class:`Product` names its jobs by role and the files that it will write. The runner has them written as soon as the
last of those jobs is done or has failed. A cell does not depend on a product: a failed one fails no row. Each kind has
a folder of its own below the results folder, in which files that no product of the plan names are removed, as records
of cells that left the suite are.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from bench.results.documents import GALLERY, MEASUREMENTS
from bench.run.store import Entry

FOLDERS = (GALLERY, MEASUREMENTS)
"""The folders of all kinds of product: each holds what the plan at hand asks for and nothing else."""


class Product(ABC):
    """Files of a results folder that some jobs make possible.

    Attributes
    ----------
    folder: of this kind, one of :data:`FOLDERS`.
    label: what the terminal calls it.
    jobs: recipe ids by role.
    files: names below ``folder`` that it writes, done or failed.
    awaited_by: the key (``Cell.table``) of the leaderboard that shows it and so is printed after it, if any.
    """

    folder: ClassVar[str]
    jobs: Mapping[str, str]

    @property
    @abstractmethod
    def label(self) -> str: ...

    @property
    @abstractmethod
    def files(self) -> tuple[str, ...]: ...

    @property
    @abstractmethod
    def awaited_by(self) -> tuple[str, ...] | None: ...

    @abstractmethod
    def write(self, results: Path, entries: Mapping[str, Entry], failed: Mapping[str, str], suite: str) -> None:
        """Write the files below ``results / folder``.

        Parameters
        ----------
        entries: of the jobs that are done, by role.
        failed: of the others, by role, why each failed: the files say what is not there, and why.
        """
