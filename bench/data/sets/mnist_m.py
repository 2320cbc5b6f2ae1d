"""MNIST-M (Ganin & Lempitsky, ICML 2015): ``mnist_m_train/*.png``, ``mnist_m_train_labels.txt`` and the same for test.

59,001 / 9,001 images of 32×32; a line of a label file is "name label". The archive's ``mnist_m/`` is the root.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from bench.api.errors import DataError
from bench.data.formats import of_images
from bench.data.listing import Listing

NAME, TITLE = "mnist-m", "MNIST-M"
LICENCE = "none stated; derived from MNIST and BSDS500"
CITATION = "Y. Ganin, V. Lempitsky. Unsupervised Domain Adaptation by Backpropagation. ICML 2015."
EXPECTED = ("mnist_m_train/*.png", "mnist_m_train_labels.txt", "mnist_m_test/*.png", "mnist_m_test_labels.txt")
SPLITS = ("train", "test")
DIGITS = tuple("0123456789")


def listing(root: Path, split: str) -> Listing:
    """One split with ``class_id``."""
    file = root / f"mnist_m_{split}_labels.txt"
    lines = [line.split() for line in file.read_text().splitlines() if line.strip()]
    for number, words in enumerate(lines, 1):
        if len(words) != 2 or words[1] not in DIGITS:
            raise DataError(f"{file}, line {number}: found {' '.join(words)[:60]!r}; expected 'name.png digit'")
    images = tuple(Path(f"mnist_m_{split}", name) for name, _ in lines)
    class_id = np.array([int(digit) for _, digit in lines], np.int64)
    return replace(of_images(TITLE, root, images, images), class_names=DIGITS, arrays={"class_id": class_id})
