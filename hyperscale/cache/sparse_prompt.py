"""Sparse prefill of one prompt: the rule of delayed eviction, applied inside the prompt's own attention."""

from __future__ import annotations

from typing import Protocol

import torch
from torch.nn import functional as F

from hyperscale.attention.taps import Heard
from hyperscale.cache.policy import LiveLayer
from hyperscale.cache.prompt import Observer

QUERY_CHUNK = 256  # prompt queries whose mask exists at once


class DelayedEviction(Protocol):
    """What a sparse prompt must know of its policy."""

    chunk: int

    @property
    def delay(self) -> int:
        """w: tokens that see an entry after its own, marked or not."""

    @property
    def lag(self) -> int:
        """Tokens from an entry to the one whose decision is about it."""

    def marks(self, heard: Heard) -> torch.Tensor:
        """Decisions of the tokens heard, ``[B, Hkv, T]`` bool."""


class SparsePrompt:
    """Stands where a `KVCache` stands during prefill, for one chunk of the prompt after the other.

    Query q sees key k iff ``q >= k and (q - k <= w or not marked(k))``. A decision that the next chunk brings (or the first
    decoded token) can only matter there: an entry outlives the decision about it by at least one token. Between chunks only
    entries that the chunk's last query sees are kept, so chunks, one shot, and token by token are the same.

    Attributes
    ----------
    layers : list of LiveLayer
        What is kept, in order of position, the marks as ``scores``.
    """

    def __init__(self, policy: DelayedEviction, observer: Observer | None) -> None:
        self.policy, self.observer, self.chunk = policy, observer, policy.chunk
        self.layers: list[LiveLayer] = []
        self._visible: int | torch.Tensor = 0  # pairs of a query and a key it sees, over all layers and KV heads
        self._heads = 0
        self._marks = torch.empty(0)

    @property
    def reads(self) -> float:
        """Entries attended to, averaged over layers and KV heads."""
        return int(self._visible) / self._heads

    def tapped(self, layer: int, heard: Heard) -> None:
        """The decisions of this chunk's tokens."""
        self._marks = self.policy.marks(heard)[0]

    def attend(self, layer: int, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, scaling: float) -> torch.Tensor:
        """``q [1, Hq, T, D]``, ``k, v [1, Hkv, T, D]`` -> ``[1, T, Hq, D]``."""
        if layer == len(self.layers):
            self.layers.append(_nothing(k[0]))
            self._heads += k.shape[1]
        held = self.layers[layer]
        heads, tokens = k.shape[1:3]
        start = int(held.positions.max()) + 1 if held.positions.numel() else 0
        new = torch.arange(start, start + tokens, device=k.device).expand(heads, -1)
        keys, values = torch.cat([held.keys, k[0]], 1), torch.cat([held.values, v[0]], 1)
        positions = torch.cat([held.positions, new], 1)  # [Hkv, n], -1 is padding
        assert held.scores is not None
        marked = self._decided(positions, torch.cat([held.scores > 0, torch.zeros_like(new, dtype=torch.bool)], 1), start)
        queries = q.view(heads, -1, tokens, q.shape[-1])  # [Hkv, G, T, D]
        outputs = []
        for first in range(0, tokens, QUERY_CHUNK):
            part = queries[:, :, first : first + QUERY_CHUNK]
            end = held.keys.shape[1] + min(first + QUERY_CHUNK, tokens)  # later keys are the future
            visible = self._sees(new[:, first : first + QUERY_CHUNK], positions[:, :end], marked[:, :end])
            self._visible = visible.sum() + self._visible
            outputs.append(attend_visible(part, keys[:, :end], values[:, :end], visible, scaling))
            observe_visible(self.observer, layer, visible, positions[:, :end], part.shape[1])
        last = new[:, -1:]
        self.layers[layer] = kept(keys, values, positions, marked, self._sees(last, positions, marked)[:, 0])
        return torch.cat(outputs, 2).flatten(0, 1).transpose(0, 1)[None]

    def _decided(self, positions: torch.Tensor, marked: torch.Tensor, start: int) -> torch.Tensor:
        """Marks with this chunk's decisions filled in, its first token being `start`."""
        about = positions + self.policy.lag - start  # token of this chunk that decides about each entry
        arrived = (positions >= 0) & (about >= 0) & (about < self._marks.shape[1])
        return torch.where(arrived, self._marks.gather(1, about.clamp(0, self._marks.shape[1] - 1)), marked)

    def _sees(self, queries: torch.Tensor, positions: torch.Tensor, marked: torch.Tensor) -> torch.Tensor:
        """Whether ``queries [Hkv, T]`` see the keys at ``positions [Hkv, n]``: ``[Hkv, T, n]``."""
        age = queries[..., None] - positions[:, None]
        return (positions >= 0)[:, None] & (age >= 0) & ((age <= self.policy.delay) | ~marked[:, None])


def attend_visible(
    q: torch.Tensor, keys: torch.Tensor, values: torch.Tensor, visible: torch.Tensor, scaling: float
) -> torch.Tensor:
    """``q [Hkv, G, T, D]`` over the ``keys, values [Hkv, n, D]`` that ``visible [Hkv, T, n]`` lets each query see."""
    shape = (*q.shape[:2], *keys.shape[1:])
    seen = keys[:, None].expand(shape), values[:, None].expand(shape)
    return F.scaled_dot_product_attention(q, *seen, attn_mask=visible[:, None], scale=scaling)


def observe_visible(observer: Observer | None, layer: int, visible: torch.Tensor, positions: torch.Tensor, group: int) -> None:
    """Tell an observer, query by query, at which ``positions [Hkv, n]`` (or ``[n]``) the visible keys lie."""
    if observer is None:
        return
    for query in visible.unbind(1):
        seen = torch.where(query, positions, -1)
        observer(layer, seen[None, :, None].expand(-1, -1, group, -1))


def _nothing(keys: torch.Tensor) -> LiveLayer:
    empty = keys[:, :0]
    positions = torch.zeros(empty.shape[:2], dtype=torch.int64, device=keys.device)
    return LiveLayer(empty, empty, positions, positions.float(), positions.sum(1))


def kept(
    keys: torch.Tensor, values: torch.Tensor, positions: torch.Tensor, marked: torch.Tensor, kept: torch.Tensor
) -> LiveLayer:
    """The entries where ``kept [Hkv, n]``, in the same order, padded to the longest head."""
    lengths = kept.sum(1)
    slots = (~kept).sort(stable=True, dim=1).indices[:, : int(lengths.max())]
    padding = torch.arange(slots.shape[1], device=slots.device) >= lengths[:, None]
    index = slots[..., None].expand(-1, -1, keys.shape[-1])
    scores = marked.gather(1, slots).float().masked_fill_(padding, 0.0)
    places = positions.gather(1, slots).masked_fill_(padding, -1)
    return LiveLayer(keys.gather(1, index), values.gather(1, index), places, scores, lengths)
