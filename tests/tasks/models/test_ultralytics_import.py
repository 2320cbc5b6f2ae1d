"""What importing and using ultralytics does to the process and the machine, seen from a fresh one."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from bench.api import UserError
from tasks.models.ultralytics_import import ultralytics_module

# Not importorskip: importing it here would change the whole process, and that is what is tested.
pytestmark = pytest.mark.skipif(importlib.util.find_spec("ultralytics") is None, reason="needs the extra yolo")

FRESH = """
import json, logging, os, random, sys, tempfile, threading, warnings
import cv2, numpy, PIL.Image, torch, torchvision
torch.set_num_threads(1)
tempfile.gettempdir()  # looks for a folder it can write to, by writing
seen = []
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
MOVES = ("os.mkdir", "os.rename", "os.link", "os.symlink", "os.truncate", "os.system", "os.fork", "os.exec")

def watch(event, arguments):
    if event.split(".")[0] in ("socket", "subprocess", "shutil", "tempfile", "urllib", "http") or event in MOVES:
        seen.append([event, str(arguments[0]) if arguments else ""])
    elif event == "open":
        path, mode, flags = arguments
        if flags & WRITES or (isinstance(mode, str) and set(mode) & set("wax+")):
            seen.append([event, str(path)])

def state():
    return {
        "environment": dict(os.environ),
        "warning filters": repr(warnings.filters),
        "print options": repr((numpy.get_printoptions(), vars(torch._tensor_str.PRINT_OPTS))),
        "threads": repr((cv2.getNumThreads(), torch.get_num_threads(), len(threading.enumerate()))),
        "functions": repr([torch.save, torch.load, PIL.Image.open, cv2.imread, cv2.imwrite, cv2.imshow]
                          + [torch.set_printoptions, numpy.set_printoptions, cv2.setNumThreads, sys.excepthook]),
        "loggers": repr([(n, logging.getLogger(n).level, logging.getLogger(n).handlers)
                         for n in ("", "sentry_sdk", "coremltools", "torch", "PIL")]),
        "random": repr((random.getstate(), numpy.random.get_state(), torch.get_rng_state().tolist())),
        "switches": repr((torch.get_default_dtype(), torch.backends.cudnn.benchmark, torch.backends.cudnn.deterministic,
                          torch.are_deterministic_algorithms_enabled(), torch.get_float32_matmul_precision())),
        "folders": repr((os.getcwd(), sys.path)),
    }

sys.addaudithook(watch)
before = state()
from tasks.models.ultralytics_import import ultralytics_module
for name in ("nn.tasks", "utils.loss"):
    ultralytics_module(name)
imported = state()
from tasks.models.yolo import Yolo
network = Yolo("yolov3-tiny", 3, width=0.25)
image = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
target = {"boxes": torch.tensor([[8.0, 8, 40, 40]]), "labels": torch.tensor([1])}
optimiser = torch.optim.AdamW(network.parameters())
network.training_loss(image, [target, target]).backward()
optimiser.step()
network.eval()
with torch.inference_mode():
    network.detect(image)
used = state()
print(json.dumps({
    "seen": seen,
    "import changed": [name for name in before if before[name] != imported[name]],
    "use changed": [name for name in imported if imported[name] != used[name]],
}))
"""


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> dict:
    """What a process of its own, with an empty HOME, saw of import, building, one training step and detection."""
    home = tmp_path_factory.mktemp("home")
    removed = ("YOLO_OFFLINE", "YOLO_CONFIG_DIR", "YOLO_VERBOSE", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "MPLCONFIGDIR")
    environment = {name: value for name, value in os.environ.items() if name not in removed}
    environment |= {"HOME": str(home), "PYTHONPATH": str(Path(__file__).parents[3])}
    done = subprocess.run(
        [sys.executable, "-B", "-c", FRESH], cwd=home, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return {"home": home, "lines": done.stdout.splitlines(), "errors": done.stderr} | json.loads(
        done.stdout.splitlines()[-1]
    )


def test_nothing_is_written_outside_a_temporary_folder_that_is_gone_and_no_socket_opened(fresh: dict) -> None:
    (folder,) = (path for event, path in fresh["seen"] if event == "tempfile.mkdtemp")
    outside = [(event, path) for event, path in fresh["seen"] if not path.startswith(folder)]
    assert not outside
    assert not Path(folder).exists()
    assert not list(fresh["home"].iterdir())


def test_nothing_is_printed(fresh: dict) -> None:
    assert len(fresh["lines"]) == 1
    assert fresh["errors"] == ""


def test_the_process_is_left_as_it_was(fresh: dict) -> None:
    assert fresh["import changed"] == []
    assert fresh["use changed"] == ["random"]


def test_a_missing_package_is_answered_with_the_extra_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.split(".")[0] == "ultralytics"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "ultralytics", None)
    with pytest.raises(UserError, match=r"python -m pip install 'realgain\[yolo\]'") as error:
        ultralytics_module("nn.tasks")
    assert "\n" not in str(error.value)
    assert not any(name.startswith("YOLO") for name in os.environ)
