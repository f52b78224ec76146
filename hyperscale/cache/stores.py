"""The storage of all layers behind one interface: contiguous where all heads hold the same number, paged where they do not."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

import torch

from hyperscale.attention.reference import attend_pages, attend_slots
from hyperscale.cache.paged import PAGE, PagedStorage
from hyperscale.cache.storage import CHUNK, SlotStorage

if TYPE_CHECKING:
    from hyperscale.cache.cache import CacheShape
    from hyperscale.cache.policy import LiveLayer, Selection


Storage = TypeVar("Storage", SlotStorage, PagedStorage)


class SlotState:
    """A number per slot, ``values [layers, R, Hkv, slots]``, that grows and moves with the slots."""

    def __init__(self, values: torch.Tensor, fill: float) -> None:
        self.values = values
        self.fill = fill

    def grow(self, slots: int) -> None:
        missing = slots - self.values.shape[-1]
        if missing > 0:
            more = self.values.new_full((*self.values.shape[:-1], missing), self.fill)
            self.values = torch.cat([self.values, more], -1)


class Store(Protocol):
    """Entries of all layers, and the position of each. A head's entries lie in slots ``[0, live)``."""

    @property
    def nbytes(self) -> int:
        """Bytes held."""

    @property
    def slots(self) -> int:
        """Slots that a `SlotState` must cover."""

    def settle(
        self, layers: slice, slots: torch.Tensor, live: torch.Tensor, new: torch.Tensor, positions: torch.Tensor
    ) -> None:
        """Make room in ``slots [l, R, Hkv]`` for tokens at ``positions [R]`` (int32, -1: filler); heads end up `live` long.

        `new` marks the slots that make their head longer.
        """

    def write(self, layer: int, slots: torch.Tensor, keys: torch.Tensor, values: torch.Tensor, positions: torch.Tensor) -> None:
        """Store one entry per head: ``slots [R, Hkv]``, ``keys, values [R, Hkv, D]``, ``positions [R]``."""

    def attend(
        self, layer: int, queries: torch.Tensor, live: torch.Tensor, scaling: float, weigh: bool
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        """``queries [R, Hkv, G, D]`` over all entries: the output alike, and if wanted weights ``[R, Hkv, G, slots]``."""

    def attend_selected(self, layer: int, queries: torch.Tensor, selection: Selection, scaling: float) -> torch.Tensor:
        """The same over selected entries alone."""

    def attend_rows(
        self, layer: int, queries: torch.Tensor, rows: torch.Tensor, live: torch.Tensor, scaling: float
    ) -> torch.Tensor:
        """The same over all entries of some ``rows [r]``: with the bits of a block where everybody reads everything."""

    def held(self, layer: int) -> torch.Tensor:
        """Position in each slot, ``[R, Hkv, slots]``, -1 is empty."""

    def load(self, layer: int, row: int, live: LiveLayer) -> None:
        """Replace what a row holds."""

    def gather(self, layer: int, row: int, slots: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Keys and values ``[Hkv, n, D]`` of ``slots [Hkv, n]``."""

    def forget(self, layer: int, slots: torch.Tensor) -> None:
        """Empty one slot per head, ``slots [R, Hkv]`` (-1: none)."""

    def move(self, layer: int, row: torch.Tensor, head: torch.Tensor, source: torch.Tensor, target: torch.Tensor) -> None:
        """Copy entries to other slots of their heads."""

    def shorten(self, layer: int, live: torch.Tensor) -> None:
        """Empty the slots at and beyond ``live [R, Hkv]``."""

    def clear(self, row: int) -> None:
        """Empty a row."""


class _OfLayers(Generic[Storage]):
    """What both stores do alike: heads are numbered row by row in the storage of each layer."""

    def __init__(self, shape: CacheShape, rows: int, kind: Callable[[int, int, torch.dtype, torch.device], Storage]) -> None:
        self.shape, self.rows = shape, rows
        self.layers: list[Storage] = [
            kind(rows * shape.kv_heads, shape.head_dim, shape.dtype, shape.device) for _ in range(shape.layers)
        ]

    @property
    def nbytes(self) -> int:
        return sum(layer.nbytes for layer in self.layers)

    def gather(self, layer: int, row: int, slots: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        storage, heads = self.layers[layer], self._heads(row)
        everyone = torch.zeros(storage.heads, slots.shape[1], dtype=slots.dtype, device=slots.device)
        everyone[heads] = slots
        keys, values = storage.gather(everyone)
        return keys[heads], values[heads]

    def move(self, layer: int, row: torch.Tensor, head: torch.Tensor, source: torch.Tensor, target: torch.Tensor) -> None:
        self.layers[layer].move(row * self.shape.kv_heads + head, source, target)

    def _heads(self, row: int) -> slice:
        return slice(row * self.shape.kv_heads, (row + 1) * self.shape.kv_heads)


class SlotStore(_OfLayers[SlotStorage]):
    """All heads side by side in `SlotStorage`: the fast path of policies whose heads hold the same number of entries."""

    def __init__(self, shape: CacheShape, rows: int, positions: SlotState) -> None:
        super().__init__(shape, rows, SlotStorage)
        self.positions = positions
        self.chunks = 0  # that this step's attention spans

    @property
    def slots(self) -> int:
        return self.layers[0].chunks * CHUNK

    def reserve(self, slots: int) -> None:
        for storage in self.layers:
            storage.reserve(slots)
        self.positions.grow(self.slots)

    def settle(
        self, layers: slice, slots: torch.Tensor, live: torch.Tensor, new: torch.Tensor, positions: torch.Tensor
    ) -> None:
        longest = int(live.max())
        self.chunks = -(-longest // CHUNK)
        self.reserve(longest)
        places = positions.clamp(min=0)[None, :, None, None].expand(*slots.shape, 1)
        self.positions.values[layers].scatter_(-1, slots[..., None], places)

    def write(self, layer: int, slots: torch.Tensor, keys: torch.Tensor, values: torch.Tensor, positions: torch.Tensor) -> None:
        self.layers[layer].write(slots.flatten(), keys.flatten(0, 1), values.flatten(0, 1))

    def attend(
        self, layer: int, queries: torch.Tensor, live: torch.Tensor, scaling: float, weigh: bool
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        storage, chunks = self.layers[layer], self.chunks
        slots = torch.arange(chunks * CHUNK, device=live.device).view(chunks, 1, 1, CHUNK)
        empty = slots >= live.view(1, -1, 1, 1)
        output, weights = attend_slots(queries.flatten(0, 1), storage.keys[:chunks], storage.values[:chunks], empty, scaling)
        by_slot = weights.permute(1, 2, 0, 3).reshape(*queries.shape[:3], chunks * CHUNK) if weigh else None
        return output.view_as(queries), by_slot

    def attend_selected(self, layer: int, queries: torch.Tensor, selection: Selection, scaling: float) -> torch.Tensor:
        storage, heads, run = self.layers[layer], self.rows * self.shape.kv_heads, selection.run
        padding = -selection.slots.shape[-1] % CHUNK
        valid = torch.nn.functional.pad(selection.valid, (0, padding)).flatten(0, 2)  # [N * G, n]
        starts = torch.nn.functional.pad(selection.slots, (0, padding))[..., ::run].flatten(0, 1)  # [N, G, n / run]
        head = torch.arange(heads, device=starts.device)[:, None, None]
        flat = (((starts // CHUNK) * heads + head) * CHUNK + starts % CHUNK).flatten(0, 1) // run  # [N * G, n / run]
        by_chunk = flat.view(flat.shape[0], -1, CHUNK // run).transpose(0, 1)  # [C, N * G, CHUNK / run]
        shape = (*by_chunk.shape[:2], CHUNK, self.shape.head_dim)
        # whole runs are copied, and by index_select: entries one by one, or indexing with a tensor, take several times as long
        keys, values = (
            entries.view(-1, run * self.shape.head_dim).index_select(0, by_chunk.flatten()).view(shape)
            for entries in (storage.keys, storage.values)
        )
        empty = ~valid.view(valid.shape[0], -1, CHUNK).transpose(0, 1)[:, :, None]
        return attend_slots(queries.flatten(0, 2)[:, None], keys, values, empty, scaling)[0].view_as(queries)

    def attend_rows(
        self, layer: int, queries: torch.Tensor, rows: torch.Tensor, live: torch.Tensor, scaling: float
    ) -> torch.Tensor:
        storage, heads, dim = self.layers[layer], self.shape.kv_heads, self.shape.head_dim
        live = live[rows].flatten()
        chunks = -(-int(live.max()) // CHUNK)
        keys, values = (
            store.view(-1, self.rows, heads, CHUNK, dim)[:chunks, rows].flatten(1, 2)
            for store in (storage.keys, storage.values)
        )
        empty = torch.arange(chunks * CHUNK, device=live.device).view(chunks, 1, 1, CHUNK) >= live.view(1, -1, 1, 1)
        whole, _ = attend_slots(queries[rows].flatten(0, 1), keys, values, empty, scaling)
        return whole.view(len(rows), *queries.shape[1:])

    def held(self, layer: int) -> torch.Tensor:
        return self.positions.values[layer]

    def load(self, layer: int, row: int, live: LiveLayer) -> None:
        length = live.keys.shape[1]
        self.reserve(length)
        self.layers[layer].load(self._heads(row), live.keys, live.values)
        self.positions.values[layer, row] = -1
        self.positions.values[layer, row, :, :length] = live.positions.to(torch.int32)

    def forget(self, layer: int, slots: torch.Tensor) -> None:
        gone, target = slots >= 0, slots.clamp(min=0)[..., None]
        values = self.positions.values[layer]
        values.scatter_(-1, target, torch.where(gone[..., None], -1, values.gather(-1, target)))

    def shorten(self, layer: int, live: torch.Tensor) -> None:
        """Positions are a `SlotState`, which the cache empties with all others."""

    def clear(self, row: int) -> None:
        self.positions.values[:, row] = -1


class PagedStore(_OfLayers[PagedStorage]):
    """Every head in pages of its own, `PagedStorage`."""

    def __init__(self, shape: CacheShape, rows: int) -> None:
        super().__init__(shape, rows, PagedStorage)

    @property
    def slots(self) -> int:
        return max(layer.slots for layer in self.layers)

    def settle(
        self, layers: slice, slots: torch.Tensor, live: torch.Tensor, new: torch.Tensor, positions: torch.Tensor
    ) -> None:
        opening = (new & (slots % PAGE == 0)).flatten(1)  # heads whose last page is full
        counts = opening.sum(-1).tolist()
        for layer, count, here, at in zip(self.layers[layers], counts, opening, slots.flatten(1) // PAGE, strict=True):
            if count:
                heads = here.nonzero()[:, 0]
                layer.extend(heads, at[heads])

    def write(self, layer: int, slots: torch.Tensor, keys: torch.Tensor, values: torch.Tensor, positions: torch.Tensor) -> None:
        by_head = positions[:, None].expand_as(slots).flatten()
        self.layers[layer].write(slots.flatten(), keys.flatten(0, 1), values.flatten(0, 1), by_head)

    def attend(
        self, layer: int, queries: torch.Tensor, live: torch.Tensor, scaling: float, weigh: bool
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        store = self.layers[layer]
        output, weights, sums = attend_pages(queries.flatten(0, 1), store, scaling)
        if not weigh:
            return output.view_as(queries), None
        by_page = weights[store.table].masked_fill_((store.table == 0)[..., None, None], 0.0)  # [N, n, G, PAGE]
        by_slot = by_page.transpose(1, 2).flatten(2) / sums[..., None]
        return output.view_as(queries), by_slot.view(*queries.shape[:3], -1)

    def attend_selected(self, layer: int, queries: torch.Tensor, selection: Selection, scaling: float) -> torch.Tensor:
        raise NotImplementedError("a policy whose heads differ in length reads all that they hold")

    def attend_rows(
        self, layer: int, queries: torch.Tensor, rows: torch.Tensor, live: torch.Tensor, scaling: float
    ) -> torch.Tensor:
        raise NotImplementedError("a policy whose heads differ in length reads all that they hold")

    def held(self, layer: int) -> torch.Tensor:
        return self.layers[layer].held().view(self.rows, self.shape.kv_heads, -1)

    def load(self, layer: int, row: int, live: LiveLayer) -> None:
        self.layers[layer].load(self._heads(row), live.keys, live.values, live.positions)

    def forget(self, layer: int, slots: torch.Tensor) -> None:
        store, target = self.layers[layer], slots.flatten()
        index = torch.where(target >= 0, store.index(target.clamp(min=0)[:, None])[:, 0], 0)  # slot 0 of page 0 is empty anyway
        store.positions.view(-1)[index] = -1

    def shorten(self, layer: int, live: torch.Tensor) -> None:
        self.layers[layer].shorten(live.flatten())

    def clear(self, row: int) -> None:
        for layer in self.layers:
            layer.release(self._heads(row))
