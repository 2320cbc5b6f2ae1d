"""The contracts between the harness and its plug-ins: :class:`Refiner`, :class:`Task` and :class:`Pair`.

Plug-ins import them from here. Nothing here imports torch, so that planning and listing stay cheap; tensors appear in
annotations alone.

Who calls what, and when
------------------------
*prepare* ``Pair.source``/``Pair.target`` once → *fit* ``Refiner.fit`` once for each (pair, refiner seed) →
*refine* ``Refiner.refine`` batch by batch over ``source_train`` and ``source_val`` → *train* ``Task.build``,
``Task.loss`` → *score* ``Task.predict``, ``Task.statistics``, ``Task.score``. A refiner never sees the target's
labels nor its test images, and never scores itself.
"""

from bench.api.errors import PluginError, UserError
from bench.api.imageset import ImageSet, UnlabelledImages
from bench.api.pair import Pair, SourceSplits, TargetSplits
from bench.api.refiner import Checkpoint, FitContext, Need, Reads, RefineBatch, Refiner, SourceFile
from bench.api.task import ADAMW, Metric, ModelParams, ModelSpec, Optimiser, Task
from bench.api.terms import Budget, Described, Fit, Frozen, LabelSpace, Limits

__all__ = [
    "ADAMW",
    "Budget",
    "Checkpoint",
    "Described",
    "Fit",
    "FitContext",
    "Frozen",
    "ImageSet",
    "LabelSpace",
    "Limits",
    "Metric",
    "ModelParams",
    "ModelSpec",
    "Need",
    "Optimiser",
    "Pair",
    "PluginError",
    "Reads",
    "RefineBatch",
    "Refiner",
    "SourceFile",
    "SourceSplits",
    "TargetSplits",
    "Task",
    "UnlabelledImages",
    "UserError",
]
