"""What ``run`` and ``plan`` are asked for: a suite, a part of one, or a user's own folders; the same words for both.

The fields of :class:`Asked` are the options. Typer reads the options of a command from its signature, so :func:`asks`
gives a command that takes an :class:`Asked` the signature of its fields.
"""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

import typer

from bench.api import UserError
from bench.cli.options import PluginOption

if TYPE_CHECKING:
    from rich.console import Console

    from bench.plugins.registry import Registry
    from bench.run.plan.graph import Plan
    from bench.suites.load import Suite

DEFAULT_SUITE = "quick"
FIT_LINES = {
    "resize": "fit: images are stretched to the working size, whatever their shape",
    "letterbox": "fit: images keep their shape; what the working size has more is padded with grey",
}


@dataclass(frozen=True)
class Asked:
    """A command line, as far as it says what to compare."""

    suite: Annotated[str, typer.Argument(help="A shipped suite (see `list`) or the path of a suite file.")] = (
        DEFAULT_SUITE
    )
    plugin: PluginOption = None
    refiner: Annotated[
        list[str] | None,
        typer.Option(
            help="A refiner (or a variant of one) to add to the suite's tables; may be repeated. With --source: "
            "instead of histogram, reinhard and fda."
        ),
    ] = None
    task: Annotated[
        list[str] | None,
        typer.Option(
            help="Only the suite's tables of this task; may be repeated. With --source: what your labels are for, "
            "classification, detection, segmentation, depth or pose."
        ),
    ] = None
    model: Annotated[
        list[str] | None, typer.Option(help="Train this model instead of the tables' own; may be repeated.")
    ] = None
    row: Annotated[
        list[str] | None,
        typer.Option(help="Only this row beside `source`, as `adabn` or `refined fda:beta=0.05`; may be repeated."),
    ] = None
    seeds: Annotated[int | None, typer.Option(min=1, help="Task seeds of every table, instead of the suite's.")] = None
    source: Annotated[
        Path | None,
        typer.Option(help="Your labelled synthetic images, instead of a suite; needs --target and --task."),
    ] = None
    target: Annotated[Path | None, typer.Option(help="Your real images; labels are optional.")] = None
    target_test: Annotated[
        Path | None, typer.Option(help="Real test images of their own [half of --target, by content].")
    ] = None
    labelled_target: Annotated[
        bool,
        typer.Option("--labelled-target", help="Use the labels of the target's training half too: hybrid, oracle."),
    ] = False
    group_by: Annotated[
        str, typer.Option(help="Keep a video together in the split: folder, or prefix of the file name.")
    ] = ""
    classes: Annotated[str, typer.Option(help="Classes that count, as car+person [the source's].")] = ""
    depth_unit: Annotated[
        str,
        typer.Option(help="What depth files hold: mm, cm, m, a fraction as 1/5000m, disparity:F, or carla."),
    ] = ""
    target_depth_unit: Annotated[str, typer.Option(help="The same of --target, if it differs.")] = ""
    depth_range: Annotated[
        str, typer.Option(help="Nearest and farthest depth in metres, as 0.5+20 [from the source].")
    ] = ""
    mask_levels: Annotated[
        str,
        typer.Option(
            help="Masks with soft edges, or as JPEG: the levels that are classes, as 0+127+255; or nearest (class)."
        ),
    ] = ""
    size: Annotated[str, typer.Option(help="Working width and height, as 320x240 [by task and budget].")] = ""
    budget: Annotated[str, typer.Option(help="With --source: light, standard or paper [light].")] = "light"
    train_steps: Annotated[
        int | None, typer.Option(min=1, help="With --source: training steps instead of the budget's.")
    ] = None
    fit_steps: Annotated[
        int | None,
        typer.Option(min=1, help="The most steps a refiner's fit may take, to try a run out [as many as it needs]."),
    ] = None

    @functools.cached_property
    def registry(self) -> Registry:
        """What is built in and the plug-ins that were named."""
        from bench.plugins.registry import Registry

        return Registry(self.plugin or ())

    def to_suite(self) -> Suite:
        """The suite that is meant, unresolved.

        Raises
        ------
        UserError: no such suite or part of it; a suite and folders at once; folders that are no pair.
        """
        from bench.data.own.pair import OwnParams

        options = {name: getattr(self, name) for name in OwnParams.model_fields if name != "task"}
        texts = {name: "true" if value is True else str(value or "") for name, value in options.items()}
        return self._own(texts) if any(texts.values()) else self._named()

    def to_plan(self, suite: Suite, console: Console) -> Plan:
        """The jobs of the suite; says what was recognised of a user's own folders, and which plug-ins are broken."""
        from bench.run.plan import make_plan
        from bench.suites.resolve import resolve

        plan = make_plan(resolve(suite, self.registry))
        for file, reason in self.registry.broken.items():
            print(f"note: plug-in {file} {reason}; this run does not need it", file=sys.stderr)
        for table in plan.suite.tables[:1]:
            lines = table.pair.describe(table.budget.name)
            for line in (*lines, *([FIT_LINES[table.task.fit]] if lines else [])):
                console.print(line, markup=False, highlight=False, soft_wrap=True)
        for line in _files_seen(plan):
            console.print(line, markup=False, highlight=False, soft_wrap=True)
        if not plan.cells:
            console.print("The target has no labels: refined sets are made, and gains cannot be measured.")
        return plan

    def _named(self) -> Suite:
        from bench.suites.load import load_suite
        from bench.suites.narrow import narrowed, with_lengths, with_refiners

        part = narrowed(load_suite(self.suite), self.task or (), self.model or (), self.row or ())
        suite = with_refiners(part, self.refiner or ())
        return with_lengths(suite, self.seeds, self.fit_steps)

    def _own(self, options: dict[str, str]) -> Suite:
        from bench.suites.narrow import narrowed
        from bench.suites.own_folders import SEEDS, own_suite

        if self.suite != DEFAULT_SUITE:
            raise UserError(
                f"found suite {self.suite!r} beside --source and --target; name a suite, or your own folders"
            )
        if len(self.task or ()) > 1 or len(self.model or ()) > 1:
            raise UserError("your own folders are compared for one --task and one --model at a time; name one of each")
        suite = own_suite(
            (self.task or [""])[0],
            options,
            refiners=self.refiner or (),
            model=(self.model or [""])[0],
            budget=self.budget,
            seeds=self.seeds or SEEDS,
            train_steps=self.train_steps,
            fit_steps=self.fit_steps,
        )
        return narrowed(suite, rows=self.row or ())


