"""The beginning of a refiner of one's own: a file that works as written, and its test."""

from __future__ import annotations

import importlib.util
import keyword
import re
from pathlib import Path
from string import Template

from bench.api import Refiner, UserError
from bench.plugins.registry import Registry

REFINER = Template('''"""$name: gives each synthetic image the real ones' brightness.

    x' = (x − mean(x)) · std(target) / std(x) + mean(target),    clipped to [0, 1]

The contract, of which `python -m bench check-refiner $name.py` tests every clause (in full: bench.api.Refiner):
* fit gets images as uint8 (N, H, W, 3), without labels unless `reads` names some; it draws from context.generator,
  takes budget.fit_at_most(the steps it needs), and calls context.progress(step, n_steps, loss) where it takes long.
* refine gets float32 (B, 3, H, W) in [0, 1] and returns the same keys, order and sizes; it leaves the batch as it is,
  and draws what is random for image i from generators[i].
* state_dict holds all that fit learned, as tensors. Raise version whenever outputs change.
"""

import torch

from bench.api import Refiner


class $title(Refiner):
    """Mean and standard deviation of the target's brightness."""

    name, version = "$name", 1

    def fit(self, source, target, budget, context):
        rows = torch.randperm(target.n_images, generator=context.generator)[:256]
        levels = torch.from_numpy(target.images(rows.numpy())) / 255
        self.mean, self.std = levels.mean(), levels.std()

    def refine(self, batch, generators):
        image = batch.inputs["image"]
        mean, std = image.mean(dim=(1, 2, 3), keepdim=True), image.std(dim=(1, 2, 3), keepdim=True)
        moved = (image - mean) * self.std / std.clamp(min=0.01) + self.mean
        return {**batch.inputs, "image": moved.clamp(0, 1)}

    def state_dict(self):
        return {"mean": self.mean, "std": self.std}

    def load_state_dict(self, state):
        self.mean, self.std = state["mean"], state["std"]
''')

TEST = Template('''"""Does `$name` keep the contract of a refiner? Run me with: python -m pytest test_$name.py"""

from $name import $title

from bench.testing import check_refiner


def test_${name}_keeps_its_contract():
    check_refiner($title)
''')


def write_refiner(name: str, folder: Path) -> tuple[Path, Path]:
    """Write ``NAME.py`` and ``test_NAME.py`` into ``folder`` (made if missing); returns both paths.

    Raises
    ------
    UserError: no usable name, a name that is taken, or a file that is there already; nothing is written then.
    """
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name) or keyword.iskeyword(name):
        raise UserError(f"no refiner can be called {name!r}: use a lower-case Python identifier, such as 'my_refiner'")
    if name in Registry().names(Refiner):
        raise UserError(f"there is a refiner {name!r} already (see `list`); choose another name")
    file, test = folder / f"{name}.py", folder / f"test_{name}.py"
    for path in (file, test):
        if path.exists():
            raise UserError(f"{path} exists already; remove it, choose another name, or name another folder with --dir")
    if importlib.util.find_spec(name) is not None:
        raise UserError(f"there is a Python module {name!r}, which {file} would hide; choose another name")
    values = {"name": name, "title": "".join(word.capitalize() for word in name.split("_"))}
    folder.mkdir(parents=True, exist_ok=True)
    for path, template in ((file, REFINER), (test, TEST)):
        path.write_text(template.substitute(values), encoding="utf-8")
    return file, test
