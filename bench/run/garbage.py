"""What the store holds and no suite refers to: results of old code, of dropped refiners, of data that changed.

Suites are all that ship, and every ``suite.yaml`` in the folders beside the store: one that was run has to resolve, one
that ships may stand on data that are not here. A suite refers to an entry if its plan, resolved on what is
cached, names it. The rest can be made again, and is only ever removed whole, under its lock: an entry that a run is
using at this moment stays.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Set
from contextlib import suppress
from pathlib import Path

from bench.api import UserError
from bench.api.errors import DataError
from bench.plugins.registry import Registry
from bench.run.plan import make_plan
from bench.run.runner import resolve_cached
from bench.run.store import Store
from bench.suites.load import Suite, load_suite, shipped
from bench.suites.resolve import resolve


def referenced(store: Store, suites: Iterable[Suite], registry: Registry) -> set[str]:
    """Keys of the entries that suites refer to.

    Raises
    ------
    UserError: a suite that cannot be resolved (a plug-in is missing): what it needs cannot be told.
    """
    plans = (make_plan(resolve(suite, registry)) for suite in suites)
    return {entry.key for plan in plans for entry in resolve_cached(plan, store).values()}


def referenced_here(store: Store, registry: Registry) -> set[str]:
    """Keys of the entries that the suites that ship and those of the results folders beside the store refer to.

    Raises
    ------
    UserError: a ``suite.yaml`` that is none, or that cannot be resolved.
    """
    keys = referenced(store, [load_suite(str(path)) for path in store.root.parent.glob("*/suite.yaml")], registry)
    for name in shipped():
        with suppress(UserError, DataError):  # of a pair whose data are not here nothing can be in the store
            keys |= referenced(store, [load_suite(name)], registry)
    return keys


def unreferenced(store: Store, keys: Set[str]) -> dict[str, int]:
    """Bytes by key of the entries that are not among ``keys``; nothing is removed."""
    present = sorted(path.name for path in (store.root / "objects").glob("*/*"))
    return {key: _n_bytes(store.path(key)) for key in present if key not in keys}


def remove(store: Store, keys: Iterable[str]) -> list[str]:
    """Remove entries; returns those that went. One whose lock another process holds stays."""
    removed = []
    for key in keys:
        with store.lock(key) as free:
            if free:
                shutil.rmtree(store.path(key))
                removed.append(key)
    return removed


def _n_bytes(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.iterdir())
