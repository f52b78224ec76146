"""Dynamic memory compression, for contrast."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch

from hyperscale.attention.merging import importance
from hyperscale.attention.taps import Heard, rotated
from hyperscale.cache.learned import LearnedPolicy
from hyperscale.cache.merged_prompt import MergedPrompt
from hyperscale.cache.policy import LiveLayer
from hyperscale.cache.prompt import Observer
from hyperscale.errors import UsageError
from hyperscale.heads import HeadLayout


@dataclass
class DMC(LearnedPolicy):
    """Append a token as an entry of its own, or merge it into the newest one; every KV head decides for itself.

    Nawrot et al., "Dynamic Memory Compression: Retrofitting LLMs for Accelerated Inference", ICML 2024, arXiv 2403.09636; the
    ``dmc`` branch of NVIDIA/Megatron-LM. Token t joins the newest entry iff ``scale * k_t[-1] - offset > 0``; the entry is then
    the mean of the last `window` tokens that joined it, weighted by ``sigmoid(mean_g q_t[g, -1] + 5)``, its key averaged before
    RoPE and rotated to the newest token's position. Both coordinates are zeroed. The first token never joins.

    The tokens that count (at most `window` per head) are kept beside the cache to be averaged again: metadata, counted as
    held, and as auxiliary reads when a token joins.

    Deviations: a `scale` (the published code has 1), because the coordinate of a model with normed keys cannot reach an offset
    of 5 otherwise within a short retrofit.

    Parameters
    ----------
    window, scale, offset, ratio
        As in `LearnedHeads`; None is the checkpoint's. A ratio of 1 turns merging off.
    """

    name: ClassVar[str] = "dmc"
    summary: ClassVar[str] = "merges tokens into the newest entry where the model was trained to, per KV head"
    layouts: ClassVar[tuple[HeadLayout, ...]] = (HeadLayout.DMC,)
    rewrites: ClassVar[bool] = True
    sources: ClassVar[str] = (
        "To train one: hyperscale retrofit --model {model} --method dmc --recipe full --target 8x --out DIR"
    )

    # --- before a run -------------------------------------------------------------------------------------------------

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.window == 0:
            raise UsageError("dmc: window must be 1 or more, not 0.")

    # --- the rule -----------------------------------------------------------------------------------------------------

    @property
    def span(self) -> int:
        """Most tokens of an entry that count."""
        if self.window is None:
            raise RuntimeError("this policy is not fitted to a model; call fitted(heads, model)")
        return self.window

    def joins(self, heard: Heard) -> torch.Tensor:
        """Which tokens join the entry before them, ``[B, Hkv, T]`` bool."""
        return self.decided(heard)

    def prompt_cache(self, observer: Observer | None) -> MergedPrompt | None:
        return None if self.off else MergedPrompt(self, observer)

    # --- state and step -----------------------------------------------------------------------------------------------

    def setup(self) -> None:
        if self.off:
            return
        shape, rows = self.cache.shape, self.cache.rows
        heads, device = (shape.layers, rows, shape.kv_heads), shape.device
        self.keys = torch.zeros(*heads, self.span, shape.head_dim, dtype=shape.dtype, device=device)  # before RoPE
        self.values = torch.zeros_like(self.keys)
        self.weights = torch.zeros(*heads, self.span, device=device)  # token t has place t % span
        self.run = torch.zeros(heads, dtype=torch.int64, device=device)  # tokens in the newest entry
        self.newest = torch.zeros_like(self.run)  # its slot
        self.order = torch.arange(self.span, device=device)

    def load(self, row: int, layers: list[LiveLayer]) -> None:
        for layer, live in enumerate(layers if not self.off else ()):
            assert live.newest is not None
            keys, values, weights, run = live.newest
            last = int(live.positions.max())
            place = (torch.arange(keys.shape[1], device=keys.device) + last + 1 - keys.shape[1]) % self.span
            for kept, new in ((self.keys, keys), (self.values, values), (self.weights, weights)):
                kept[layer, row] = 0
                kept[layer, row][:, place] = new.to(kept.dtype)
            self.run[layer, row] = run
            self.newest[layer, row] = live.positions.argmax(-1)

    def place(self) -> torch.Tensor | None:
        return super().place() if self.off else None

    def tapped(self, layer: int, heard: Heard) -> None:
        if self.off:
            return
        joins = self.joins(heard)[..., 0]  # [R, Hkv]
        self.run[layer] = torch.where(joins, self.run[layer] + 1, 1)
        self.newest[layer] = torch.where(joins, self.newest[layer], self.cache.live[layer])
        self._heard = heard

    def late(self, layer: int) -> torch.Tensor | None:
        return None if self.off else self.newest[layer]

    def write(self, layer: int, keys: torch.Tensor, values: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        if self.off:
            return keys, values
        heard, position = self._heard, self.cache.row_positions
        raw, before_rope, cos, sin = heard.merging()
        rows, place = torch.arange(len(position), device=position.device), position % self.span
        self.keys[layer, rows, :, place] = before_rope[:, :, 0]
        self.values[layer, rows, :, place] = values
        self.weights[layer, rows, :, place] = importance(raw[..., 0])
        age = (place[:, None] - self.order) % self.span  # [R, span]
        counts = age[:, None] < self.run[layer][..., None]
        weights = torch.where(counts, self.weights[layer], 0.0)
        weights = (weights / weights.sum(-1, keepdim=True))[..., None]
        mean = (weights * self.keys[layer]).sum(-2, keepdim=True).to(keys.dtype)  # [R, Hkv, 1, D]
        merged_values = (weights * self.values[layer]).sum(-2).to(values.dtype)
        return rotated(mean, cos, sin)[:, :, 0], merged_values

    def metadata(self, layer: int) -> torch.Tensor | None:
        return None if self.off else self.run[layer].clamp(max=self.span)

    def reread(self, layer: int) -> torch.Tensor | None:
        return None if self.off else self.run[layer].clamp(max=self.span) - 1
