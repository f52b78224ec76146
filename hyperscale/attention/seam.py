"""Hands transformers' attention to our cache.

One attention function is registered with transformers' `AttentionInterface`, and no mask function, so a model builds no mask
and calls us with rotated queries and keys; our cache arrives as an extra keyword of the model's forward.
"""

from typing import Any, Protocol

import torch
from torch import nn
from transformers import AttentionInterface

from hyperscale.attention.taps import Heard

IMPLEMENTATION = "hyperscale"


class Attends(Protocol):
    """What can stand behind the seam: `KVCache` while decoding, `PromptCache` during prefill, `GatedAttention` in training."""

    def attend(self, layer: int, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, scaling: float) -> torch.Tensor: ...

    def tapped(self, layer: int, heard: Heard) -> None:
        """What a layer's tap heard, just before that layer's `attend`; only models with learned heads have taps."""


def attention(
    module: nn.Module, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, mask: Any, scaling: float, kv: Attends, **_: Any
) -> tuple[torch.Tensor, None]:
    """transformers' attention signature: ``q [B, Hq, T, D]``, ``k, v [B, Hkv, T, D]`` -> ``[B, T, Hq, D]``."""
    if mask is not None:
        raise RuntimeError("transformers built an attention mask; the cache decides what is visible")
    layer: int = module.layer_idx  # type: ignore[assignment]
    tap: Any = getattr(module, "tap", None)
    if tap is not None:
        q = tap.after_rope(q)
        kv.tapped(layer, tap.take())
    return kv.attend(layer, q, k, v, scaling), None


AttentionInterface.register(IMPLEMENTATION, attention)


def forward(model: Any, ids: torch.Tensor, positions: torch.Tensor, kv: Attends) -> torch.Tensor:
    """Logits of the last token of each row: ``ids, positions [B, T]`` -> ``[B, V]``."""
    output = model(ids, position_ids=positions, use_cache=False, logits_to_keep=1, kv=kv)
    return output.logits[:, -1]  # type: ignore[no-any-return]