def _files_seen(plan: Plan) -> list[str]:
    """What refiners say of the files behind the source, which is refused here if it cannot work."""
    lines = []
    for table in plan.suite.tables:
        refiners = {refined.variant: refined.refiner for _, refined in table.rows if refined is not None}
        size = (table.space.width, table.space.height)
        if refiners and (files := table.pair.source_files(size, table.task.fit, table.limits)):
            lines += [line for refiner in refiners.values() if (line := refiner.see_files(files))]
    return list(dict.fromkeys(lines))


def asks(command: Callable[..., None]) -> Callable[..., None]:
    """``command(asked, …)`` with the fields of :class:`Asked` as options in place of its first argument."""
    hints = get_type_hints(Asked, include_extras=True)
    options = [
        inspect.Parameter(
            field.name, inspect.Parameter.KEYWORD_ONLY, default=field.default, annotation=hints[field.name]
        )
        for field in fields(Asked)
    ]

    @functools.wraps(command)
    def called(**given: Any) -> None:
        command(Asked(**{option.name: given.pop(option.name) for option in options}), **given)

    _, *others = inspect.signature(command, eval_str=True).parameters.values()
    others = [other.replace(kind=inspect.Parameter.KEYWORD_ONLY) for other in others]
    called.__signature__ = inspect.Signature([*options, *others])  # type: ignore[attr-defined]
    return called
