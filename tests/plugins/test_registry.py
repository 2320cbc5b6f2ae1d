import pytest

from bench.api import Pair, Refiner, Task, UserError
from bench.api.names import join_variant, split_variant
from bench.plugins.registry import Registry
from bench.plugins.sources import content_digest
from toy_runs import TOYS


def test_variants_parse_and_have_one_spelling():
    assert split_variant("fda:n_images=8, beta=0.05") == ("fda", {"n_images": "8", "beta": "0.05"})
    assert join_variant(*split_variant("fda:n_images=8,beta=0.05")) == "fda:beta=0.05,n_images=8"
    assert join_variant(*split_variant("identity")) == "identity"


@pytest.mark.parametrize("text", ["fda:beta", "fda:=3", "fda:beta="])
def test_a_malformed_variant_is_shown_what_is_expected(text):
    with pytest.raises(UserError, match="where key=value is expected"):
        split_variant(text)


@pytest.mark.parametrize(
    ("base", "typo", "right"),
    [(Refiner, "histgram", "histogram"), (Task, "clasification", "classification"), (Pair, "digit", "digits")],
)
def test_a_typo_gets_the_nearest_right_name(registry, base, typo, right):
    with pytest.raises(UserError, match=rf"no \w+ '{typo}'; did you mean '{right}'\? Available: ") as caught:
        registry.get(base, typo)
    assert "\n" not in str(caught.value)


def test_every_built_in_plug_in_imports_and_bears_its_files_name(registry):
    for base in (Refiner, Task, Pair):
        for name in registry.names(base):
            assert registry.get(base, name).name == name


def test_a_wrong_parameter_gets_the_nearest_right_one(registry):
    with pytest.raises(UserError, match="refiner 'fda' has no parameter 'bta'; did you mean 'beta'"):
        registry.refiner("fda:bta=0.1")
    with pytest.raises(UserError, match=r"refiner 'fda': parameter 'beta': .*found 'much'"):
        registry.refiner("fda:beta=much")


def test_a_plugin_file_adds_its_classes_and_its_digest(tmp_path):
    source = (
        "from bench.api import Refiner\n"
        "class Mine(Refiner):\n"
        "    name, version = 'mine', 1\n"
        "    def fit(self, source, target, budget, context): ...\n"
        "    def refine(self, batch, generators): return dict(batch.inputs)\n"
    )
    file = tmp_path / "mine.py"
    file.write_text(source)
    _, before = Registry([file]).refiner("mine")
    file.write_text(source + "# changed\n")
    _, after = Registry([file]).refiner("mine")
    assert before.digest
    assert before.digest != after.digest


@pytest.fixture
def install(tmp_path, monkeypatch):
    """``install(package, module_text, entry_point, kind)``: an installed package with one entry point."""
    monkeypatch.syspath_prepend(tmp_path)

    def put(package: str, module: str, point: str, kind: str = "refiners") -> None:
        (tmp_path / f"{package}.py").write_text(module)
        info = tmp_path / f"realgain_{package}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: realgain-{package}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[bench.{kind}]\n{point}\n")

    return put


GOOD_REFINER = """
from toy_runs import TOYS
from bench.api import Refiner
class Good(Refiner):
    name, version = "good", 1
    def fit(self, source, target, budget, context): ...
    def refine(self, batch, generators): return dict(batch.inputs)
"""


COLOURS = """
from tasks.classification import Classification
class Colours(Classification):
    name = "colours"
"""
STATED = """# /// script
# dependencies = ["Not-There>=1.5", "timm"]
# ///
"""


def test_any_file_of_an_installed_package_counts_in_its_digest(tmp_path, monkeypatch):
    package = tmp_path / "realgain_several"
    package.mkdir()
    (package / "__init__.py").write_text("from realgain_several.good import Good\n")
    (package / "good.py").write_text(GOOD_REFINER)
    info = tmp_path / "realgain_several-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: realgain-several\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[bench.refiners]\ngood = realgain_several:Good\n")
    monkeypatch.syspath_prepend(tmp_path)
    before = Registry().refiner("good")[1].digest
    (package / "networks.py").write_text("width = 3\n")
    assert Registry().refiner("good")[1].digest not in ("", before)


