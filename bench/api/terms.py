"""Terms shared by all contracts: budgets, limits, label spaces and described plug-in choices."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field


class Frozen(BaseModel):
    """Base of all parameter and specification models: immutable, unknown keys refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Limits(Frozen):
    """Upper bounds on the images taken from each split; ``None`` takes all.

    A pair must make smaller sets prefixes of larger ones.
    """

    source_images: int | None = Field(default=None, ge=1, strict=True)
    target_images: int | None = Field(default=None, ge=1, strict=True)
    test_images: int | None = Field(default=None, ge=1, strict=True)


class Budget(Frozen):
    """A named limit on work.

    Attributes
    ----------
    name: what learned refiners size themselves by.
    train_steps, batch_size: of a task's training; they bind every arm alike.
    fit_steps: the most steps (rounds, of two players) that a refiner's fit may take, in smoke runs and tests. ``None``:
        as many as it needs.
    """

    name: Literal["light", "standard", "paper"]
    train_steps: int
    batch_size: int
    fit_steps: int | None = None

    def fit_at_most(self, n_steps: int) -> int:
        """The steps of a fit that needs ``n_steps``."""
        return n_steps if self.fit_steps is None else min(n_steps, self.fit_steps)


class LabelSpace(Frozen):
    """What a task needs to know about a pair to build and score a model.

    Attributes
    ----------
    class_names: in id order.
    width, height: the working size in pixels.
    inputs: the input columns that a model gets.
    depth_range_m: nearest and farthest depth that the pair labels, in metres.
    safe_distance_m: free distance that a vehicle needs, in metres.
    """

    class_names: tuple[str, ...]
    width: int
    height: int
    inputs: tuple[str, ...] = ("image",)
    depth_range_m: tuple[float, float] | None = None
    safe_distance_m: float | None = None


class Described(Frozen):
    """A resolved plug-in choice: everything that determines its behaviour.

    ``digest`` is that of the plug-in's source file (empty for built-ins: the keys of their jobs see the code);
    ``contents`` are digests of the files and folders that its parameters name.
    """

    name: str
    version: int
    params: dict[str, Any] = {}
    digest: str = ""
    contents: dict[str, str] = {}

    def identity(self) -> dict[str, Any]:
        """What ids are hashed from: a path counts by its content, not its location."""
        described = self.model_dump()
        described["params"] = {key: value for key, value in self.params.items() if key not in self.contents}
        return described


Fit = Literal["resize", "letterbox"]
