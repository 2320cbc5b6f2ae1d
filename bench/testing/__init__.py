"""Conformance of plug-ins: :func:`check_refiner` and :func:`check_task`."""

from bench.testing.check_plugin import (
    N_SOURCE,
    TOY_STEPS,
    ConformanceError,
    Violation,
    check_refiner,
    check_task,
    toy_images,
)

__all__ = [
    "N_SOURCE",
    "TOY_STEPS",
    "ConformanceError",
    "Violation",
    "check_refiner",
    "check_task",
    "toy_images",
]
