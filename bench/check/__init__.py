"""``python -m bench check``: what a referee would object to in a results folder."""

from bench.check.check_results import (
    Verdict,
    check_results,
)

__all__ = [
    "Verdict",
    "check_results",
]