def test_an_installed_plug_in_does_not_replace_one_that_is_built_in(install):
    install("good", GOOD_REFINER.replace('"good"', '"fda"'), "fda = good:Good")
    registry = Registry()
    assert registry.get(Refiner, "fda").__module__ == "refiners.fda"
    assert registry.origin(Refiner, "fda") is None
    reason = "the name is taken (one is built in); its author must rename it"
    assert registry.refused == {"refiner 'fda' of installed package realgain-good": reason}


def test_installed_plug_ins_that_cannot_be_imported_are_named_with_their_reason_and_stop_nothing(install):
    install("good", GOOD_REFINER, "good = good:Good")
    install("needy", "import not_there_at_all", "needy = needy:Needy")
    install("leaver", "import sys; sys.exit('no licence')", "leaver = leaver:Leaver")
    install("empty", "", "empty = empty:Missing")
    install("wrong", "def wrong(): ...", "wrong = wrong:wrong")
    registry = Registry()
    assert {"good", "needy", "leaver", "empty", "wrong", "fda"} <= set(registry.names(Refiner))
    assert registry.refiner("good")[1].digest
    reasons = {
        "needy": "No module named 'not_there_at_all'; install what it needs: python -m pip install realgain-needy",
        "leaver": "refiner 'leaver' cannot be imported: SystemExit: no licence",
        "empty": "AttributeError",
        "wrong": "refiner 'wrong' is wrong:wrong, which is no Refiner of that name; tell its author",
    }
    for name, reason in reasons.items():
        with pytest.raises(UserError) as caught:
            registry.get(Refiner, name)
        assert reason in str(caught.value)
        assert "\n" not in str(caught.value)


def test_tasks_and_pairs_are_installed_likewise(install):
    toys = TOYS.read_text()
    install("toys_elsewhere", toys, "toy = toys_elsewhere:Toy", "pairs")
    install("tasks_elsewhere", COLOURS, "colours = tasks_elsewhere:Colours", "tasks")
    registry = Registry()
    pair, described = registry.pair("toy")
    assert pair.class_names == ("top", "middle", "bottom")
    assert described.digest
    task, described = registry.task("colours")
    assert task.labels == ("class_id",)
    assert described.digest


def test_a_task_that_cannot_be_made_is_one_line(install):
    broken = COLOURS + "    def __init__(self, params=None): raise OSError('no calibration file')\n"
    install("tasks_broken", broken, "colours = tasks_broken:Colours", "tasks")
    with pytest.raises(UserError, match="task 'colours' cannot be made: OSError: no calibration file"):
        Registry().task("colours")


def test_the_classes_of_a_file_are_known(tmp_path):
    file = tmp_path / "good.py"
    file.write_text(GOOD_REFINER)
    registry = Registry([TOYS, file])
    assert [cls.name for cls in registry.classes_of(file, Refiner)] == ["good"]
    assert registry.classes_of(file, Pair) == []


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            "import not_there\n",
            "ModuleNotFoundError: No module named 'not_there'; install the package that provides it",
        ),
        (STATED + "import not_there\n", "; install what it needs: python -m pip install 'Not-There>=1.5' timm"),
        ("raise SystemExit('no licence')\n", "SystemExit: no licence"),
        ("def f(:\n", "SyntaxError: "),
    ],
)
def test_a_plugin_file_that_cannot_be_imported_says_so_where_it_is_asked_for_and_stops_nothing(
    tmp_path, content, message
):
    file, other = tmp_path / "plugin.py", tmp_path / "good.py"
    file.write_text(content)
    other.write_text(GOOD_REFINER)
    registry = Registry([file, other])
    assert registry.refiner("good")
    assert registry.get(Refiner, "fda")
    for ask in (lambda: registry.refiner("mine"), lambda: registry.classes_of(file, Refiner)):
        with pytest.raises(UserError, match=r"plug-in .*plugin\.py cannot be imported: ") as caught:
            ask()
        assert message in str(caught.value)
        assert "\n" not in str(caught.value)


