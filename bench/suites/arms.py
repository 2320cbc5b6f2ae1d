"""The arms (docs/design.md): how a training set is composed. One grammar for suites, plans, records and reports.

source, refined, source_refined, source@2N, end_to_end, oracle, adabn
real@K, hybrid@K, refined_hybrid@K       K labelled real images; the hybrids also as hybrid@K:finetune
real@{5,10,20}                           in a suite: one arm for each K, for a curve
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from bench.api import UserError
from bench.api.names import nearest

SIMPLE = ("source", "refined", "source_refined", "source@2N", "end_to_end", "oracle", "adabn")
COUNTED = ("real", "hybrid", "refined_hybrid")
WITH_REFINER = ("refined", "source_refined", "refined_hybrid", "end_to_end")
REFINED = ("refined", "source_refined", "refined_hybrid")
"""Arms that train on a stored refined set."""
WITH_TARGET_LABELS = ("real", "hybrid", "refined_hybrid", "oracle")


def grid(text: str) -> tuple[str, ...]:
    """The arms that a suite's entry stands for.

    >>> grid("hybrid@{5,10}:finetune")
    ('hybrid@5:finetune', 'hybrid@10:finetune')
    """
    match = re.fullmatch(r"([^{}]*@)\{([^{}]*)\}([^{}]*)", text)
    if match is None:
        return (text,)
    return tuple(f"{match[1]}{k.strip()}{match[3]}" for k in match[2].split(","))


@dataclass(frozen=True)
class Arm:
    """How a training set is composed: ``kind``, number of labelled real images, order of training.

    ``finetune`` trains on the synthetic part first and on the real part afterwards, half of the steps each, instead of
    mixing both in every batch.
    """

    kind: str
    k: int | None = None
    finetune: bool = False

    @classmethod
    def parse(cls, text: str) -> Arm:
        """``refined``, ``source@2N``, ``hybrid@50``, ``hybrid@50:finetune`` …; :class:`UserError` otherwise."""
        if text in SIMPLE:
            return cls(text)
        match = re.fullmatch(r"(\w+)@(\d+)(:finetune)?", text)
        if match and match[1] in COUNTED and int(match[2]) > 0 and not (match[3] and match[1] == "real"):
            return cls(match[1], int(match[2]), bool(match[3]))
        forms = [*SIMPLE, *(f"{kind}@K" for kind in COUNTED)]
        asked = re.sub(r"@\d+", "@K", text)
        raise UserError(
            f"no arm {text!r}{nearest(asked, forms)} Available: {', '.join(forms)} (K: number of labelled real images; "
            "hybrids also as 'hybrid@K:finetune'; several as 'real@{5,10,20}')."
        )

    def __str__(self) -> str:
        return self.kind + (f"@{self.k}" if self.k else "") + (":finetune" if self.finetune else "")

    @property
    def has_refiner(self) -> bool:
        return self.kind in WITH_REFINER

    @property
    def has_target_labels(self) -> bool:
        return self.kind in WITH_TARGET_LABELS
