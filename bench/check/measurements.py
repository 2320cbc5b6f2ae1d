"""Measurements against plan and records: every refined set has its own, of the records' data, with the flag they earn.

A folder that holds none at all, as one made before anything was measured, is said not to be checked.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from bench.api import UserError
from bench.check.folder import RUN_AGAIN, Finding, Results
from bench.results.documents import MEASUREMENTS, documents, is_published
from bench.results.measurement import Measurement, file_name, parse_measurement
from bench.run.jobs.label_preservation import Spec, flags_of
from bench.run.outputs.measurement import PlannedMeasure


def measurements(results: Results) -> Iterator[Finding]:
    """What the suite asks to be measured is there and readable, and nothing else is."""
    planned, found = _planned(results), list(documents(results.folder, MEASUREMENTS))
    if planned and not found:
        results.unchecked.append("label preservation and domain gap: the folder has no measurements")
        return
    present = set()
    for where, data in found:
        try:
            measured = parse_measurement(data, Path(where))
        except UserError as error:
            what = str(error).removeprefix(f"{where} ").partition("; ")[0]
            yield Finding(where, what, f"delete it and {RUN_AGAIN}")
            present.add(Path(where).name)
            continue
        name = file_name(measured.kind, measured.of) if is_published(results.folder) else Path(where).name
        present.add(name)
        if results.plan is not None and name not in planned:
            yield Finding(where, "is no measurement that suite.yaml asks for", f"delete it, or {RUN_AGAIN}")
            continue
        if measured.status == "failed":
            yield Finding(where, f"has no values: {measured.reason}", f"mend the cause and {RUN_AGAIN}")
            continue
        yield from (Finding(where, what, RUN_AGAIN) for what in _objections(results, measured, planned.get(name)))
    for name in sorted(planned.keys() - present):
        yield Finding(
            "suite.yaml", f"asks for a measurement that is not there: {name.removesuffix('.json')}", RUN_AGAIN
        )


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
