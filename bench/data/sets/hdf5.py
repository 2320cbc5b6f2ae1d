"""Opening HDF5 files: h5py is the extra ``sets``, and a file that cannot be read is named."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench.api import UserError
from bench.api.errors import DataError


@contextmanager
def opened_hdf5(path: Path) -> Iterator[Any]:
    """The file, open for reading.

    Raises
    ------
    UserError: h5py is not installed.
    DataError: no HDF5 file, or a damaged one.
    """
    try:
        import h5py
    except ModuleNotFoundError:
        raise UserError(f"{path} needs h5py; run `python -m pip install 'realgain[sets]'`") from None
    try:
        with h5py.File(path, "r") as content:
            yield content
    except (OSError, KeyError) as error:
        raise DataError(f"{path} cannot be read as HDF5 ({str(error).splitlines()[0]}); fetch it again") from None
