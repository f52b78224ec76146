"""Counts what every head still held of the tokens seen, step by step."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from hyperscale.cache.cache import CacheShape


class RetentionMeter:
    """Entries held and tokens seen by every row of a block, summed over the steps since the row was loaded.

    Kept per row, so that a chain that never gets into a run folder leaves no trace in the run's sums. Metadata is not an entry.
    """

    def __init__(self, shape: CacheShape, rows: int) -> None:
        self.held = torch.zeros(shape.layers, rows, shape.kv_heads, dtype=torch.int64, device=shape.device)
        self.seen = torch.zeros(rows, dtype=torch.int64, device=shape.device)

    def start_row(self, row: int) -> None:
        self.held[:, row] = 0
        self.seen[row] = 0

    def hold(self, layer: int, live: torch.Tensor) -> None:
        """One layer holds ``live [R, Hkv]`` entries at its attention."""
        self.held[layer] += live

    def end_step(self, positions: torch.Tensor) -> None:
        """The tokens at ``positions [R]`` went through all layers."""
        self.seen += positions + 1

    def of_row(self, row: int) -> tuple[list[list[int]], int]:
        """Entries held by layer and KV head, and tokens seen."""
        return self.held[:, row].tolist(), int(self.seen[row])
