"""Dynamic memory sparsification."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch

from hyperscale.attention.taps import Heard
from hyperscale.cache.learned import LearnedPolicy
from hyperscale.cache.policy import LiveLayer
from hyperscale.cache.prompt import Observer
from hyperscale.cache.ring import Ring
from hyperscale.cache.sparse_prompt import SparsePrompt
from hyperscale.errors import UsageError
from hyperscale.heads import DecideAt, HeadLayout, decision_lag


@dataclass
class DMS(LearnedPolicy):
    """Evict what the model has learned to mark, once it leaves the window; every KV head decides for itself.

    Łańcucki et al., "Inference-Time Hyper-Scaling with KV Cache Compression", NeurIPS 2025, arXiv 2506.05345; code
    NVIDIA/Model-Optimizer ``experimental/dms`` and the code of nvidia/Qwen3-8B-DMS-8x. Entry k is marked iff
    ``scale * a - offset > 0``, where a is heard from token ``k + shift`` (``k + shift + w`` with ``decide_at=exit``); query q
    sees it iff q >= k and (q - k <= w or not marked). The token that comes w + 1 later overwrites a marked entry; otherwise
    the head grows by one. No sinks, no dense layers; the prompt is attended to by the same rule. A ring of w + 1 slots and
    marks per head is all the state there is. Attention does not read it and it is not KV-sized: it counts neither as reads
    nor in the peak.

    Deviations: marks are compared in float32 (the published code compares in bfloat16, where 0.05 is not exact).

    Parameters
    ----------
    window, offset, scale, ratio, shift, decide_at, per_layer
        As in `LearnedHeads`; None is the checkpoint's. A ratio of 1 turns eviction off.
    chunk : int
        Prompt tokens per forward; changes no decision.
    """

    name: ClassVar[str] = "dms"
    summary: ClassVar[str] = "evicts what the model was trained to mark, per KV head, once it leaves a window"
    layouts: ClassVar[tuple[HeadLayout, ...]] = (HeadLayout.BORROWED, HeadLayout.ADAPTER)
    properties: ClassVar[tuple[str, ...]] = ("shift", "per_layer")
    sources: ClassVar[str] = (
        "Published: nvidia/Qwen3-8B-DMS-8x and shisa-ai/Llama-3.2-1B-DMS-8x; bundled: abacus-dms-2x, abacus-dms-4x, "
        "abacus-dms-8x; to train one: hyperscale retrofit --model {model} --target 8x --out DIR"
    )

    shift: int | None = None
    decide_at: DecideAt | None = None
    per_layer: bool | None = None
    chunk: int = 4096

    def __post_init__(self) -> None:
        super().__post_init__()
        self.decide_at = None if self.decide_at is None else DecideAt(self.decide_at)
        if self.shift not in (None, 0, 1):
            raise UsageError(f"dms: shift must be 0 or 1, not {self.shift}.")
        if self.chunk < 1:
            raise UsageError(f"dms: chunk must be 1 or more, not {self.chunk}.")

    # --- the rule -----------------------------------------------------------------------------------------------------

    @property
    def delay(self) -> int:
        """w: tokens that see an entry after its own, marked or not."""
        if self.window is None or self.shift is None:
            raise RuntimeError("this policy is not fitted to a model; call fitted(heads, model)")
        return self.window

    @property
    def lag(self) -> int:
        """Tokens from an entry to the one whose decision is about it."""
        return decision_lag(self.shift or 0, self.delay, self.decide_at)

    @property
    def early(self) -> bool:
        """Whether the decision about an entry is known before the step in which it acts."""
        return self.lag <= self.delay

    def marks(self, heard: Heard) -> torch.Tensor:
        """Decisions of the tokens heard, ``[B, Hkv, T]`` bool."""
        marks = self.decided(heard)
        return marks[:, :1].expand_as(marks) if self.per_layer else marks

    def prompt_cache(self, observer: Observer | None) -> SparsePrompt | None:
        return None if self.off else SparsePrompt(self, observer)

    # --- state and step -----------------------------------------------------------------------------------------------

    def setup(self) -> None:
        self.ring = None if self.off else Ring(self.cache, self.delay)

    def load(self, row: int, layers: list[LiveLayer]) -> None:
        if self.ring:
            self.ring.load(row, layers)

    def slot_scores(self, layer: int, row: int) -> torch.Tensor | None:
        return self.ring.marks(layer, row, self.cache.held(layer)[row].long()) if self.ring else None

    def place(self) -> torch.Tensor | None:
        if self.ring is None:
            return super().place()
        return self.ring.put(slice(None)) if self.early else None

    def tapped(self, layer: int, heard: Heard) -> None:
        if self.ring:
            self.ring.decide(layer, self.lag, self.marks(heard)[..., 0])

    def late(self, layer: int) -> torch.Tensor | None:
        return None if self.ring is None or self.early else self.ring.put(slice(layer, layer + 1))[0]
