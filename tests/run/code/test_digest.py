"""An edit runs again what executes the edited code, and nothing else; what runs no differently changes no key.

The jobs of a suite are planned once; then their code is read from a copy of the packages in which one line is edited.
"""

from __future__ import annotations

import ast
import inspect
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

import bench
from bench.api import Refiner
from bench.cli import options
from bench.data import contact_sheet as preview
from bench.data import fitting, splits
from bench.metrics import classification as classification_metrics
from bench.metrics import domain_gap, label_preservation, selection
from bench.plugins.registry import Registry
from bench.report import html
from bench.run.code.digest import PACKAGES, Code, Reach, Roots, harness_modules, installed
from bench.run.code.source_units import Parsed
from bench.run.jobs.kinds import KINDS
from bench.run.plan import make_plan
from bench.run.plan.graph import Job, Plan
from bench.suites.load import Suite
from bench.suites.resolve import resolve
from bench.training import augment, loop
from bench.training.adversarial import loop as adversarial_loop
from bench.training.refine_images import refine_images
from pairs.objects import ObjectsPair
from pairs.rendered import objects, packed
from refiners import cyclegan, fda
from refiners.networks import resnet
from tasks import classification, segmentation
from tasks.models import light_cnn

ROOT = Path(bench.__file__).parents[1]
FEW = {"source_images": 20, "target_images": 10, "test_images": 10}
CYCLES = ["cyclegan", "cycada", "fgbg_cyclegan", "genesis_rt"]
REFINERS = [*CYCLES, "fda", "cut"]
TABLES = [
    {"pair": "objects", "task": "classification", "refiners": REFINERS, "arms": ["refined", "adabn"], "checkpoints": 2},
    {"pair": "objects", "task": "classification", "model": "pixelda_mnist", "arms": ["oracle"]},
    {"pair": "street", "task": "segmentation", "arms": ["oracle"]},
]
PAIRS, CNN, TOWER = ["objects", "street"], "classification/light_cnn", "classification/pixelda_mnist"
SEGMENTER = "segmentation/deeplab_v2_light"
MODELS = [CNN, TOWER, SEGMENTER]


def kinds(kind: str, *subjects: str) -> set[str]:
    return {f"{kind} {subject}" for subject in subjects}


ALL_SCORING = kinds("score", *MODELS) | kinds("judge", CNN) | kinds("select", CNN)
CLASSIFIERS_SCORED = kinds("score", CNN, TOWER) | kinds("judge", CNN) | kinds("select", CNN)
WITH_CNN = kinds("train", CNN) | kinds("adapt", CNN) | kinds("score", CNN) | kinds("judge", CNN) | kinds("select", CNN)

