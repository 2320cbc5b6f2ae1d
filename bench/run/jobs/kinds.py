"""The kinds of job, one module each (docs/design.md, Jobs).

*prepare, fit, refine, train, adapt* and *score* make scores; *features, domain_gap, judge* and *label_preservation*
measure refined sets; *select* watches checkpoints; *gallery* draws pictures. *sample* and *refine_files* are those of
``bench refine``, beside its plan.

A kind is a module with four names; :data:`KINDS` lists them:

``Spec``
    what the job is, by description alone (a frozen pydantic model);
``action(spec, inputs)``
    all that determines the result once the inputs exist: content digests instead of names. Its hash is the action key
    under which the store keeps the result, so equal work is done once, whoever asks for it;
``run(spec, inputs, folder, work)``
    do it, in a worker: fill ``folder``, return JSON-able meta;
``estimate(spec, counts)``
    prior (seconds on one core, bytes in the store) for the dry run.

A result is kept under the hash of its action and of the code behind ``run`` (:mod:`bench.run.code.digest`), so an
edit of either makes it again. ``VERSION`` of a module is part of the action: what published records are held against.
Raise it when results made before should not stand beside results made now; an edit that changes no result needs no
new one. torch is imported inside ``run`` only.
"""

from __future__ import annotations

from types import ModuleType

from bench.run.jobs import (
    adapt,
    domain_gap,
    features,
    fit,
    judge,
    label_preservation,
    prepare,
    refine,
    score,
    select,
    train,
)
from bench.run.jobs import (
    draw_gallery as gallery,
)
from bench.run.refine_folder import refine_files, sample

KINDS: dict[str, ModuleType] = {
    "prepare": prepare,
    "fit": fit,
    "refine": refine,
    "sample": sample,
    "refine_files": refine_files,
    "train": train,
    "adapt": adapt,
    "score": score,
    "select": select,
    "features": features,
    "domain_gap": domain_gap,
    "judge": judge,
    "label_preservation": label_preservation,
    "gallery": gallery,
}

WORK = frozenset(KINDS) - {"prepare", "sample"}
"""Kinds whose time is the benchmark's subject; all other wall time is the harness's own."""
