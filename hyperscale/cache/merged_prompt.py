"""Prefill of one prompt whose tokens merge into each other as they come."""

from __future__ import annotations

from typing import Protocol

import torch
from torch.nn import functional as F

from hyperscale.attention.merging import importance, merged
from hyperscale.attention.taps import Heard, rotated
from hyperscale.cache.policy import LiveLayer
from hyperscale.cache.prompt import Observer
from hyperscale.cache.sparse_prompt import QUERY_CHUNK, attend_visible, kept, observe_visible


class Merging(Protocol):
    """What a merged prompt must know of its policy."""

    @property
    def span(self) -> int:
        """Most tokens of an entry that count."""

    def joins(self, heard: Heard) -> torch.Tensor:
        """Which tokens join the entry before them, ``[B, Hkv, T]`` bool."""


class MergedPrompt:
    """Stands where a `KVCache` stands during prefill.

    A query sees its own entry as it is then, and of the earlier ones those that no later token has joined.
    """

    chunk: int | None = None

    def __init__(self, policy: Merging, observer: Observer | None) -> None:
        self.policy, self.observer = policy, observer
        self.layers: list[LiveLayer] = []
        self._visible = self._heads = 0
        self._heard: Heard | None = None

    @property
    def reads(self) -> float:
        """Entries attended to, averaged over layers and KV heads."""
        return self._visible / self._heads

    def tapped(self, layer: int, heard: Heard) -> None:
        self._heard = heard

    def attend(self, layer: int, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, scaling: float) -> torch.Tensor:
        """``q [1, Hq, P, D]``, ``k, v [1, Hkv, P, D]`` -> ``[1, P, Hq, D]``."""
        heard = self._heard
        assert heard is not None
        raw, before_rope, cos, sin = heard.merging()
        heads, length = k.shape[1:3]
        joins = self.policy.joins(heard)
        joins[..., 0] = False  # the first token has nothing to join
        weights = importance(raw)
        log_merge = torch.where(joins, 0.0, -torch.inf)
        means, values = merged(before_rope, v, weights, log_merge, self.policy.span)
        keys = rotated(means, cos, sin)
        joined = F.pad(joins[0, :, 1:], (0, 1))  # [Hkv, P]: a later token is in the entry too
        output = self._attention(layer, q, keys, values, joined, scaling)
        positions = torch.arange(length, device=k.device).expand(heads, -1)
        live = kept(keys[0], values[0], positions, torch.zeros_like(joined), ~joined)
        tail = slice(max(0, length - self.policy.span), length)
        ages = run_lengths(joins[0])[:, -1]
        newest = (before_rope[0, :, tail], v[0, :, tail], weights[0, :, tail], ages)
        self.layers.append(LiveLayer(live.keys, live.values, live.positions, None, live.lengths, newest))
        return output

    def _attention(
        self, layer: int, q: torch.Tensor, keys: torch.Tensor, values: torch.Tensor, joined: torch.Tensor, scaling: float
    ) -> torch.Tensor:
        heads, length = keys.shape[1:3]
        queries = q[0].view(heads, -1, *q.shape[2:])  # [Hkv, G, P, D]
        position = torch.arange(length, device=q.device)
        outputs = []
        for first in range(0, length, QUERY_CHUNK):
            query = position[first : first + QUERY_CHUNK, None]
            visible = (position == query) | ((position < query) & ~joined[:, None])  # [Hkv, T, P]
            self._visible += int(visible.sum())
            part = queries[:, :, first : first + QUERY_CHUNK]
            outputs.append(attend_visible(part, keys[0], values[0], visible, scaling))
            observe_visible(self.observer, layer, visible, position, part.shape[1])
        self._heads += heads
        return torch.cat(outputs, 2).flatten(0, 1).transpose(0, 1)[None]


def run_lengths(joins: torch.Tensor) -> torch.Tensor:
    """How many tokens the entry of each token holds by then, ``[H, T]`` from ``joins [H, T]``."""
    place = torch.arange(joins.shape[1], device=joins.device)
    started = torch.where(joins, 0, place).cummax(-1).values
    return place - started + 1