EDITS = {
    "augmentation": (augment, "LEAST_VISIBLE = 0.25", "LEAST_VISIBLE = 0.26", kinds("train", *MODELS)),
    "loss of a refiner": (cyclegan, "return 0.5 * (of_t", "return 0.6 * (of_t", kinds("fit", *CYCLES)),
    "default of a refiner": (fda, "default=0.01", "default=0.02", kinds("fit", "fda") | kinds("refine", "fda")),
    "metric": (classification_metrics.accuracy, "return", "return 0.5 *", CLASSIFIERS_SCORED),
    "statistics of a score": (
        segmentation.Segmentation.statistics,
        ") -> dict[str, np.ndarray]:",
        ") -> dict[str, np.ndarray]:\n        predictions = dict(predictions)",
        kinds("score", SEGMENTER),
    ),
    "loss of a task": (
        segmentation.Segmentation.loss,
        "clamp(min=1)",
        "clamp(min=2)",
        kinds("train", SEGMENTER),
    ),
    "network of a model": (light_cnn._block, "kernel_size // 2", "kernel_size // 3", WITH_CNN | kinds("fit", "cycada")),
    "block of generators": (
        resnet.ResidualBlock,
        "return hidden +",
        "return hidden -",
        kinds("fit", *CYCLES, "cut") | kinds("refine", *CYCLES, "cut"),
    ),
    "renderer": (objects, "DISTANCE_M = (0.46,", "DISTANCE_M = (0.47,", kinds("prepare", "objects")),
    "resizing": (fitting.fit_image, "GREY", "GREY + 1", kinds("prepare", *PAIRS)),
    "decoder of images": (packed._decoder, "return np.asarray", "return np.array", kinds("prepare", *PAIRS)),
    "check of splits": (splits, "NEAR_DUPLICATE = ", "NEAR_DUPLICATE = 2 * ", kinds("prepare", *PAIRS)),
    "loop of trainings": (loop, "POLY_POWER = 0.9", "POLY_POWER = 0.8", kinds("train", *MODELS)),
    "loop of fits": (adversarial_loop, "N_INSPECTED = 64", "N_INSPECTED = 65", kinds("fit", *CYCLES, "cut")),
    "base class of refiners": (
        Refiner.__init__,
        "self.params: Any =",
        "self.again = self.params =",
        kinds("fit", *REFINERS) | kinds("refine", *REFINERS),
    ),
    "refining": (refine_images, "image_set.n_images, 0", "image_set.n_images, 1", kinds("refine", *REFINERS)),
    "docstring": (refine_images, "Refine a whole split", "Refine all of a split", set()),
    "label preservation": (label_preservation, "FAR_PX = 1, 4", "FAR_PX = 1, 5", kinds("label_preservation", "")),
    "domain gap": (domain_gap, "LEAST_IMAGES = 20", "LEAST_IMAGES = 21", kinds("domain_gap", "")),
    "features of the domain gap": (domain_gap, "N_BANDS = 16", "N_BANDS = 17", kinds("features", "")),
    "choice of checkpoints": (selection.prediction_entropy, "return", "return 2 *", kinds("select", CNN)),
    "pictures": (preview, "CELL_PX = 144", "CELL_PX = 145", kinds("gallery", "classification")),
    "page": (html, "def ", "def  ", set()),
    "command line": (options, '"OPENBLAS_NUM_THREADS"), "1")', '"OPENBLAS_NUM_THREADS"), "2")', set()),
    "estimate of a job": (KINDS["train"].estimate, "1.3", "1.4", set()),
}
"""What is edited, the old text in it, the new text, and the jobs that run again."""


@pytest.fixture(scope="module")
def plan() -> Plan:
    tables = [{"seeds": 1, "limits": FEW, "train_steps": 2, **table} for table in TABLES]
    return make_plan(resolve(Suite.model_validate({"name": "s", "title": "s", "tables": tables}), Registry()))


def copy_packages(folder: Path) -> Path:
    for package in PACKAGES:
        for file in (ROOT / package).rglob("*.py"):
            target = folder / file.relative_to(ROOT)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(file, target)
    return folder


@pytest.fixture(scope="module")
def shared(tmp_path_factory) -> tuple[Path, Parsed]:
    """One copy for all edits, and what is known of its files."""
    return copy_packages(tmp_path_factory.mktemp("copy")), Parsed(None)


@pytest.fixture
def copy(shared) -> Iterator[Path]:
    """The copy, which is as the original again after the test."""
    folder, _ = shared
    yield folder
    for file in EDITED:
        shutil.copy2(ROOT / file, folder / file)
    EDITED.clear()


EDITED: list[Path] = []


def reach(roots: Roots) -> Reach:
    return installed().reach(roots)


def subject(job: Job) -> str:
    """A job by its kind and by whose code it runs."""
    named = {part: getattr(job.spec, part, None) for part in ("pair", "refiner", "task", "model")}
    names = {part: described.name for part, described in named.items() if described is not None}
    own = names.get("pair") or names.get("refiner") or "/".join(names[k] for k in ("task", "model") if k in names)
    return f"{job.kind} {own}"


def changed(plan: Plan, root: Path, parsed: Parsed) -> set[str]:
    code = Code(root, parsed)
    digests = {roots: code.digest(roots) for roots in {job.roots for job in plan.jobs.values()}}
    return {subject(job) for job in plan.jobs.values() if digests[job.roots] != job.code}


def edit(copy: Path, thing: object, old: str, new: str) -> None:
    """Replace the first ``old`` of a definition (or a file) in the copy."""
    EDITED.append(Path(inspect.getsourcefile(thing)).relative_to(ROOT))
    file = copy / EDITED[-1]
    text = file.read_text()
    start = 0 if inspect.ismodule(thing) else text.index(inspect.getsource(thing))
    assert old in text[start:], f"{old!r} is no longer there; edit another line"
    file.write_text(text[:start] + text[start:].replace(old, new, 1))


def test_a_copy_has_the_keys_of_the_original(plan, shared):
    assert changed(plan, *shared) == set()


