"""What can run next, in order of rank: heaps, so that the cost per job grows with the logarithm of their number.

Several jobs with one action key are one piece of work: a *group*, which starts when the first rank among them has its
turn. The queue knows ids, keys and ranks; what they mean is the runner's business.
"""

from __future__ import annotations

import heapq
import time
from collections.abc import Iterable, Mapping

Rank = tuple[bool, int]


class WorkQueue:
    """Jobs whose inputs are there (*arrived*), and groups of jobs that wait for a worker.

    Parameters
    ----------
    ranks: the rank of every job; lower ones come first.
    arrived: jobs that need no input.
    """

    def __init__(self, ranks: Mapping[str, Rank], arrived: Iterable[str]) -> None:
        self._ranks = ranks
        self._arrived = sorted((ranks[job_id], job_id) for job_id in arrived)
        self._groups: dict[str, list[str]] = {}
        self._offers: list[tuple[Rank, str]] = []
        self._postponed: list[tuple[float, str]] = []

    def __bool__(self) -> bool:
        """Whether any job has arrived or waits for a worker."""
        return bool(self._arrived or self._groups)

    def arrive(self, job_id: str) -> None:
        """The last input of a job is there."""
        heapq.heappush(self._arrived, (self._ranks[job_id], job_id))

    def pop_arrived(self) -> str | None:
        """The job of lowest rank among those that arrived; ``None`` if there is none."""
        return heapq.heappop(self._arrived)[1] if self._arrived else None

    def __contains__(self, key: str) -> bool:
        return key in self._groups

    def add(self, key: str, job_id: str) -> None:
        """Let a job wait for a worker, together with those of the same key."""
        self._groups.setdefault(key, []).append(job_id)
        heapq.heappush(self._offers, (self._ranks[job_id], key))

    def postpone(self, key: str, job_ids: list[str], seconds: float) -> None:
        """Put a group that had started back, to start again after ``seconds`` at the earliest."""
        self._groups[key] = job_ids
        heapq.heappush(self._postponed, (time.monotonic() + seconds, key))

    def pop_group(self) -> tuple[str, list[str]] | None:
        """The key and jobs of the group whose turn it is; ``None`` if none may start now."""
        now = time.monotonic()
        while self._postponed and self._postponed[0][0] <= now:
            _, key = heapq.heappop(self._postponed)
            heapq.heappush(self._offers, (self._ranks[self._groups[key][0]], key))
        while self._offers:
            _, key = heapq.heappop(self._offers)
            if key in self._groups:  # else it was offered by several of its jobs, and has started
                return key, self._groups.pop(key)
        return None
