"""What the policies have in common whose decisions a model was trained to make."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace
from typing import ClassVar, Self

import torch

from hyperscale.attention.taps import Heard
from hyperscale.budget import Budget
from hyperscale.cache.policy import Holds, Policy
from hyperscale.errors import Refusal, UsageError
from hyperscale.heads import LearnedHeads


@dataclass
class LearnedPolicy(Policy):
    """Needs a model with learned heads of one of its `layouts`, and the ratio they were trained for.

    Parameters
    ----------
    window, offset, scale, ratio
        As in `LearnedHeads`; None is the checkpoint's. A ratio of 1 turns the method off.
    """

    default_budget: ClassVar[str | None] = None
    holds: ClassVar[Holds] = Holds.LEARNED
    prefix_safe: ClassVar[bool] = True
    properties: ClassVar[tuple[str, ...]] = ()  # fields that belong to the checkpoint, like the window
    sources: ClassVar[str]  # where trained models are to be had, and how one is trained, for messages

    window: int | None = None
    offset: float | None = None
    scale: float | None = None
    ratio: float | None = None

    def __post_init__(self) -> None:
        for name in ("offset", "scale"):
            value = getattr(self, name)
            if value is not None and not math.isfinite(value):
                raise UsageError(f"{self.name}: {name} must be a number, not {value}.")
        for name, least in (("window", 0), ("ratio", 1)):
            value = getattr(self, name)
            if value is not None and value < least:
                raise UsageError(f"{self.name}: {name} must be {least} or more, not {value}.")

    def resolved(self, budget: Budget) -> Self:
        if budget.ratio is None:
            raise UsageError(f"{self.name} keeps what its model was trained to keep: a ratio such as 8x, not {budget.label}.")
        if self.ratio not in (None, budget.ratio):
            raise UsageError(f"--set ratio={self.ratio:g} contradicts the budget {budget.label}.")
        return replace(self, ratio=budget.ratio)

    def fitted(self, heads: LearnedHeads | None, model: str) -> Self:
        method = self.name.upper()
        if heads is None or heads.layout not in self.layouts:
            found = f"no {method} heads" if heads is None else f"{heads.method.upper()} heads, which are not {method} heads"
            raise Refusal(
                f"{model} has {found}, and {self.name} needs a model trained for it. {self.sources.format(model=model)}"
            )
        if self.ratio not in (None, 1, heads.ratio) and heads.ratio is not None:
            raise Refusal(
                f"{model} was trained for {heads.ratio:g}x, not {self.ratio:g}x. Use --budget {heads.ratio:g}x, 1x (off), or "
                f"another model. {self.sources.format(model='MODEL')}"
            )
        for name in ("window", *self.properties):
            mine, trained = getattr(self, name), getattr(heads, name)
            if mine not in (None, trained):
                raise Refusal(f"{model} was trained with {name} {trained}, not {mine}: leave it out.")
        known = {field.name for field in fields(heads)}
        mine = [field.name for field in fields(self) if field.name in known and getattr(self, field.name) is None]
        return replace(self, **{name: getattr(heads, name) for name in mine})

    def capacity(self, budget: Budget, prompt_tokens: int, max_len: int) -> int:
        """Nothing bounds a head but the chain's own length: which of them stay dense is the model's choice."""
        return prompt_tokens + max_len

    @property
    def ragged(self) -> bool:
        return not self.off

    @property
    def off(self) -> bool:
        """At 1x everything is as in vanilla, bit for bit."""
        return self.ratio == 1

    def decided(self, heard: Heard) -> torch.Tensor:
        """Which tokens' decisions are positive, ``[B, Hkv, T]`` bool; compared in float32."""
        assert self.scale is not None
        assert self.offset is not None
        return heard.raw.float() * self.scale - self.offset > 0
