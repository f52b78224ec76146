"""The last tokens of every head: where each lies, and whether it is to go."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from hyperscale.cache.policy import LiveLayer

if TYPE_CHECKING:
    from hyperscale.cache.cache import KVCache


class Ring:
    """Slot and mark of the ``window + 1`` newest tokens of every head; token t has place ``t % (window + 1)``.

    The token that comes next has the place of the one that leaves the window, and takes its slot too if that one is marked.
    """

    def __init__(self, cache: KVCache, window: int) -> None:
        shape, self.cache, self.window = cache.shape, cache, window
        size = (cache.rows, window + 1, shape.layers, shape.kv_heads)
        self.rows = torch.arange(cache.rows, device=shape.device)
        self.slot = torch.zeros(size, dtype=torch.int32, device=shape.device)
        self.mark = torch.zeros(size, dtype=torch.bool, device=shape.device)

    def load(self, row: int, layers: list[LiveLayer]) -> None:
        """Take over a row's newest tokens, their marks being `LiveLayer.scores`."""
        self.mark[row] = False
        for layer, live in enumerate(layers):
            head, slot = self.newest(live.positions).nonzero(as_tuple=True)
            place = live.positions[head, slot] % (self.window + 1)
            self.slot[row, place, layer, head] = slot.to(torch.int32)
            if live.scores is not None:
                self.mark[row, place, layer, head] = live.scores[head, slot] > 0

    def marks(self, layer: int, row: int, positions: torch.Tensor) -> torch.Tensor:
        """Marks of the entries at ``positions [Hkv, n]``, 0 or 1; entries that have left the window have none."""
        marks = self.mark[row, :, layer].t().gather(1, positions % (self.window + 1))
        return (marks & self.newest(positions)).float()

    def newest(self, positions: torch.Tensor) -> torch.Tensor:
        """Which of ``positions [Hkv, n]`` (-1 is padding) are among the newest."""
        return (positions >= 0) & (positions >= positions.max() - self.window)

    def decide(self, layer: int, lag: int, marks: torch.Tensor) -> None:
        """Decisions ``[R, Hkv]`` about the tokens `lag` before the present ones."""
        place = (self.cache.row_positions - lag) % (self.window + 1)
        self.mark[self.rows, place, layer] = (
            marks  # before the chain has such a token: a place that its token wipes when it comes
        )

    def put(self, layers: slice) -> torch.Tensor:
        """Slots of the present tokens, ``[l, R, Hkv]``: the leaving one's if it is marked, else the next free one."""
        position = self.cache.row_positions
        place = position % (self.window + 1)
        marked = self.mark[self.rows, place, layers] & (position > self.window)[:, None, None]  # [R, l, Hkv]
        slots = torch.where(marked, self.slot[self.rows, place, layers].long(), self.cache.live[layers].transpose(0, 1))
        self.slot[self.rows, place, layers] = slots.to(torch.int32)
        self.mark[self.rows, place, layers] = False
        return slots.transpose(0, 1)
