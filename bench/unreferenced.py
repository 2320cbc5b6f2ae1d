"""What the store holds and no suite refers to: results of old code, of dropped refiners, of data that changed.

Suites are all that ship, and every ``suite.yaml`` in the folders beside the store (DESIGN §4). A suite refers to an
entry if its plan, resolved on what is cached, names it. The rest can be made again, and is only ever removed whole,
under its lock: an entry that a run is using at this moment stays.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

from bench.plan import make_plan
from bench.registry import Registry
from bench.runner import resolve_cached
from bench.store import Store
from bench.suite import Suite, load_suite, resolve, shipped


def suites_beside(store: Store) -> Iterator[Suite]:
    """The suites that ship, and those of the results folders beside the store.

    Raises
    ------
    UserError: a ``suite.yaml`` that is none.
    """
    for name in shipped():
        yield load_suite(name)
    for path in sorted(store.root.parent.glob("*/suite.yaml")):
        yield load_suite(str(path))


def unreferenced(store: Store, suites: Iterable[Suite], registry: Registry) -> list[tuple[str, int]]:
    """Keys of entries that none of the suites refers to, and the bytes of each; nothing is removed.

    Raises
    ------
    UserError: a suite that cannot be resolved (a plug-in is missing): what it needs cannot be told.
    """
    kept = {
        entry.key for suite in suites for entry in resolve_cached(make_plan(resolve(suite, registry)), store).values()
    }
    keys = sorted(path.name for path in (store.root / "objects").glob("*/*"))
    return [(key, _n_bytes(store.path(key))) for key in keys if key not in kept]


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