@pytest.mark.parametrize("name", EDITS)
def test_an_edit_runs_again_exactly_what_executes_it(plan, shared, copy, name):
    thing, old, new, expected = EDITS[name]
    edit(copy, thing, old, new)
    assert changed(plan, *shared) == expected


def test_comments_docstrings_formatting_and_annotations_change_nothing(plan, tmp_path):
    copy_packages(tmp_path)
    reached = {module for roots in {job.roots for job in plan.jobs.values()} for module in reach(roots).modules}
    assert len(reached) > 60
    for module in reached:
        file = tmp_path / installed().file(module).relative_to(ROOT)
        tree = ast.parse(file.read_text())
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef):
                node.returns = ast.Name("Anything")
                if ast.get_docstring(node):
                    node.body[0].value.value = "Another docstring."
        file.write_text(f"# A comment.\n{ast.unparse(tree)}\n")
    assert changed(plan, tmp_path, Parsed(None)) == set()


def test_a_file_that_is_moved_changes_nothing(plan, tmp_path):
    """The digest is of what is said, not of where it is said."""
    copy_packages(tmp_path)
    name = classification_metrics.__name__
    old = tmp_path / installed().file(name).relative_to(ROOT)
    old.rename(old.with_name("elsewhere.py"))
    task = tmp_path / installed().file(classification.__name__).relative_to(ROOT)
    task.write_text(task.read_text().replace(name, f"{name.rpartition('.')[0]}.elsewhere"))
    assert changed(plan, tmp_path, Parsed(None)) == set()


def test_the_modules_left_out_are_few_and_determine_no_result():
    assert len(harness_modules()) < 8
    assert all(installed().file(module) for module in harness_modules())
    for word in ("registry", "store", "files", "names"):
        assert any(module.endswith(word) for module in harness_modules())


def test_every_model_of_a_built_in_task_names_the_module_of_its_network():
    registry = Registry()
    for name in ("avoidance", "classification", "depth", "detection", "pose", "segmentation"):
        task, _ = registry.task(name)
        for spec in task.models.values():
            assert installed().file(spec.module), f"{name}/{spec.name}: {spec.module!r}"
            reached = reach(installed().roots(KINDS["train"], [type(task)], task, spec.name)).modules
            assert spec.module in reached, f"{name}/{spec.name} does not reach {spec.module}"


def test_a_plug_in_that_builds_on_ours_is_made_again_when_ours_changes(copy, tmp_path):
    plugin = tmp_path / "mine.py"
    plugin.write_text(
        "from refiners.cyclegan import CycleGAN\n\n\nclass Mine(CycleGAN):\n    name, version = 'mine', 1\n"
    )
    (mine,) = Registry([plugin]).classes_of(plugin, Refiner)
    code = Code(copy, Parsed(None))
    before = code.digest(code.roots(KINDS["fit"], [mine]))
    edit(copy, cyclegan, "return 0.5 * (of_t", "return 0.6 * (of_t")
    code = Code(copy, Parsed(None))
    assert code.digest(code.roots(KINDS["fit"], [mine])) != before


def test_parsed_files_are_remembered_and_read_again_when_they_change(tmp_path):
    package = tmp_path / "bench"
    package.mkdir()
    (package / "__init__.py").write_text("")
    file, cache = package / "one.py", tmp_path / "cache" / "units.json"
    file.write_text("A = 1\n")
    roots = Roots((("bench.one", "A"),))
    code = Code(tmp_path, Parsed(cache))
    first = code.digest(roots)
    code.save()
    again = Parsed(cache)
    again.read(file)
    assert not again._changed  # nothing was parsed
    file.write_text("A = 23\n")
    assert Code(tmp_path, Parsed(cache)).digest(roots) != first
    cache.write_text("{")
    assert Code(tmp_path, Parsed(cache)).digest(roots) != first


def test_images_that_ship_count_by_content(tmp_path, monkeypatch):
    """A renderer's images are packed once: what was packed again is another pair to its jobs."""
    before = Registry().pair("objects")[1]
    manifest = tmp_path / "objects" / "manifest.json"
    shutil.copytree(ObjectsPair.folder, manifest.parent)
    monkeypatch.setattr(ObjectsPair, "data_files", (manifest,))
    assert Registry().pair("objects")[1] == before
    manifest.write_text(manifest.read_text().replace('"sha256": "', '"sha256": "0', 1))
    assert Registry().pair("objects")[1].identity() != before.identity()
    assert Registry().pair("camvid")[1].contents.keys() == {"street/manifest.json"}
