"""Which plug-in code a job runs, and so which worker may do it.

A worker imports the code of some plug-ins and no others, and does the jobs that need exactly these: what such code
changes in a process reaches no job that does without it. Built-in code is everybody's.
"""

from __future__ import annotations

from pathlib import Path

from bench.api import Described, Frozen, Pair, Refiner, Task
from bench.plugins.registry import Registry

PlugIns = frozenset[Path | str]
"""Plug-in files, and names of installed packages that register plug-ins."""

BASES: dict[str, type] = {"pair": Pair, "refiner": Refiner, "task": Task}
"""Fields of job specifications that name a plug-in."""


def plug_ins_of(spec: Frozen, registry: Registry) -> PlugIns:
    """Where the plug-ins come from that a job's specification names; empty if all are built in."""
    named = ((base, getattr(spec, field, None)) for field, base in BASES.items())
    origins = (registry.origin(base, plug_in.name) for base, plug_in in named if isinstance(plug_in, Described))
    return frozenset(origin for origin in origins if origin is not None)
