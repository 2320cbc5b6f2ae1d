"""MkDocs hook: pages made of the code, and the navigation around them.

* ``refiners/NAME.md``: the docstrings of the refiner's file (paper, objective, deviations), its parameters with their
  defaults, what it reads, and what it cost in the published results.
* ``tasks/NAME.md``: the docstring of the task's file, metrics, options, budgets, models.
* ``pairs/NAME.md`` of a rendered pair: a contact sheet, the docstring of its generator, sizes and splits.
* ``contracts.md``: the docstrings of :mod:`bench.api` that a plug-in's author needs.

Docstrings are Markdown but for roles, underlined headings and simple tables, which are rewritten. Links that leave the
pages (results, examples) are shown as paths: the site stands alone.
"""

from __future__ import annotations

import ast
import inspect
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any, Literal, get_args, get_origin

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from bench import api  # noqa: E402
from bench.api import imageset  # noqa: E402
from bench.plugins.registry import Registry  # noqa: E402
from bench.results.record import read_records  # noqa: E402

CONTRACTS: tuple[tuple[Any, tuple[str, ...]], ...] = (
    (api.Refiner, ("fit", "refine", "state_dict", "load_state_dict", "predictor")),
    (api.FitContext, ()),
    (api.RefineBatch, ()),
    (api.Reads, ()),
    (api.Need, ()),
    (api.Budget, ()),
    (api.Checkpoint, ("load", "save")),
    (imageset.ImageSet, ("from_arrays", "take", "select", "only")),
    (imageset.UnlabelledImages, ("images",)),
    (api.Task, ("build", "loss", "predict", "statistics", "score", "contributions")),
    (api.Metric, ()),
    (api.ModelSpec, ()),
    (api.LabelSpace, ()),
    (api.Pair, ("size", "counts", "source", "target")),
    (api.SourceSplits, ()),
    (api.TargetSplits, ()),
    (api.Limits, ()),
)

SIGNS = {"gt": ">", "ge": "≥", "lt": "<", "le": "≤"}


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Expand the navigation's ``folder/*`` and ``*`` to the pages that no other entry names."""
    pages = {path.relative_to(config.docs_dir).as_posix() for path in Path(config.docs_dir).rglob("*.md")}
    pages |= generated().keys()
    named = {entry for entry in _entries(config.nav) if not entry.endswith("*")}

    def expand(entries: list[Any]) -> Iterator[Any]:
        for entry in entries:
            if isinstance(entry, dict):
                yield {title: list(expand(value)) for title, value in entry.items()}
            elif entry.endswith("*"):
                folder = entry.removesuffix("*")
                yield from sorted(p for p in pages - named if p.rpartition("/")[0] == folder.rstrip("/"))
            else:
                yield entry

    config.nav = list(expand(config.nav or []))
    return config


def _entries(nav: Any) -> Iterator[str]:
    for entry in nav:
        if isinstance(entry, str):
            yield entry
        else:
            for value in entry.values():
                yield from _entries(value)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the generated pages."""
    for path, content in generated().items():
        files.append(File.generated(config, path, content=content))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Links out of the pages become paths, seen from the repository's root."""

    def shown(match: re.Match[str]) -> str:
        target = (Path(config.docs_dir) / page.file.src_path).parent / match[2].partition("#")[0]
        inside = target.resolve()
        if inside.is_relative_to(config.docs_dir) or not inside.is_relative_to(ROOT):
            return match[0]
        return f"{match[1]} (`{inside.relative_to(ROOT)}`)"

    return re.sub(r"(?<!!)\[([^\]]+)\]\((\.\./[^)]+)\)", shown, markdown)


def generated() -> dict[str, str]:
    """All generated pages by their path."""
    registry = Registry()
    pages = {"contracts.md": _contracts_page()}
    cost = _recorded_cost()
    for file in sorted((ROOT / "refiners").glob("[a-z]*.py")):
        cls = registry.get(api.Refiner, file.stem)
        pages[f"refiners/{file.stem}.md"] = _refiner_page(cls, file, cost.get(file.stem, []))
    for file in sorted((ROOT / "tasks").glob("[a-z]*.py")):
        pages[f"tasks/{file.stem}.md"] = _task_page(registry.get(api.Task, file.stem), file)
    for name in registry.names(api.Pair):
        if not (file := ROOT / "pairs" / "rendered" / f"{name}.py").is_file():
            continue
        pages[f"pairs/{name}.md"] = _pair_page(registry.pair(name)[0], file)
    return pages


