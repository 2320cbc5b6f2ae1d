"""The global random states, which no plug-in may touch: read, compared, seeded."""

from __future__ import annotations

import pickle
import random

import numpy as np
import torch


def global_states() -> dict[str, bytes]:
    """The global random states by name, comparable; of NumPy the legacy one, which is the one plug-ins disturb."""
    return {
        "random": pickle.dumps(random.getstate()),
        "numpy.random": pickle.dumps(np.random.get_state()),  # noqa: NPY002
        "torch": pickle.dumps(torch.get_rng_state().numpy()),
    }


def seed_global(seed: int) -> None:
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002
    torch.manual_seed(seed)
