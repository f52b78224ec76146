"""The cache of a block of rows: memory, positions and the meter."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch

from hyperscale.attention.taps import Heard
from hyperscale.cache.meter import Meter
from hyperscale.cache.policy import LiveLayer, Policy, Selection
from hyperscale.cache.retention import RetentionMeter
from hyperscale.cache.stores import PagedStore, SlotState, SlotStore, Store


@dataclass(frozen=True, slots=True)
class CacheShape:
    """The sizes a cache needs to know of a model."""

    layers: int
    kv_heads: int
    query_heads: int
    head_dim: int
    dtype: torch.dtype
    device: torch.device

    @property
    def group(self) -> int:
        return self.query_heads // self.kv_heads

    @property
    def heads(self) -> int:
        """KV heads over all layers: the number reads are averaged over."""
        return self.layers * self.kv_heads


class KVCache:
    """Slots of all layers for ``rows`` chains decoded together.

    A head's entries occupy slots ``[0, live)``. A policy that evicts one entry leaves a `hole` that the next token fills,
    before anything is read again; `free` takes several at once and fills the holes from the tail. Heads may differ in length;
    of a policy that says so (`Policy.ragged`) memory and work follow each head's own.

    Parameters
    ----------
    observer : callable, optional
        Called as ``observer(layer, positions [R, Hkv, G, n])`` at each attention with the positions read (-1 is padding).
    """

    def __init__(
        self, shape: CacheShape, rows: int, policy: Policy, observer: Callable[[int, torch.Tensor], None] | None = None
    ) -> None:
        self.shape, self.rows, self.observer = shape, rows, observer
        device = shape.device
        self._states: list[SlotState] = []
        self.store: Store
        if policy.ragged:
            self.store = PagedStore(shape, rows)
        else:
            self.positions = self.slot_state(torch.int32, -1)
            self.store = SlotStore(shape, rows, self.positions)
        self.layers = self.store.layers
        self.live = torch.zeros(shape.layers, rows, shape.kv_heads, dtype=torch.int64, device=device)
        self.hole = torch.full_like(self.live, -1)
        self.slots = torch.zeros_like(self.live)  # where this step's entries go
        self.active = torch.zeros(rows, dtype=torch.bool, device=device)
        self.capacity = torch.ones(rows, dtype=torch.int64, device=device)
        self.row_positions = torch.zeros(rows, dtype=torch.int64, device=device)  # position of the token being processed
        self._filed = torch.full_like(self.row_positions, -1, dtype=torch.int32)  # the same as stored: filler has position -1
        self.meter = Meter(rows, device)
        self.retention = RetentionMeter(shape, rows)
        self.policy = policy.bind(self)

    def slot_state(self, dtype: torch.dtype, fill: float) -> SlotState:
        """A new `SlotState` that this cache keeps in step with its slots."""
        shape = self.shape
        values = torch.full((shape.layers, self.rows, shape.kv_heads, 0), fill, dtype=dtype, device=shape.device)
        self._states.append(SlotState(values, fill))
        return self._states[-1]

    @property
    def nbytes(self) -> int:
        """Bytes held for keys and values, and where they are paged for positions and page tables."""
        return self.store.nbytes

    def held(self, layer: int) -> torch.Tensor:
        """Position in each slot, ``[R, Hkv, slots]``, -1 is empty."""
        return self.store.held(layer)

    # --- rows ---------------------------------------------------------------------------------------------------------

    def load(self, row: int, layers: list[LiveLayer], capacity: int) -> None:
        """Fill a row with a problem's first live set; whatever chain had the row before is forgotten."""
        for number, live in enumerate(layers):
            self.store.load(number, row, live)
            self.live[number, row] = live.keys.shape[1] if live.lengths is None else live.lengths
        self._grow_states()
        self.hole[:, row] = -1
        self.active[row] = True
        self.capacity[row] = capacity
        self.policy.load(row, layers)
        self.meter.start_row(row)
        self.retention.start_row(row)

    def unload(self, row: int) -> list[LiveLayer]:
        """A row's live set in order of position, the hole left by an eviction closed; what `load` takes."""
        layers = []
        for number in range(self.shape.layers):
            positions = self.held(number)[row]  # [Hkv, slots]
            order = torch.where(positions >= 0, positions, torch.iinfo(positions.dtype).max).argsort(-1)
            lengths = (positions >= 0).sum(-1)
            slots = order[:, : int(lengths.max())]
            keys, values = self.store.gather(number, row, slots)
            scores = self.policy.slot_scores(number, row)
            kept = None if scores is None else scores.gather(-1, slots)
            alike = bool((lengths == lengths[0]).all())
            layers.append(LiveLayer(keys, values, positions.gather(-1, slots).long(), kept, None if alike else lengths))
        return layers

    def clear(self, row: int) -> None:
        """Leave a row idle: it goes on as filler that counts as one entry and is never reported."""
        self.active[row] = False
        self.live[:, row] = 0
        self.hole[:, row] = -1
        self.store.clear(row)

    # --- a step -------------------------------------------------------------------------------------------------------

    def begin_step(self, positions: torch.Tensor) -> None:
        """Assign slots to the tokens at ``positions [R]``, in all layers if the policy can tell them already."""
        self.row_positions = positions
        slots = self.policy.place()
        if slots is not None:
            self._settle(slice(None), slots)

    def tapped(self, layer: int, heard: Heard) -> None:
        """What a layer's tap heard, just before that layer's `attend`."""
        self.policy.tapped(layer, heard)

    def attend(self, layer: int, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, scaling: float) -> torch.Tensor:
        """Store one token per row and attend to what the policy lets it read.

        ``q [R, Hq, 1, D]``, ``k, v [R, Hkv, 1, D]``; returns ``[R, 1, Hq, D]``.
        """
        shape, policy = self.shape, self.policy
        slots = policy.late(layer)
        if slots is not None:
            self._settle(slice(layer, layer + 1), slots[None])
        live = self.live[layer]
        keys, values = policy.write(layer, k[:, :, 0], v[:, :, 0])
        self.store.write(layer, self.slots[layer], keys, values, self._filed)
        policy.wrote(layer, keys)
        metadata = policy.metadata(layer)
        self.meter.hold(live if metadata is None else live + metadata)
        self.retention.hold(layer, live)
        queries = q.view(self.rows, shape.kv_heads, shape.group, shape.head_dim)
        selection = policy.select(layer, queries)
        if selection is None:
            self.meter.read(live)
            again = policy.reread(layer)
            if again is not None:
                self.meter.read_aux(again)
            output = self._attend_live(layer, queries, scaling)
        else:
            self.meter.read(selection.fetched)
            self.meter.read_aux(selection.scored)
            output = self._attend_selected(layer, queries, selection, scaling)
            others = (self.active & ~selection.selecting).nonzero()[:, 0]
            if len(others):
                output[others] = self.store.attend_rows(layer, queries, others, live, scaling)
        return output.view(self.rows, 1, shape.query_heads, shape.head_dim)

    def end_step(self) -> None:
        self.meter.end_step()
        self.retention.end_step(self.row_positions)

    def _settle(self, layers: slice, slots: torch.Tensor) -> None:
        """This step's tokens go to ``slots [l, R, Hkv]`` of some layers; filler goes to slot 0."""
        working = self.active[None, :, None]
        slots = torch.where(working, slots, 0)
        longer = working & (slots >= self.live[layers])
        self.slots[layers] = slots
        self.live[layers] = torch.where(working, torch.maximum(self.live[layers], slots + 1), 1)
        self.hole[layers] = -1
        self._filed = torch.where(self.active, self.row_positions, -1).to(torch.int32)
        self.store.settle(layers, slots, self.live[layers], longer, self._filed)
        self._grow_states()

    def _grow_states(self) -> None:
        for state in self._states:
            state.grow(self.store.slots)

    def _attend_live(self, layer: int, queries: torch.Tensor, scaling: float) -> torch.Tensor:
        output, weights = self.store.attend(layer, queries, self.live[layer], scaling, self.policy.needs_weights)
        if self.observer is not None:
            self.observer(layer, self.held(layer)[:, :, None].expand(-1, -1, self.shape.group, -1))
        if weights is not None:
            self.policy.observe(layer, weights)
        return output

    def _attend_selected(self, layer: int, queries: torch.Tensor, selection: Selection, scaling: float) -> torch.Tensor:
        if self.observer is not None:
            everywhere = self.held(layer)[:, :, None].expand(-1, -1, self.shape.group, -1)
            self.observer(layer, torch.where(selection.valid, everywhere.gather(-1, selection.slots), -1))
        return self.store.attend_selected(layer, queries, selection, scaling)

    # --- evictions ----------------------------------------------------------------------------------------------------

    def evict(self, layer: int, slots: torch.Tensor) -> None:
        """Drop one entry per head, ``slots [R, Hkv]`` (-1: none); the next token overwrites it."""
        self.hole[layer] = slots
        self.store.forget(layer, slots)

    def free(self, layer: int, slots: torch.Tensor) -> None:
        """Drop every entry where ``slots [R, Hkv, n]`` (bool) is set, and fill the holes from the tail."""
        number = torch.arange(slots.shape[-1], device=slots.device)
        gone = slots & (number < self.live[layer][..., None])
        left = self.live[layer] - gone.sum(-1)
        holes = gone & (number < left[..., None])
        movers = ~gone & (number >= left[..., None]) & (number < self.live[layer][..., None])
        row, head, target = holes.nonzero(as_tuple=True)
        source = movers.nonzero(as_tuple=True)[2]  # as many per head as there are holes, in the same order of heads
        self.store.move(layer, row, head, source, target)
        dead = number >= left[..., None]
        for state in self._states:
            values = state.values[layer]
            values[row, head, target] = values[row, head, source]
            values[..., : slots.shape[-1]].masked_fill_(dead, state.fill)
        self.store.shorten(layer, left)
        self.live[layer] = left