def _refiner_page(cls: type[api.Refiner], file: Path, cost: list[str]) -> str:
    source = cls() if not _required(cls.Params) else None
    reads = [f"`{name}`" for name in sorted(cls.reads.required)]
    reads += [f"`{name}` where there is one" for name in sorted(cls.reads.optional)]
    needs = {
        api.Need.TASK_LOSS: "the task's network and loss",
        api.Need.SOURCE_MODEL: "a network trained on the source",
    }
    facts = [
        f"*Reads* {', '.join(reads) if reads else 'no label'}.",
        f"*Needs* {' and '.join(needs[need] for need in sorted(cls.needs))}." if cls.needs else "",
        "*Trains* a task network of its own: arm `end_to_end`." if source and source.joint else "",
        f"*Version* {cls.version}; file `{file.relative_to(ROOT)}`.",
    ]
    measured = "\n".join(["| results | variant | fit, s | refine, s |", "|---|---|---:|---:|", *cost])
    return "\n\n".join(
        [
            f"# `{cls.name}`",
            f"**{(inspect.getdoc(cls) or '').partition(chr(10))[0]}**",
            " ".join(filter(None, facts)),
            "## Method",
            _markdown(_docstring(file)),
            "## Parameters",
            _parameters(cls.Params),
            "## Cost measured",
            f"Medians of the published records, on two shared CPU cores:\n\n{measured}"
            if cost
            else "No published result has a row of it yet.",
        ]
    )


def _task_page(cls: type[api.Task], file: Path) -> str:
    metrics = [
        f"| `{metric.name}` | {metric.unit or '–'} | {'higher' if metric.higher_is_better else 'lower'} |"
        for metric in cls.metrics
    ]
    budgets = [f"| `{b.name}` | {b.train_steps:,} | {b.batch_size} |" for b in cls.budgets.values()]
    models = [
        f"| `{m.name}`{' (default)' if m.name == cls.default_model else ''} | {_cell(m.summary)} | {m.ms_per_image:g} |"
        for m in cls.models.values()
    ]
    return "\n\n".join(
        [
            f"# `{cls.name}`",
            _markdown(_docstring(file)),
            "## Metrics",
            "The first one ranks.",
            "\n".join(["| metric | unit | better |", "|---|---|---|", *metrics]),
            "## Options",
            _parameters(cls.Params),
            "## Budgets",
            "\n".join(["| budget | steps | batch |", "|---|---:|---:|", *budgets]),
            f"Recipe `strong` uses: {', '.join(sorted(cls.augmentations))}.",
            "## Models",
            "\n".join(["| model | what | prior, ms an image |", "|---|---|---:|", *models]),
            "The prior is what the dry run estimates with: a training step on one CPU core, divided by the batch.",
        ]
    )


def _pair_page(pair: api.Pair, file: Path) -> str:
    width, height = pair.size(min(pair.tasks), "light")
    counts = [f"| `{split}` | {n_images:,} |" for split, n_images in pair.counts(api.Limits()).items() if n_images]
    return "\n\n".join(
        [
            f"# `{pair.name}`",
            f"**{pair.title}**. Both sides are rendered: the target stands in for photographs, which could not be "
            "shipped, and is called so in every table. [How the rendered pairs are made](rendered.md).",
            f"![Contact sheet of {pair.name}: source, target, the labels of both drawn on them]({pair.name}.webp)",
            f"Tasks: {', '.join(f'`{task}`' for task in sorted(pair.tasks))}. Classes: {', '.join(pair.class_names)}. "
            f"{width} × {height} pixels at budget `light`.",
            "\n".join(["| split | images |", "|---|---:|", *counts]),
            "## How it is made",
            _markdown(_docstring(file)),
            "## Licence",
            f"{pair.licence}. {pair.citation}".strip(),
        ]
    )


