"""The suite behind ``python -m bench run --source DIR --target DIR --task T``: one table on a user's own folders."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import get_args

from pydantic import ValidationError

from bench.api import Limits, UserError
from bench.api.names import join_variant, split_variant, unknown
from bench.data.depth_units import ALLOWED as ALLOWED_UNITS
from bench.data.folders import printable
from bench.data.formats import FORMATS
from bench.data.own.pair import OwnPair, OwnParams
from bench.suites.load import Suite, TableEntry, checked, suite_name

REFINERS = ("histogram", "reinhard", "fda:beta=0.05")
"""Compared where none is named: those that need no training, so that a first answer comes soon."""
FOLDERS = ("source", "target", "target_test")
SEEDS = 3
LABELLED_IMAGES = (20, 10, 5, 2)
"""Of the target, lent to ``hybrid``: the first of these that two thirds of its training half can give."""


EXPECTED = {
    "size": "width and height in pixels, as 320x240",
    "depth_range": "nearest and farthest depth in metres, as 0.5+20",
    "depth_unit": ALLOWED_UNITS,
    "target_depth_unit": ALLOWED_UNITS,
    "mask_levels": "nearest, or the levels that are classes in order, as 0+127+255",
    "group_by": "folder or prefix",
}
"""What the options of the pair that may be wrong have to be, as the command line says it."""


def own_suite(
    task: str,
    options: Mapping[str, str],
    *,
    refiners: Sequence[str] = (),
    model: str = "",
    budget: str = "light",
    seeds: int = SEEDS,
    train_steps: int | None = None,
    fit_steps: int | None = None,
) -> Suite:
    """A table of ``source`` and ``refined``, and of the arms with real labels where they are lent.

    Parameters
    ----------
    options: those of the pair (:class:`bench.data.own.pair.OwnParams`) as text; folders are made absolute, so that the
        saved suite runs from anywhere.

    Raises
    ------
    UserError: no source, target, task or such budget, a folder's path that a suite cannot hold, or more of anything
        than a suite may have.
    """
    if missing := [f"--{key}" for key in ("source", "target") if not options[key]] + ["--task"] * (not task):
        raise UserError(
            f"your own folders need --source DIR, --target DIR and --task ({', '.join(FORMATS)}); there is no "
            f"{missing[0]}"
        )
    if task.partition(":")[0] not in FORMATS:
        raise unknown("task for your own folders", task, FORMATS)
    if budget not in (budgets := get_args(TableEntry.model_fields["budget"].annotation)):
        raise unknown("budget", budget, budgets)
    stated = {"task": task.partition(":")[0]}
    for key, value in options.items():
        if not value:
            continue
        if key not in FOLDERS:
            stated[key] = value.replace(",", "+")  # both separate what a list holds
            continue
        stated[key] = str(Path(value).absolute())
        if "," in stated[key]:
            raise UserError(
                f"--{key.replace('_', '-')} {stated[key]}: a comma would end the path in the suite that is written; "
                "rename the folder, or name a link to it"
            )
        if (shown := printable(stated[key])) != stated[key]:
            raise UserError(
                f"--{key.replace('_', '-')} {shown}: the folder's path is no UTF-8 text, and the suite that is written "
                "holds it; rename the folder, or name a link to it (names of files inside it may be anything)"
            )
    try:
        params = OwnParams.model_validate(stated)
    except ValidationError as error:
        key = str(error.errors()[0]["loc"][0])
        raise UserError(f"--{key.replace('_', '-')}: found {stated[key]!r}; expected {EXPECTED[key]}") from None
    arms = ["refined"]
    if stated.get("labelled_target"):
        n_train = OwnPair(params).counts(Limits())["target_train"]
        arms += [f"hybrid@{next((k for k in LABELLED_IMAGES if 3 * k <= 2 * n_train), 1)}", "oracle"]
    source, target = (Path(stated[side]).name for side in ("source", "target"))
    entry = {
        "pair": join_variant("own", stated),
        "task": task,
        "model": model,
        "budget": budget,
        "seeds": seeds,
        "refiners": [*(refiners or REFINERS)],
        "arms": arms,
        "train_steps": train_steps,
        "fit_steps": fit_steps,
    }
    name, title = suite_name(f"{source}-{target}-{task}"), f"{source} to {target}: a user's own folders"
    return checked({"name": name, "title": title, "tables": [entry]})


def folders_of(pairs: Sequence[str]) -> tuple[str, ...]:
    """The folders that pairs ``own`` of a suite name; none of other pairs."""
    own = [options for name, options in map(split_variant, pairs) if name == "own"]
    return tuple(dict.fromkeys(options[key] for options in own for key in FOLDERS if key in options))
