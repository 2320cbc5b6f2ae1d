"""The rendering driver: refusals, resuming, and images that depend on their number alone."""

from pathlib import Path

import numpy as np
import pytest

from bench.api import UserError
from pairs.rendered import driver
from pairs.rendered.driver import read_labels, read_picture, render, resized
from pairs.rendered.objects import Objects
from pairs.rendered.scene import Camera


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"n_images": 0}, "cannot render 0 images"),
        ({"n_images": -3}, "cannot render -3 images"),
        ({"n_images": 1, "size": (0, 8)}, "0 × 8 pixels"),
        ({"n_images": 1, "size": (8, -1)}, "8 × -1 pixels"),
        ({"n_images": 1, "layout_gap": -0.5}, "layout gap of -0.5"),
        ({"n_images": 1, "layout_gap": float("nan")}, "layout gap of nan"),
    ],
)
def test_what_cannot_be_rendered_is_refused(tmp_path: Path, asked: dict[str, object], message: str) -> None:
    with pytest.raises(UserError, match=message):
        render("objects", tmp_path / "out", **asked)  # type: ignore[arg-type]
    assert not (tmp_path / "out").exists()


def test_an_unknown_pair_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="rendered pairs: objects"):
        render("digits", tmp_path, 1)


def test_a_missing_mitsuba_names_the_extra_and_leaves_no_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "mitsuba", None)
    with pytest.raises(UserError, match=r"realgain\[render\]"):
        render("objects", tmp_path / "out", 1)
    assert not (tmp_path / "out").exists()


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("mitsuba")
    monkeypatch.setattr(Objects, "samples", {"source": 1, "target": 1})


def test_a_render_goes_on_where_it_was_and_draws_nothing_twice(
    tmp_path: Path, quick: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[tuple[int, str]] = []
    draw = driver.draw

    def counted(generator: Objects, settings: driver.Settings, index: int, look: str) -> np.ndarray:
        drawn.append((index, look))
        return draw(generator, settings, index, look)  # type: ignore[arg-type]

    monkeypatch.setattr(driver, "draw", counted)
    seen: list[tuple[int, int]] = []
    folder = tmp_path / "out"
    render("objects", folder, 2, size=(16, 16), looks=("source",))
    render("objects", folder, 3, size=(16, 16), progress=lambda n_done, n_images: seen.append((n_done, n_images)))
    assert sorted(drawn) == [(0, "source"), (0, "target"), (1, "source"), (1, "target"), (2, "source"), (2, "target")]
    assert seen == [(1, 3), (2, 3), (3, 3)]
    render("objects", folder, 3, size=(16, 16))
    assert len(drawn) == 6
    assert not [path for path in folder.rglob("*") if path.name.startswith(".")]


def test_an_image_depends_on_its_number_alone(tmp_path: Path, quick: None) -> None:
    render("objects", tmp_path / "two", 2, size=(16, 16))
    for name in ("labels", "source", "target"):
        for path in (tmp_path / "two" / name).glob("000000.*"):
            path.unlink()
    render("objects", tmp_path / "two", 2, size=(16, 16))
    render("objects", tmp_path / "one", 1, size=(16, 16))
    for look in driver.LOOKS:
        one, again, other = (read_picture(tmp_path / f, i, look) for f, i in (("one", 0), ("two", 0), ("two", 1)))
        np.testing.assert_array_equal(one, again)
        assert (one != other).any()
        assert one.shape == (16, 16, 3)
    first, second = (read_labels(tmp_path / folder, 0) for folder in ("one", "two"))
    assert first.keys() == second.keys() == set(Objects.columns)
    for name, value in first.items():
        np.testing.assert_array_equal(value, second[name])


def test_another_split_or_gap_needs_another_folder(tmp_path: Path, quick: None) -> None:
    folder = tmp_path / "out"
    render("objects", folder, 1, size=(8, 8), looks=("source",))
    with pytest.raises(UserError, match=r"layout_gap = 0\.0, asked for 0\.5"):
        render("objects", folder, 1, size=(8, 8), layout_gap=0.5)
    with pytest.raises(UserError, match="split = 'more'"):
        render("objects", folder, 1, size=(8, 8), split="target_test")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "photo.png").touch()
    with pytest.raises(UserError, match="not empty"):
        render("objects", tmp_path / "mine", 1, size=(8, 8))


@pytest.mark.slow
def test_workers_render_what_one_process_does(tmp_path: Path) -> None:
    pytest.importorskip("mitsuba")
    for n_processes in (1, 2):
        render("objects", tmp_path / str(n_processes), 3, size=(12, 12), processes=n_processes)
    for look in driver.LOOKS:
        for i in range(3):
            np.testing.assert_array_equal(*(read_picture(tmp_path / n, i, look) for n in ("1", "2")))


def test_another_size_keeps_the_view_in_the_middle() -> None:
    camera = Camera(100, 50, (80.0, 80.0, 48.0, 26.0), np.eye(4))
    assert resized(camera, (200, 100)).intrinsics == (160, 160, 96, 52)
    wide = resized(camera, (200, 50))
    assert wide.intrinsics == (80, 80, 98, 26)
    assert resized(camera, (100, 50)) is camera
