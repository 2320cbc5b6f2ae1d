"""What the fork server loads before it forks workers: the worker's code with torch, and care for orphans."""

from __future__ import annotations

import warnings

import bench.run.executors.worker  # noqa: F401 (loaded here once, for all workers)
from bench.run.executors.descendants import adopt_orphans

adopt_orphans()
# The end of an orphan that was adopted is nothing to warn of.
warnings.filterwarnings("ignore", message="forkserver: waitpid returned unexpected pid")
