"""Depth in every kind of file and unit, as metres."""

import numpy as np
import pytest
from PIL import Image

import own_folders as folders
import tool_folders as tools
from bench.api.errors import DataError
from bench.data.depth_files import read_depth_m, read_float_depth
from bench.data.depth_units import CARLA, parse_unit
from bench.data.formats import Options, recognise
from bench.data.own.pair import OwnPair


@pytest.mark.parametrize("suffix", [".npy", ".npz", ".tif", ".pfm", ".exr"])
def test_floats_are_metres_unless_a_unit_is_stated(tmp_path, suffix):
    for i in range(3):
        folders.save(folders.scene(i), tmp_path / "rgb" / f"{i}.png")
        tools.write_depth_file(tmp_path / "depth" / f"{i}{suffix}", tools.metres(i))
    listing = recognise(tmp_path, Options("depth"))
    assert "floats are taken for metres (--depth-unit)" in listing.notes
    depth_m = listing.pixels["depth_m"](2)
    assert (depth_m[0] == 0).all(), "infinite is unknown"
    np.testing.assert_array_equal(depth_m[1:], tools.metres(2)[1:])
    in_mm = recognise(tmp_path, Options("depth", parse_unit("mm"))).pixels["depth_m"](2)
    np.testing.assert_allclose(in_mm, depth_m / 1000, rtol=1e-6)


@pytest.mark.parametrize("channel", ["Z", "V", "Y", "R", "Depth.Z", "ViewLayer.Depth.Z"])
def test_the_channel_of_an_exr_is_found_whatever_its_layer(tmp_path, channel):
    path = tools.write_depth_file(tmp_path / "a.exr", tools.metres(0), channel)
    np.testing.assert_array_equal(read_float_depth(path)[1:], tools.metres(0)[1:])


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_the_background_of_renderers_is_unknown(tmp_path, dtype):
    values = np.full((4, 5), 2.5, dtype)
    values[0, 0], values[0, 1], values[0, 2], values[0, 3] = 65504, np.inf, np.nan, -1
    depth_m = read_float_depth(tools.write_depth_file(tmp_path / "a.exr", values))
    assert depth_m[0].tolist() == [0, 0, 0, 0, 2.5]
    blender = values.astype(np.float32)
    blender[1] = 1e10
    assert (read_float_depth(tools.write_depth_file(tmp_path / "b.exr", blender))[1] == 0).all()


@pytest.mark.parametrize(
    ("text", "factor"),
    [
        *[("mm", 1e-3), ("cm", 0.01), ("m", 1), ("1/256m", 1 / 256), ("1/5000m", 2e-4), ("1/4000", 1 / 4000)],
        *[("0.0002m", 2e-4), ("0.125", 0.125), ("20/255m", 20 / 255), ("10mm", 0.01), ("2e-4", 2e-4)],
    ],
)
def test_any_number_is_a_unit(text, factor):
    assert parse_unit(text).kind == "linear"
    assert parse_unit(text).factor == pytest.approx(factor)


@pytest.mark.parametrize("text", ["metres", "1/0m", "0", "-1", "disparity:", "disparity:4m", "inverse:4", "1/2/3", ""])
def test_what_is_no_unit_is_refused(text):
    with pytest.raises(ValueError, match=r"is no unit of depth.*allowed: mm, cm, m, a fraction of a metre"):
        parse_unit(text)


@pytest.mark.parametrize(("steps", "unit"), [(5000, "1/5000m"), (4000, "1/4000m"), (1234.5, "1/1234.5")])
def test_steps_of_any_size_are_metres(tmp_path, steps, unit):
    depth_m = np.linspace(0.5, 6, 48).reshape(6, 8)
    folders.save((depth_m * steps).astype(np.uint16), tmp_path / "a.png")
    np.testing.assert_allclose(read_depth_m(tmp_path / "a.png", parse_unit(unit)), depth_m, atol=1 / steps)


def test_disparity_is_inverted_and_zero_is_unknown(tmp_path):
    folders.save(np.array([[0, 100, 400, 65535]], np.uint16), tmp_path / "a.png")
    depth_m = read_depth_m(tmp_path / "a.png", parse_unit("disparity:1000"))
    assert depth_m.tolist() == [[0, 10, 2.5, 0]]


def test_eight_bits_need_a_scale_and_255_is_unknown(tmp_path):
    folders.save(np.array([[0, 51, 102, 255]], np.uint8), tmp_path / "a.png")
    assert read_depth_m(tmp_path / "a.png", parse_unit("20/255m"))[0].tolist() == [0, 4, 8, 0]
    with pytest.raises(DataError, match=r"a\.png holds 8 bits of no stated unit; state it with --depth-unit: mm, cm"):
        read_depth_m(tmp_path / "a.png", None)


