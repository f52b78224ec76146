"""Dense prefill of one prompt, turned layer by layer into a policy's first live set."""

from collections.abc import Callable
from typing import Protocol

import torch

from hyperscale.attention.reference import attend_prompt, prompt_last_weights, prompt_weight_sums
from hyperscale.attention.taps import Heard
from hyperscale.cache.policy import LiveLayer, Policy, PromptLayer, PromptStatistics

Observer = Callable[[int, torch.Tensor], None]


class Prompt(Protocol):
    """What stands where a `KVCache` stands during prefill."""

    @property
    def layers(self) -> list[LiveLayer]:
        """What was kept, layer by layer."""

    @property
    def chunk(self) -> int | None:
        """Most tokens of a forward; None takes the whole prompt at once."""

    @property
    def reads(self) -> float:
        """Entries attended to, averaged over layers and KV heads."""

    def tapped(self, layer: int, heard: Heard) -> None:
        """What the layer's tap heard of this forward's tokens, just before `attend`."""

    def attend(self, layer: int, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, scaling: float) -> torch.Tensor:
        """``q [1, Hq, T, D]``, ``k, v [1, Hkv, T, D]`` -> ``[1, T, Hq, D]``."""


class PromptCache:
    """Dense attention over the whole prompt; only what the policy keeps outlives a layer."""

    chunk: int | None = None

    def __init__(self, policy: Policy, capacity: int) -> None:
        self.policy, self.capacity = policy, capacity
        self.layers: list[LiveLayer] = []
        self._length = 0
        self._heard: Heard | None = None

    @property
    def reads(self) -> float:
        """Every token reads those before it and itself."""
        return self._length * (self._length + 1) / 2

    def tapped(self, layer: int, heard: Heard) -> None:
        """What the layer's tap heard of the prompt; the policy gets it with the layer."""
        self._heard = heard

    def attend(self, layer: int, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, scaling: float) -> torch.Tensor:
        """``q [1, Hq, P, D]``, ``k, v [1, Hkv, P, D]`` -> ``[1, P, Hq, D]``."""
        if layer != len(self.layers):
            raise RuntimeError(f"layer {layer} came when {len(self.layers)} was due")
        weights = None
        if self.policy.statistics is PromptStatistics.LAST:
            weights = prompt_last_weights(q, k, scaling)
        elif self.policy.statistics is PromptStatistics.SUMS:
            weights = prompt_weight_sums(q, k, scaling)
        self._length = q.shape[2]
        self.layers.append(self.policy.first(PromptLayer(k[0], v[0], weights, self._heard), self.capacity))
        self._heard = None
        return attend_prompt(q, k, v, scaling)
