"""Where jobs run: the contract, and the local executor."""

from bench.run.executors.contract import (
    HEARTBEAT,
    STARTED,
    Busy,
    Done,
    Event,
    Executor,
    Failed,
    Notice,
    Progress,
    WorkOrder,
)

__all__ = [
    "HEARTBEAT",
    "STARTED",
    "Busy",
    "Done",
    "Event",
    "Executor",
    "Failed",
    "Notice",
    "Progress",
    "WorkOrder",
]
