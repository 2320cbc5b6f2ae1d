"""Measurements against plan and records: every refined set has its own, of the records' data, with the flag they earn.

A folder that holds none at all, as one made before anything was measured, is said not to be checked.
"""

from __future__ import annotations

from collections.abc import Iterator

from bench.api import UserError
from bench.check.folder import RUN_AGAIN, Finding, Results
from bench.results.measurement import FOLDER, Measurement, read_measurement
from bench.run.jobs.label_preservation import Spec, flags_of
from bench.run.outputs.measurement import PlannedMeasure


def measurements(results: Results) -> Iterator[Finding]:
    """What the suite asks to be measured is there and readable, and nothing else is."""
    planned, paths = _planned(results), sorted((results.folder / FOLDER).glob("*.json"))
    if planned and not paths:
        results.unchecked.append("label preservation and domain gap: the folder has no measurements")
        return
    for name in sorted(planned.keys() - {path.name for path in paths}):
        yield Finding(
            "suite.yaml", f"asks for a measurement that is not there: {name.removesuffix('.json')}", RUN_AGAIN
        )
    for path in paths:
        where = f"{FOLDER}/{path.name}"
        try:
            found = read_measurement(path)
        except UserError as error:
            what = str(error).removeprefix(f"{path} ").partition("; ")[0]
            yield Finding(where, what, f"delete it and {RUN_AGAIN}")
            continue
        if results.plan is not None and path.name not in planned:
            yield Finding(where, "is no measurement that suite.yaml asks for", f"delete it, or {RUN_AGAIN}")
            continue
        if found.status == "failed":
            yield Finding(where, f"has no values: {found.reason}", f"mend the cause and {RUN_AGAIN}")
            continue
        yield from (Finding(where, what, RUN_AGAIN) for what in _objections(results, found, planned.get(path.name)))


def _planned(results: Results) -> dict[str, PlannedMeasure]:
    """The plan's measurements by file name."""
    products = results.plan.products if results.plan else ()
    return {name: product for product in products if isinstance(product, PlannedMeasure) for name in product.files}


def _objections(results: Results, found: Measurement, planned: PlannedMeasure | None) -> Iterator[str]:
    """What is wrong with a readable measurement."""
    digests = {r.pair.digest for r in results.scored.values() if r.pair and r.cell.table == found.of.table}
    if digests and found.digests.get("pair") not in digests:
        yield "was taken of another version of the pair than the records"
    if planned is None:
        return
    for key in sorted(planned.versions.keys() | found.versions.keys()):
        made, now = found.versions.get(key, "none"), planned.versions.get(key, "none")
        if made != now:
            yield f"made with version {made[:12]} of its {key.replace('_', ' ')}, the code at hand has {now[:12]}"
    spec = results.jobs[planned.jobs["measure"]].spec
    if isinstance(spec, Spec):
        earned = flags_of(found.values, spec.labels_have_place)
        if tuple(earned) != found.flags:
            stated, due = (", ".join(flags) or "none" for flags in (found.flags, earned))
            yield f"its flags are {stated}, its values give {due}"


RULES = (measurements,)
