"""The weights of a player and what moves them: Adam, clipping, an exponential moving average."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from bench.training.adversarial.game import Game, Optimisation


class Learner:
    """A player's weights and its Adam, with clipping."""

    def __init__(self, game: Game, player: nn.Module, optimisation: Optimisation) -> None:
        self._player, self._parameters = player, [p for p in player.parameters() if p.requires_grad]
        own = {name: set(getattr(game, name).parameters()) for name in optimisation.own}
        shared = [p for p in self._parameters if not any(p in members for members in own.values())]
        groups: list[dict[str, Any]] = [{"params": shared, "rate": optimisation.learning_rate}]
        for name, adam in optimisation.own.items():
            members = [p for p in self._parameters if p in own[name]]
            groups.append({"params": members, "rate": adam.learning_rate, "betas": adam.betas})
        self._adam = torch.optim.Adam(
            [group for group in groups if group["params"]],
            betas=optimisation.betas,
            weight_decay=optimisation.weight_decay,
            fused=True,
        )
        self._max_norm = optimisation.max_gradient_norm

    def learn(self, learns: bool) -> None:
        """Whether gradients reach the weights; what a network keeps fixed stays so."""
        for parameter in self._parameters:
            parameter.requires_grad_(learns)

    def step(self, loss: Tensor, factor: float) -> None:
        for group in self._adam.param_groups:
            group["lr"] = group["rate"] * factor
        self._adam.zero_grad()
        loss.backward()
        if self._max_norm is not None:
            nn.utils.clip_grad_norm_(self._parameters, self._max_norm)
        self._adam.step()

    def state(self) -> dict[str, Tensor]:
        weights = {f"weights.{name}": tensor for name, tensor in self._player.state_dict().items()}
        return weights | {
            f"adam.{number}.{name}": tensor
            for number, parameter in enumerate(self._parameters)
            for name, tensor in self._adam.state.get(parameter, {}).items()
        }

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Values are copied into tensors of the parameters' own memory layout, which fused Adam relies on."""
        weights = {key.removeprefix("weights."): state[key] for key in state if key.startswith("weights.")}
        self._player.load_state_dict(weights)
        for key in state.keys() - {f"weights.{name}" for name in weights}:
            _, number, name = key.split(".")
            parameter = self._parameters[int(number)]
            like = torch.empty_like(parameter, requires_grad=False)
            of_parameter = self._adam.state[parameter]
            of_parameter[name] = state[key].to(like.device) if name == "step" else like.copy_(state[key])


class Average:
    """Exponential moving average of a network's parameters; running statistics stay the network's own."""

    def __init__(self, network: nn.Module, decay: float) -> None:
        self._parameters = list(network.parameters())
        self._averages = [parameter.detach().clone() for parameter in self._parameters]
        self._decay = decay

    def update(self) -> None:
        for average, parameter in zip(self._averages, self._parameters, strict=True):
            average.lerp_(parameter.detach(), 1 - self._decay)

    def install(self) -> None:
        with torch.no_grad():
            for average, parameter in zip(self._averages, self._parameters, strict=True):
                parameter.copy_(average)

    def state(self) -> dict[str, Tensor]:
        return {str(number): average for number, average in enumerate(self._averages)}

    def restore(self, state: Mapping[str, Tensor]) -> None:
        for number, average in enumerate(self._averages):
            average.copy_(state[str(number)])
