import random
import re
import socket
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
import torch

from bench.api import Frozen, Need, Reads, Refiner, UserError
from bench.testing import TOY_STEPS, ConformanceError, check_refiner


class Toy(Refiner):
    """Shifts images to the target's mean colour, plus noise in each image's own amount: keeps the contract."""

    name: ClassVar[str] = "toy"
    version: ClassVar[int] = 1

    def fit(self, source, target, budget, context):
        self.mean = torch.from_numpy(target.images().mean(axis=(0, 1, 2)) / 255).float()

    def refine(self, batch, generators):
        image = batch.inputs["image"]
        shift = self.mean[:, None, None] - image.mean(dim=(2, 3), keepdim=True)
        noise = torch.stack([torch.rand(3, 1, 1, generator=generator) for generator in generators])
        return {**batch.inputs, "image": (image + shift + noise / 9).clamp(0, 1)}

    def state_dict(self):
        return {"mean": self.mean}

    def load_state_dict(self, state):
        self.mean = state["mean"]


def changed(batch, **values):
    return {**batch.inputs, **values}


class ReturnsImagesAlone(Toy):
    def refine(self, batch, generators):
        return {"image": batch.inputs["image"]}


class Crops(Toy):
    def refine(self, batch, generators):
        image = super().refine(batch, generators)["image"]
        return changed(batch, image=image[..., : image.shape[3] // 4 * 4])


class ReturnsDouble(Toy):
    def refine(self, batch, generators):
        return changed(batch, image=super().refine(batch, generators)["image"].double())


class DividesByDeviation(Toy):
    """NaN on constant channels, and only there."""

    def refine(self, batch, generators):
        image = batch.inputs["image"]
        return changed(batch, image=(image / image.std(dim=(2, 3), keepdim=True)).clamp(0, 1))


class ForgetsToClamp(Toy):
    def refine(self, batch, generators):
        return changed(batch, image=batch.inputs["image"] * 2)


class WorksInPlace(Toy):
    def refine(self, batch, generators):
        batch.inputs["image"].mul_(0.5)
        return dict(batch.inputs)


class SortsByBrightness(Toy):
    def refine(self, batch, generators):
        image = batch.inputs["image"]
        return changed(batch, image=image[image.mean(dim=(1, 2, 3)).argsort()])


class FadesAlongTheBatch(Toy):
    def refine(self, batch, generators):
        image = batch.inputs["image"]
        return changed(batch, image=image * torch.linspace(1, 0.5, len(image))[:, None, None, None])


class UsesBatchMean(Toy):
    def refine(self, batch, generators):
        image = batch.inputs["image"]
        return changed(batch, image=(image - image.mean() + 0.5).clamp(0, 1))


class UsesTheFirstGenerator(Toy):
    def refine(self, batch, generators):
        return super().refine(batch, [generators[0]] * len(generators))


class DrawsFromGlobalState(Toy):
    def refine(self, batch, generators):
        return changed(batch, image=torch.rand_like(batch.inputs["image"]))


class DrawsFromNumpy(Toy):
    def fit(self, source, target, budget, context):
        self.mean = torch.from_numpy(np.random.rand(3)).float()  # noqa: NPY002


class CountsItsCalls(Toy):
    calls = 0

    def refine(self, batch, generators):
        self.calls += 1
        return changed(batch, image=batch.inputs["image"] / self.calls)


class SeedsEverything(Toy):
    def fit(self, source, target, budget, context):
        random.seed(0)
        super().fit(source, target, budget, context)


class SetsThreads(Toy):
    def fit(self, source, target, budget, context):
        torch.set_num_threads(torch.get_num_threads() + 1)
        super().fit(source, target, budget, context)


class NeedsTwoImages(Toy):
    def fit(self, source, target, budget, context):
        super().fit(source, target, budget, context)
        self.mean = self.mean + torch.zeros(3) / (target.n_images - 1)


class StoresNothing(Toy):
    def state_dict(self):
        return {}

    def load_state_dict(self, state):
        self.mean = torch.zeros(3)


class StoresANumber(Toy):
    def state_dict(self):
        return {"mean": 0.5}


class RepeatsItsView(Toy):
    views = 2

    def refine(self, batch, generators):
        return dict(batch.inputs)


class ReadsUndeclared(Toy):
    def refine(self, batch, generators):
        return changed(batch, image=batch.inputs["image"] * batch.labels["foreground"][:, None])


class LooksForTargetLabels(Toy):
    reads = Reads(required=frozenset({"class_id"}))

    def fit(self, source, target, budget, context):
        target.columns["class_id"]


class NeedsAnOptionalColumn(ReadsUndeclared):
    reads = Reads(optional=frozenset({"foreground"}))


class WritesIntoTheSource(Toy):
    def fit(self, source, target, budget, context):
        source.columns["image"].array[:] = 0


class FailsOnOddSizes(Toy):
    def refine(self, batch, generators):
        halves = batch.inputs["image"].unflatten(3, (-1, 2))
        return changed(batch, image=halves.flatten(3))


class Downloads(Toy):
    def fit(self, source, target, budget, context):
        with socket.socket() as client:
            client.connect(("192.0.2.1", 80))


class TriesToDownload(Toy):
    """And goes on without: seen all the same."""

    def fit(self, source, target, budget, context):
        with suppress(OSError):
            socket.getaddrinfo("example.org", 443)
        super().fit(source, target, budget, context)


class SavesWithPython(Toy):
    def fit(self, source, target, budget, context):
        super().fit(source, target, budget, context)
        np.save("mean.npy", self.mean.numpy())


class SavesWithTorch(Toy):
    def fit(self, source, target, budget, context):
        super().fit(source, target, budget, context)
        torch.save(self.mean, "mean.pt")


class UsesScratchFiles(Toy):
    def fit(self, source, target, budget, context):
        super().fit(source, target, budget, context)
        with tempfile.TemporaryDirectory() as folder:
            np.save(Path(folder) / "mean.npy", self.mean.numpy())


class NeverEnds(Toy):
    def fit(self, source, target, budget, context):
        with suppress(Exception):
            while True:
                time.sleep(0.01)


class Exits(Toy):
    def fit(self, source, target, budget, context):
        sys.exit("no licence\nfound")


class Nameless(Refiner):
    version = 0
    fit = Toy.fit
    refine = Toy.refine


class UsesTask(Toy):
    """Trains the task's network a little: needs are met, and the network's weights come without global randomness."""

    reads = Reads(required=frozenset({"foreground"}), optional=frozenset({"depth_m"}))
    needs = frozenset({Need.TASK_LOSS, Need.SOURCE_MODEL})

    def fit(self, source, target, budget, context):
        super().fit(source, target, budget, context)
        inputs = {"image": torch.from_numpy(source.columns["image"].take(np.arange(4))).permute(0, 3, 1, 2) / 255}
        labels = {"class_id": torch.from_numpy(source.columns["class_id"].take(np.arange(source.n_images))[:4])}
        inputs = {"image": inputs["image"][: len(labels["class_id"])]}
        context.loss(context.build(), inputs, labels).backward()
        assert context.predict(context.source_model, inputs).keys() == {"class_id"}


@pytest.mark.parametrize("refiner", [Toy, Toy()])
def test_a_refiner_that_keeps_the_contract_passes(refiner):
    check_refiner(refiner)


def test_needs_and_columns_are_provided():
    class WithoutTask(UsesTask):
        needs = frozenset()

        def fit(self, source, target, budget, context):
            assert (context.build, context.loss, context.predict, context.source_model) == (None,) * 4
            assert set(source.columns) - {"depth_m"} == {"image", "sensor_depth_m", "foreground"}
            assert set(target.columns) == {"image", "sensor_depth_m"}
            Toy.fit(self, source, target, budget, context)

    check_refiner(WithoutTask)


@pytest.mark.parametrize(
    ("refiner", "clauses"),
    [
        (ReturnsImagesAlone, {"keys"}),
        (Crops, {"shape"}),
        (ReturnsDouble, {"dtype"}),
        (DividesByDeviation, {"finite"}),
        (ForgetsToClamp, {"range"}),
        (WorksInPlace, {"input"}),
        (SortsByBrightness, {"order", "batch size"}),
        (FadesAlongTheBatch, {"order", "batch size"}),
        (UsesBatchMean, {"batch size"}),
        (UsesTheFirstGenerator, {"order", "batch size", "generators"}),
        (DrawsFromNumpy, {"fit determinism", "global random state"}),
        (SeedsEverything, {"global random state"}),
        (SetsThreads, {"threads"}),
        (NeedsTwoImages, {"finite"}),
        (StoresNothing, {"state"}),
        (StoresANumber, {"raises"}),
        (RepeatsItsView, {"views"}),
        (ReadsUndeclared, {"labels"}),
        (LooksForTargetLabels, {"labels"}),
        (NeedsAnOptionalColumn, {"labels"}),
        (WritesIntoTheSource, {"raises"}),
        (FailsOnOddSizes, {"raises"}),
        (Nameless, {"declaration"}),
        (Downloads, {"network"}),
        (TriesToDownload, {"network"}),
        (SavesWithPython, {"files"}),
        (SavesWithTorch, {"files"}),
        (Exits, {"raises"}),
    ],
)
def test_a_broken_refiner_fails_with_its_clause_alone(refiner, clauses):
    with pytest.raises(ConformanceError) as caught:
        check_refiner(refiner)
    assert {violation.clause for violation in caught.value.violations} == clauses


@pytest.mark.parametrize("refiner", [DrawsFromGlobalState, CountsItsCalls])
def test_what_does_not_repeat_is_found(refiner):
    with pytest.raises(ConformanceError, match="refine determinism: refined one batch twice"):
        check_refiner(refiner)


def test_the_message_says_what_was_done_found_and_to_do():
    with pytest.raises(ConformanceError) as caught:
        check_refiner(ForgetsToClamp)
    pattern = (
        r"refiner 'toy' breaks 1 clause\(s\).*\n- range: refined 6 images at 32×32: 'image' has values in \[.*clamp"
    )
    assert re.search(pattern, str(caught.value))


def test_all_broken_clauses_are_listed_once():
    class Broken(SetsThreads):
        def refine(self, batch, generators):
            return {"image": batch.inputs["image"].double() * 2}

    with pytest.raises(ConformanceError) as caught:
        check_refiner(Broken)
    assert [violation.clause for violation in caught.value.violations] == ["keys", "dtype", "range", "threads"]


def test_scratch_files_are_allowed():
    check_refiner(UsesScratchFiles)


def test_a_fit_that_does_not_look_at_its_budget_is_found_and_not_repeated(monkeypatch):
    fits = []

    class Thorough(Toy):
        def fit(self, source, target, budget, context):
            fits.append(budget.train_steps)
            end = time.process_time() + 0.1
            while time.process_time() < end:
                pass

    monkeypatch.setattr("bench.testing.refiner_bench.CALL_SECONDS", 0.05)
    with pytest.raises(ConformanceError, match=r"budget: fitted to 6 .* it took .* shorten the fit with budget"):
        check_refiner(Thorough)
    assert fits == [TOY_STEPS]


def test_an_endless_loop_is_interrupted_and_its_place_is_named(monkeypatch):
    monkeypatch.setattr("bench.testing.refiner_bench.CALL_SECONDS", 0.05)
    with pytest.raises(ConformanceError) as caught:
        check_refiner(NeverEnds)
    (violation,) = caught.value.violations
    assert violation.clause == "budget"
    assert re.search(r"and was stopped \(test_check_refiner.py, line \d+\); 0.5 s are allowed", violation.found)


def test_every_violation_is_one_line():
    with pytest.raises(ConformanceError) as caught:
        check_refiner(Exits)
    assert "it raised SystemExit: no licence found (test_check_refiner.py, line " in str(caught.value)
    assert str(caught.value).count("\n") == len(caught.value.violations)
    with pytest.raises(
        ConformanceError, match=r"\n- files: fitted and refined: it wrote or removed mean\.npy; put what"
    ):
        check_refiner(SavesWithPython)


def test_a_path_among_the_parameters_holds_in_the_other_working_folder(tmp_path, monkeypatch):
    class Given(Toy):
        class Params(Frozen):
            table: Path

        def fit(self, source, target, budget, context):
            self.mean = torch.from_numpy(np.load(self.params.table))

    monkeypatch.chdir(tmp_path)
    np.save("table.npy", np.full(3, 0.5, np.float32))
    check_refiner(Given(Given.Params(table="table.npy")))


def test_missing_parameters_are_reported():
    class Params(Frozen):
        strength: float

    class Parametric(Toy):
        pass

    Parametric.Params = Params
    with pytest.raises(ConformanceError, match="strength"):
        check_refiner(Parametric)
    check_refiner(Parametric(Params(strength=1)))


def test_what_is_no_refiner_is_refused():
    with pytest.raises(UserError, match="got int"):
        check_refiner(3)


def test_the_check_itself_has_no_side_effects():
    random.seed(1)
    np.random.seed(1)  # noqa: NPY002
    torch.manual_seed(1)
    threads, before = torch.get_num_threads(), (random.random(), np.random.rand(), torch.rand(()).item())  # noqa: NPY002
    random.seed(1)
    np.random.seed(1)  # noqa: NPY002
    torch.manual_seed(1)
    with pytest.raises(ConformanceError):
        check_refiner(SetsThreads)
    assert before == (random.random(), np.random.rand(), torch.rand(()).item())  # noqa: NPY002
    assert torch.get_num_threads() == threads
