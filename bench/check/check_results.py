"""``python -m bench check``: what a referee would object to in a results folder, a line an objection.

The folder is taken at its word and then held to it: what ``suite.yaml`` asks for is planned anew with the code at hand,
and every record is compared with the plan (:mod:`.planned`), with the other records (:mod:`.agreement`), with its own
statistics, and with the data and predictions as they come out here (:mod:`.rescoring`); measurements are held to plan
and records as well (:mod:`.measured`), and the pages are built again from both (:mod:`.pages`). Nothing is trained and
nothing in the folder is changed.

A rule is a generator of :class:`Finding` from :class:`Results`; what it cannot look at it says in
``results.unchecked``. Equal objections to several records are one line. Imports no torch itself; a pair's own code may.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.check.folder import Finding, Results, joined, read_results
from bench.plugins.registry import Registry
from bench.run.store import Store


@dataclass(frozen=True)
class Verdict:
    """``findings`` are objections; ``unchecked`` says what was not looked at, and why; ``rescored`` cells by file."""

    n_records: int
    findings: tuple[Finding, ...]
    unchecked: tuple[str, ...]
    rescored: tuple[str, ...]


def check_results(
    folder: Path,
    registry: Registry,
    store: Store | None = None,
    n_cells: int = 20,
    seed: int | None = None,
    data: bool = True,
) -> Verdict:
    """Hold a results folder to every rule.

    Parameters
    ----------
    store: where prepared data and stored predictions are looked up; without it data are prepared anew and statistics
        alone are re-scored.
    n_cells, seed: how many cells are re-scored, and what draws them (``None``: another draw each time).
    data: whether pairs that no store holds are prepared anew, to compare their digests.

    Raises
    ------
    UserError: no such folder, or no records in it.
    """
    from bench.check import against_plan as planned
    from bench.check import among_records as agreement
    from bench.check import measurements as measured
    from bench.check import pages
    from bench.check.rescore import Rescoring

    results = read_results(folder, registry)
    with tempfile.TemporaryDirectory() as scratch:
        rescoring = Rescoring(results, registry, store, Store(Path(scratch)), n_cells, seed, data)
        rules: tuple[Callable[[Results], Iterator[Finding]], ...] = (
            *planned.RULES,
            *agreement.RULES,
            *measured.RULES,
            *rescoring.rules,
            *pages.RULES,
        )
        findings = [*results.unreadable, *(finding for rule in rules for finding in _applied(rule, results))]
    return Verdict(len(results.records), joined(findings), tuple(dict.fromkeys(results.unchecked)), rescoring.drawn)


def _applied(rule: Callable[[Results], Iterator[Finding]], results: Results) -> Iterator[Finding]:
    """What a rule finds; if it breaks off, that is a finding too, and the other rules go on."""
    name = getattr(rule, "__name__", type(rule).__name__).replace("_", " ")
    try:
        yield from rule(results)
    except Exception as error:
        what = f"could not be looked through: {type(error).__name__}: {' '.join(str(error).split())}"
        yield Finding(f"rule {name!r}", what, "mend the cause, then check again")
