"""Suite to jobs: pure functions."""

from bench.run.plan.make_plan import (
    make_plan,
)

__all__ = [
    "make_plan",
]