@pytest.mark.parametrize("depth_m", [1.0, 37.5, 400.0])
@pytest.mark.parametrize("alpha", [False, True])
def test_carlas_three_bytes_are_metres(tmp_path, depth_m, alpha):
    steps = np.full((3, 4), round(depth_m / 1000 * (2**24 - 1)))
    steps[0] = 2**24 - 1  # the sky
    pixels = np.dstack([steps & 255, steps >> 8 & 255, steps >> 16] + [np.full_like(steps, 255)] * alpha)
    folders.save(pixels.astype(np.uint8), tmp_path / "a.png")
    found = read_depth_m(tmp_path / "a.png", CARLA)
    assert (found[0] == 0).all()
    np.testing.assert_allclose(found[1:], depth_m, rtol=1e-4)
    pixels[1, 1, :3] = (1, 2, 3)
    folders.save(pixels.astype(np.uint8), tmp_path / "a.png")
    with pytest.raises(DataError, match=r"three channels that differ.*state --depth-unit carla"):
        read_depth_m(tmp_path / "a.png", parse_unit("mm"))


def test_floats_win_over_previews_of_the_same_name(tmp_path):
    for i in range(2):
        folders.save(folders.scene(i), tmp_path / "rgb" / f"{i}.png")
        tools.write_depth_file(tmp_path / "depth" / f"{i}.exr", tools.metres(i))
        folders.save(np.full(folders.SIZE[::-1], 90, np.uint8), tmp_path / "depth" / f"{i}.png")
    listing = recognise(tmp_path, Options("depth"))
    assert listing.notes[0] == "2 pictures of depth left out: there are float maps of the same names"
    np.testing.assert_array_equal(listing.pixels["depth_m"](1)[1:], tools.metres(1)[1:])


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.exr", b"v/1\x01" + b"\0" * 100, r"a\.exr is no EXR file that can be read"),
        ("a.npy", b"\x93NUMPY\x01", r"a\.npy is no NumPy array of numbers"),
        ("a.pfm", b"Pf\n8 6\n-1.0\n1234", r"a\.pfm is truncated: 8×6 floats were expected"),
        ("a.pfm", b"PF\n1 1\n-1.0\n" + b"\0" * 12, r"a\.pfm is a PFM file of three channels"),
        ("a.pfm", b"", r"a\.pfm is no PFM file"),
        ("a.npy", None, r"a\.npy does not exist"),
        ("a.exr", None, r"a\.exr does not exist"),
    ],
)
def test_broken_depth_files_are_one_line(tmp_path, name, content, message):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=message) as caught:
        read_float_depth(tmp_path / name)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("array", "message"),
    [(np.zeros((4, 5, 3)), "4×5×3 float64"), (np.zeros((4, 5), complex), "4×5 complex128"), (np.zeros(7), "7 float64")],
)
def test_arrays_that_are_no_depth_are_refused(tmp_path, array, message):
    np.save(tmp_path / "a.npy", array)
    with pytest.raises(DataError, match=rf"holds an array of {message}; depth is one number per pixel"):
        read_float_depth(tmp_path / "a.npy")


@pytest.mark.parametrize("others", [{"mask": np.ones((4, 6))}, {"rgb": np.zeros((4, 6, 3)), "K": np.eye(3)}, {}])
@pytest.mark.parametrize("name", ["depth", "Depth", "depth_m"])
def test_depth_is_found_among_the_arrays_of_an_npz(tmp_path, name, others):
    np.savez(tmp_path / "a.npz", **{name: np.full((4, 6), 2.5)}, **others)
    assert (read_depth_m(tmp_path / "a.npz", None) == 2.5).all()


@pytest.mark.parametrize("unit", ["mm", "m", "1/256m"])
def test_false_colours_are_not_sent_to_carla(tmp_path, unit):
    ramp = np.arange(24, dtype=np.uint8).reshape(4, 6)
    Image.fromarray(np.dstack([ramp, 255 - ramp, ramp * 2])).save(tmp_path / "a.png")
    with pytest.raises(DataError, match="if they are false colours, no depth can be read from them"):
        read_depth_m(tmp_path / "a.png", parse_unit(unit))


def test_two_folders_may_have_two_kinds_and_units(tmp_path):
    for i in range(4):
        folders.save(folders.scene(i), tmp_path / "source" / "rgb" / f"{i}.png")
        tools.write_depth_file(tmp_path / "source" / "depth" / f"{i}.exr", tools.metres(i))
        folders.save(folders.scene(i, 5), tmp_path / "target" / "rgb" / f"{i}.png")
        steps = (np.nan_to_num(tools.metres(i), posinf=0) * 5000).astype(np.uint16)
        folders.save(steps, tmp_path / "target" / "depth" / f"{i}.png")
    params = {"task": "depth", "source": tmp_path / "source", "target": tmp_path / "target"}
    pair = OwnPair(OwnPair.Params(**params, target_depth_unit="1/5000m"))
    assert any(line.startswith("median depth: source 3.0") and "target 3.0" in line for line in pair.describe("light"))


@pytest.mark.parametrize(("text", "metres_per_step"), [("20/255m", 20 / 255), ("10/255", 10 / 255), ("5cm", 0.05)])
def test_eight_bits_take_a_stated_scale(tmp_path, text, metres_per_step):
    folders.save(np.array([[0, 10, 100, 254]] * 4, np.uint8), tmp_path / "a.png")
    found = read_depth_m(tmp_path / "a.png", parse_unit(text))
    np.testing.assert_allclose(found[0], np.array([0, 10, 100, 254]) * metres_per_step, rtol=1e-5)
