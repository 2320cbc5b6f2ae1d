import re

import numpy as np
import pytest

import placed_sets
from bench.api.errors import DataError
from bench.data.sets.check import check_set
from own_folders import save


def report(name, root):
    return check_set(name, root, lambda *_: None)


def test_a_whole_set_has_its_counts_sizes_and_labels(tmp_path):
    train, val = report("cityscapes", placed_sets.cityscapes(tmp_path))
    assert (train.split, train.n_images, dict(train.sizes), train.faults) == ("train", 8, {(64, 32): 8}, ())
    assert val.histogram["road"] == pytest.approx(25)
    assert val.histogram["bus"] == 0
    assert train.unit == "% of pixels"
    (boxes,) = report("synthdet", placed_sets.synthdet(tmp_path / "synthdet"))
    assert boxes.histogram == {"tea": 4, "milk": 4, "cereal": 4}
    (depth,) = report("virtual-kitti-2", placed_sets.virtual_kitti_2(tmp_path / "vkitti"))
    assert depth.depth_m[1] == pytest.approx(28, abs=1)
    digits = report("usps", placed_sets.usps(tmp_path / "usps"))[0]
    assert digits.histogram["6"] == 1


def test_broken_and_missing_files_are_listed_and_the_rest_is_read(tmp_path):
    root = placed_sets.gta5(tmp_path)
    (root / "images" / "00003.png").write_bytes(b"")
    label = root / "labels" / "00005.png"
    label.write_bytes(label.read_bytes()[:60])
    (found,) = report("gta5", root)
    assert len(found.faults) == 2
    assert "00003.png is empty (0 bytes)" in found.faults[0]
    assert "00005.png cannot be decoded" in found.faults[1]
    (root / "labels" / "00007.png").unlink()
    (found,) = report("gta5", root)
    assert "1 images without label (images/00007.png)" in found.faults[0]


def test_missing_labels_are_counted_and_the_first_five_named(tmp_path):
    root = placed_sets.cityscapes(tmp_path)
    for label in sorted((root / "gtFine" / "val").rglob("*.png"))[:7]:
        label.unlink()
    train, val = report("cityscapes", root)
    assert train.faults == ()
    (line,) = val.lines()
    assert re.fullmatch(
        r"val: .* lacks 7 files .*\(gtFine/.*_000000_.*, …\); unpack gtFine_trainvaltest\.zip there", line
    )
    assert line.count("labelIds") == 5


def test_hidden_files_of_bop_are_read_too(tmp_path):
    root = placed_sets.bop_tless(tmp_path)
    scene = root / "test_primesense" / "000001"
    (scene / "depth" / "000000.png").write_bytes(b"")
    (scene / "mask_visib" / "000001_000001.png").unlink()
    save(np.zeros((8, 8), np.uint8), scene / "mask_visib" / "000002_000000.png")
    faults = {found.split: found.faults for found in report("bop-tless", root)}
    assert faults["train_primesense"] == ()
    empty, gone, small = faults["test_primesense"]
    assert "depth/000000.png is empty" in empty
    assert "mask_visib/000001_000001.png does not exist" in gone
    assert "000002.png: foreground is of another size than the image" in small


def test_labels_of_another_size_and_boxes_outside_are_found(tmp_path):
    root = placed_sets.cityscapes(tmp_path / "cityscapes")
    stem = root / "gtFine" / "val" / "lindau" / "lindau_000002_000019_gtFine_labelIds.png"
    save(np.zeros((8, 8), np.uint8), stem)
    (fault,) = report("cityscapes", root)[1].faults
    assert "mask is of another size than the image" in fault
    voc = placed_sets.voc(tmp_path / "voc")
    xml = voc / "Annotations" / "2008_000001.xml"
    xml.write_text(xml.read_text().replace("<xmax>14</xmax>", "<xmax>900</xmax>"))
    (fault,) = report("voc", voc)[0].faults
    assert "2008_000001.jpg: box 1 leaves the image" in fault


def test_the_command_prints_the_report_and_says_what_is_wrong(cli, tmp_path):
    placed_sets.mnist_m(tmp_path / "m")
    shown = cli("data", "check", "mnist-m", str(tmp_path / "m"))
    assert shown.returncode == 0, shown.stderr
    assert "train: 6 images, 32×32 (6)" in shown.stdout
    placed_sets.scenenet(tmp_path / "s")
    shown = cli("data", "check", "scenenet", str(tmp_path / "s"))
    assert shown.returncode == 0, shown.stderr
    assert re.search(r"val: 4 images, 320×240 \(4\)\n  depth +2\.794 m \(median; 98 % from 2\.501 to", shown.stdout)
    refused = cli("data", "check", "gta5", str(tmp_path / "m"))
    assert refused.returncode == 2
    assert "is not laid out as GTA5 (Playing for Data): expected images/*.png" in refused.stderr
    assert "did you mean 'mnist-m'" in cli("data", "check", "mnistm").stderr


def test_faults_end_the_command_with_exit_code_1_and_are_summed_up_last(cli, tmp_path):
    voc = placed_sets.voc(tmp_path / "voc")
    xml = voc / "Annotations" / "2008_000001.xml"
    xml.write_text(xml.read_text().replace("<xmax>14</xmax>", "<xmax>900</xmax>"))
    done = cli("data", "check", "voc", str(voc))
    assert done.returncode == 1
    assert done.stdout.splitlines()[-1].startswith("FAILED: faults in train; mend or fetch the files named above")


def test_a_file_in_place_of_hdf5_is_named(tmp_path):
    root = placed_sets.nyuv2(tmp_path)
    (root / "nyu_depth_v2_labeled.mat").write_bytes(b"<html>")
    found = report("nyuv2", root)
    assert "nyu_depth_v2_labeled.mat cannot be read as HDF5" in found[0].faults[0]
    (root / "splits.mat").unlink()
    with pytest.raises(DataError, match=r"expected splits\.mat; found nyu_depth"):
        report("nyuv2", root)