def _contracts_page() -> str:
    parts = [
        "# Contracts",
        "What a plug-in's author has to know of `bench.api`, in its own words. `check_refiner` and `check_task` of "
        "`bench.testing` run these contracts.",
        "## Who calls what, and when",
        _markdown((inspect.getdoc(api) or "").partition("Who calls what, and when\n")[2].partition("\n")[2]),
    ]
    for cls, methods in CONTRACTS:
        parts += [f"## {cls.__name__}", _markdown(inspect.getdoc(cls) or "")]
        for name in methods:
            method = getattr(cls, name)
            signature = re.sub(r"\bself(, )?", "", str(inspect.signature(method))).replace("'", "")
            parts += [f"### {cls.__name__}.{name}", f"`{name}{signature}`", _markdown(inspect.getdoc(method) or "")]
    rows = []
    for name, spec in imageset.COLUMNS.items():
        shape = ", ".join(["N", *("·" if n is None else str(n) for n in spec.row_shape)])
        rows.append(f"| `{name}` | {spec.kind} | {spec.dtype} | {shape} | {_cell(spec.meaning)} |")
    table = ["| column | kind | dtype | shape | meaning |", "|---|---|---|---|---|", *rows]
    return "\n\n".join([*parts, "## Columns", "\n".join(table)])


def _required(params: type[api.Frozen]) -> bool:
    return any(field.is_required() for field in params.model_fields.values())


def _parameters(params: type[api.Frozen]) -> str:
    if not params.model_fields:
        return "None."
    rows = []
    for name, field in params.model_fields.items():
        default = "must be given" if field.is_required() else f"`{_typed(field.default)}`"
        bounds = [
            f"{SIGNS[kind]} {value}" for bound in field.metadata for kind, value in _limits(bound) if kind in SIGNS
        ]
        rows.append(f"| `{name}` | {default} | {', '.join([_kind(field.annotation), *bounds])} |")
    meaning = _markdown(inspect.getdoc(params) or "")
    return "\n".join(["| name | default | allowed |", "|---|---|---|", *rows]) + f"\n\n{meaning}"


def _limits(bound: Any) -> Iterator[tuple[str, Any]]:
    """A bound's kinds and values, whichever library made it."""
    yield from ((kind, getattr(bound, kind)) for kind in SIGNS if hasattr(bound, kind))


def _kind(annotation: Any) -> str:
    """A parameter's type in words."""
    words = {bool: "true or false", int: "whole number", float: "number", str: "text", Path: "path", type(None): "none"}
    if annotation in words:
        return words[annotation]
    of_literal = get_origin(annotation) is Literal
    return " or ".join(f"`{value}`" if of_literal else _kind(value) for value in get_args(annotation))


def _typed(value: Any) -> str:
    """As a user types it on the command line."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _recorded_cost() -> dict[str, list[str]]:
    """Table rows by refiner: medians over the published records of each (suite, pair, variant)."""
    seconds: dict[tuple[str, str, str], list[tuple[float, float]]] = {}
    for folder in sorted((ROOT / "results").glob("*/suite.yaml")):
        for record in read_records(folder.parent):
            if record.status == "ok" and record.cell.arm == "refined":
                key = folder.parent.name, record.cell.pair, record.cell.refiner
                seconds.setdefault(key, []).append((record.cost.fit_seconds, record.cost.refine_seconds))
    rows: dict[str, list[str]] = {}
    for (suite, pair, variant), costs in seconds.items():
        fit, refine = (median(values) for values in zip(*costs, strict=True))
        row = f"| `results/{suite}`, pair `{pair}` | `{variant}` | {fit:.1f} | {refine:.1f} |"
        rows.setdefault(variant.partition(":")[0], []).append(row)
    return rows


def _docstring(file: Path) -> str:
    return ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or ""


def _markdown(docstring: str) -> str:
    """Roles as code, underlined headings bold, definition lists as lists, simple tables as they stand."""
    text = re.sub(r":\w+:`~?([^`]+)`", r"`\1`", docstring).replace("``", "`")
    text = re.sub(r"(?m)^(\S.*)\n-{3,}$", r"**\1**\n", text)
    text = re.sub(r"(?ms)^(=+(?: +=+)+)\n(.*?)\n\1$", r"```text\n\2\n```", text)
    return re.sub(r"(?m)^([a-z_]+(?:, [a-z_]+)*|Params): (.*(?:\n    .*)*)", _definition, text)


def _definition(match: re.Match[str]) -> str:
    names = ", ".join(f"`{name}`" for name in match[1].split(", "))
    return f"* {names}: {' '.join(match[2].split())}"
