"""Arm → phases of a training: which pools of images fill its batches, in which shares.

``source@2N`` trains on as many steps and images a batch as any other arm; only its pool is twice as large.
"""

from __future__ import annotations

from bench.run.jobs.train import PhaseSpec, Pool, StreamSpec
from bench.suites.arms import Arm

REAL_FRACTION = 0.5


def phases_of(arm: Arm, steps: int) -> tuple[PhaseSpec, ...]:
    """How an arm fills its batches over ``steps`` steps (docs/design.md, Arms)."""
    real = StreamSpec(pool="labelled", fraction=REAL_FRACTION, k=arm.k)
    only_real = StreamSpec(pool="labelled", fraction=1.0, k=arm.k)
    rendered: Pool = "refined" if arm.has_refiner else "source"
    if arm.finetune:
        first = steps // 2
        return (
            PhaseSpec(steps=first, streams=(StreamSpec(pool=rendered, fraction=1.0),)),
            PhaseSpec(steps=steps - first, streams=(only_real,)),
        )
    streams: dict[str, tuple[StreamSpec, ...]] = {
        "source": (StreamSpec(pool="source", fraction=1.0),),
        "refined": (StreamSpec(pool="refined", fraction=1.0),),
        "source_refined": (StreamSpec(pool="source", fraction=0.5), StreamSpec(pool="refined", fraction=0.5)),
        "source@2N": (StreamSpec(pool="source@2N", fraction=1.0),),
        "real": (only_real,),
        "hybrid": (StreamSpec(pool=rendered, fraction=1 - REAL_FRACTION), real),
        "refined_hybrid": (StreamSpec(pool=rendered, fraction=1 - REAL_FRACTION), real),
        "oracle": (only_real,),
    }
    return (PhaseSpec(steps=steps, streams=streams[arm.kind]),)
