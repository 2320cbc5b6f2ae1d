"""Command-line options that describe a user's own folders, shared by the commands that take them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

SourceOption = Annotated[
    Path | None,
    typer.Option("--source", help="Your labelled synthetic images, instead of a suite; needs --target and --task."),
]
TargetOption = Annotated[Path | None, typer.Option("--target", help="Your real images; labels are optional.")]
TargetTestOption = Annotated[
    Path | None, typer.Option("--target-test", help="Real test images of their own [half of --target, by content].")
]
GroupByOption = Annotated[
    str, typer.Option("--group-by", help="Keep a video together in the split: folder, or prefix of the file name.")
]
DepthUnitOption = Annotated[
    str, typer.Option("--depth-unit", help="What a step of 16-bit depth files is: mm, cm, m or 1/256m.")
]
TargetDepthUnitOption = Annotated[str, typer.Option("--target-depth-unit", help="The same of --target, if it differs.")]
DepthRangeOption = Annotated[
    str, typer.Option("--depth-range", help="Nearest and farthest depth in metres, as 0.5+20 [from the source].")
]
ClassesOption = Annotated[str, typer.Option("--classes", help="Classes that count, as car+person [the source's].")]
SizeOption = Annotated[str, typer.Option("--size", help="Working width and height, as 320x240 [by task and budget].")]
LabelledOption = Annotated[
    bool, typer.Option("--labelled-target", help="Use the labels of the target's training half too: hybrid, oracle.")
]
BudgetOption = Annotated[str, typer.Option("--budget", help="With --source: light, standard or paper [light].")]
StepsOption = Annotated[
    int | None, typer.Option("--train-steps", min=1, help="With --source: training steps instead of the budget's.")
]


def texts(
    *,
    source: Path | None,
    target: Path | None,
    target_test: Path | None,
    group_by: str,
    depth_unit: str,
    target_depth_unit: str,
    depth_range: str,
    classes: str,
    size: str,
    labelled_target: bool,
) -> dict[str, str]:
    """The options of the pair ``own`` as text, empty where they are not given."""
    return {
        "source": str(source or ""),
        "target": str(target or ""),
        "target_test": str(target_test or ""),
        "group_by": group_by,
        "depth_unit": depth_unit,
        "target_depth_unit": target_depth_unit,
        "depth_range": depth_range,
        "classes": classes,
        "size": size,
        "labelled_target": "true" if labelled_target else "",
    }
