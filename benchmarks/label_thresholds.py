"""What the threshold for label edges stands on: edges kept by a perfect change of look, and by a mirror.

    python -m bench data render street --out /tmp/street --n 24
    python benchmarks/label_thresholds.py /tmp/street [more folders]

Each folder holds scenes that were rendered in the source's and in the target's look (``python -m bench data render``),
so that any pair can be asked, also one that ships no ``oracle_style``. Printed by label: agreement of the source's
edges, and what share of it the target's look and the mirrored source keep, with 95 % intervals over images. The
threshold (``bench.run.jobs.label_preservation.EDGES_KEPT_PERCENT``) must lie above the mirror's and below the look's.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[1]))

from bench.metrics.label_preservation import WITH_OUTLINES, boundaries, edge_agreement, relative_score


def read(folder: Path) -> tuple[dict[str, np.ndarray], list[dict[str, np.ndarray]]]:
    """Images by look, ``(N, H, W, 3) uint8``, and the labels of each."""
    names = [path.stem for path in sorted((folder / "labels").glob("*.npz"))]
    complete = [name for name in names if all((folder / look / f"{name}.png").is_file() for look in LOOKS)]
    images = {
        look: np.stack([np.asarray(Image.open(folder / look / f"{name}.png").convert("RGB")) for name in complete])
        for look in LOOKS
    }
    return images, [dict(np.load(folder / "labels" / f"{name}.npz", allow_pickle=False)) for name in complete]


LOOKS = ("source", "target")


def main() -> None:
    for folder in map(Path, sys.argv[1:]):
        images, labels = read(folder)
        size = images["source"].shape[2:0:-1]
        for kind in WITH_OUTLINES:
            if kind not in labels[0]:
                continue
            edges = np.concatenate(
                [
                    boundaries(kind, {name: one[name][None] for name in (kind, "box_class") if name in one}, size)
                    for one in labels
                ]
            )
            before = edge_agreement(images["source"], edges)
            scored = np.isfinite(before)
            line = f"{folder.name} {kind:<10} {scored.sum():3d} images, agreement {np.nanmean(before):.2f}"
            for name, after in (("target's look", images["target"]), ("mirror", images["source"][:, :, ::-1])):
                kept = relative_score(edge_agreement(after, edges)[scored] - 0.5, before[scored] - 0.5, True)
                line += f"; {name} keeps " + (
                    "nothing to keep" if kept is None else "{:.0%} [{:.0%}, {:.0%}]".format(*kept)
                )
            print(line)


if __name__ == "__main__":
    main()
