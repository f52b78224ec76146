"""What a retrofit is asked to do."""

import hashlib
import json
import math
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from hyperscale.heads import LearnedHeads
from hyperscale.retrofit.data import Batching
from hyperscale.retrofit.loss import Divergence
from hyperscale.retrofit.schedule import Schedule


class Trains(StrEnum):
    """Which weights a retrofit changes."""

    ADAPTER = "adapter"  # new projections only, the model stays as it is
    FULL = "full"  # all weights; decisions come from a borrowed coordinate, nothing is added
    JOINT = "joint"  # all weights and new projections: nothing is borrowed, so nothing has to be faded out first


@dataclass(frozen=True, slots=True)
class Recipe:
    """Everything that decides what a retrofit's weights become, data and model aside.

    Attributes
    ----------
    heads : LearnedHeads
        How decisions will be read; ``ratio`` is the target.
    rate : float
        Learning rate of AdamW.
    warm_up : int
        Steps in which it rises to that.
    final_rate : float
        What it falls to, along a cosine, as a share of `rate`; 1 keeps it constant, as the paper does.
    batch_tokens : int
        Most tokens of a batch, per process.
    batching : Batching
        Which rows make a batch.
    average : float
        Decay of the moving average of the weights that snapshots are taken from; 0 takes the weights themselves.
    """

    heads: LearnedHeads
    trains: Trains
    schedule: Schedule
    rate: float
    batch_tokens: int
    batching: Batching = Batching.MIXED
    divergence: Divergence = Divergence.FORWARD
    warm_up: int = 0
    final_rate: float = 1.0
    average: float = 0.0
    seed: int = 0

    def rate_at(self, step: int) -> float:
        """Learning rate of the given step."""
        cosine = 0.5 * (1 + math.cos(math.pi * step / self.schedule.steps))
        return self.rate * min(1.0, (step + 1) / (self.warm_up + 1)) * (self.final_rate + (1 - self.final_rate) * cosine)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    def digest(self, weights_hash: str, data_hash: str, dtype: str, processes: int) -> str:
        """What a resumed training must have in common with the one it goes on with."""
        content = json.dumps([self.to_json(), weights_hash, data_hash, dtype, processes], sort_keys=True)
        return hashlib.sha256(content.encode()).hexdigest()[:16]