def test_a_plugin_file_without_a_plug_in_is_refused(tmp_path):
    file = tmp_path / "plugin.py"
    file.write_text("x = 1\n")
    with pytest.raises(UserError, match="defines no subclass"):
        Registry([file])


def test_a_missing_plugin_file_is_named(tmp_path):
    with pytest.raises(UserError, match=r"no file or folder .*gone\.py"):
        Registry([tmp_path / "gone.py"])


def test_a_folder_counts_by_its_content_and_not_by_its_place(tmp_path):
    for name, text in (("a", "1"), ("b", "1"), ("c", "2")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text(text)
    assert content_digest(tmp_path / "a") == content_digest(tmp_path / "b") != content_digest(tmp_path / "c")
    (tmp_path / "b" / "file").rename(tmp_path / "b" / "other")
    assert content_digest(tmp_path / "a") != content_digest(tmp_path / "b")


@pytest.mark.parametrize(
    ("statements", "message"),
    [
        ("version = 1", "class Mine states no 'name'"),
        ("name = 'mine'", "class Mine states no 'version'"),
        ("name, version = 'identity', 1", "there is a refiner 'identity' already; give yours another name"),
    ],
)
def test_a_plugin_class_that_cannot_be_told_apart_is_refused(tmp_path, statements, message):
    file = tmp_path / "mine.py"
    file.write_text(
        f"from bench.api import Refiner\nclass Mine(Refiner):\n    {statements}\n"
        "    def fit(self, source, target, budget, context): ...\n"
        "    def refine(self, batch, generators): return dict(batch.inputs)\n"
    )
    with pytest.raises(UserError, match=message):
        Registry([file])


def test_a_plugin_that_changed_since_the_plan_is_not_run_under_its_old_name(tmp_path):
    file = tmp_path / "mine.py"
    source = (
        "from bench.api import Refiner\nclass Mine(Refiner):\n    name, version = 'mine', 1\n"
        "    def fit(self, source, target, budget, context): ...\n"
        "    def refine(self, batch, generators): return dict(batch.inputs)\n"
    )
    file.write_text(source)
    _, described = Registry([file]).refiner("mine")
    assert Registry([file]).rebuild(Refiner, described).name == "mine"
    file.write_text(source + "# edited\n")
    with pytest.raises(UserError, match="changed while the run was on"):
        Registry([file]).rebuild(Refiner, described)


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("version = 'x'", "version is 'x'; a whole number is needed"),
        ("reads = {'foreground'}", r"reads is \{'foreground'\}; bench.api.Reads"),
        ("needs = {'bogus'}", "needs is .*a frozenset of bench.api.Need is needed"),
        ("Params = dict", "Params is .*a subclass of bench.api.Frozen is needed"),
        ("views = 0", "views is 0; a whole number from 1 is needed"),
        ("__init__ = lambda self, params: 1 / 0", "cannot be made: ZeroDivisionError"),
    ],
)
def test_a_refiner_that_is_declared_wrongly_is_one_line(tmp_path, statement, message):
    file = tmp_path / "mine.py"
    file.write_text(
        "from bench.api import Refiner\nclass Mine(Refiner):\n    name, version = 'mine', 1\n"
        "    def fit(self, source, target, budget, context): ...\n"
        f"    def refine(self, batch, generators): return dict(batch.inputs)\n    {statement}\n"
    )
    with pytest.raises(UserError, match=f"refiner 'mine'.*{message}"):
        Registry([file]).refiner("mine")


def test_a_refiner_without_its_methods_is_told_which(tmp_path):
    file = tmp_path / "mine.py"
    file.write_text("from bench.api import Refiner\nclass Mine(Refiner):\n    name, version = 'mine', 1\n")
    with pytest.raises(UserError, match="class Mine lacks fit, refine"):
        Registry([file])


def test_a_folder_is_no_plugin(tmp_path):
    with pytest.raises(UserError, match="is a folder; name a Python file in it"):
        Registry([tmp_path])
