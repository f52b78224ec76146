"""Attention as a retrofit trains it: entries outside the window are dimmed by their decision instead of being dropped."""

import torch
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

from hyperscale.attention.merging import importance, merged
from hyperscale.attention.taps import Heard, rotated
from hyperscale.heads import LearnedHeads, decision_lag
from hyperscale.retrofit.decision import logistic_noise, relaxed, straight_through

QUERY_CHUNK = 128  # queries per block: keys that come after all of them are never touched
GPU_CHUNK_WEIGHTS = 1 << 26  # attention weights of a block on a GPU, which few large blocks keep busier than many small ones
KEPT_WEIGHTS = 1 << 28  # attention weights of a layer that are kept for the backward pass; beyond, they are computed again


def decisions_by_entry(z: torch.Tensor, delay: int) -> torch.Tensor:
    """``z [B, H, T]`` by the token that decides -> by the entry decided about, which came `delay` tokens earlier.

    The last entries have no decision yet: minus infinity, which keeps them.
    """
    return F.pad(z[..., delay:], (0, min(delay, z.shape[-1])), value=-torch.inf)


def decision_delay(heads: LearnedHeads) -> int:
    """How many tokens after an entry its decision is made."""
    return decision_lag(heads.shift, heads.window, heads.decide_at)


def dimming(z: torch.Tensor) -> torch.Tensor:
    """What is added to the scores of an entry outside the window: ``log(1 - alpha) = logsigmoid(-z)``, ``z [B, H, T]``.

    Source: arXiv 2506.05345, figure 2b; the relaxed decision, not the hard one, as in NVIDIA's released trainer.
    """
    return F.logsigmoid(-z)


class CausalAttention:
    """Dense attention over padded rows, for the teacher and for a student that evicts nothing yet."""

    window = 0

    def tapped(self, layer: int, heard: Heard) -> None:
        """Nothing is decided."""

    def attend(self, layer: int, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, scaling: float) -> torch.Tensor:
        """``q [B, Hq, T, D]``, ``k, v [B, Hkv, T, D]`` -> ``[B, T, Hq, D]``; padding on the right is never looked at."""
        q = (q * scaling).view(len(q), k.shape[1], -1, *q.shape[2:])  # [B, Hkv, G, T, D]
        dimmed = self._dimmed(layer)
        length = q.shape[3]
        again = torch.is_grad_enabled() and q.shape[:3].numel() * length * length > KEPT_WEIGHTS
        parts = []
        chunk = queries_at_once(q)
        for first in range(0, length, chunk):
            last = min(first + chunk, length)
            known = None if dimmed is None else dimmed[..., :last]
            arguments = (q[..., first:last, :], k[:, :, :last], v[:, :, :last], known, self.window)
            parts.append(checkpoint(attend_block, *arguments, use_reentrant=False) if again else attend_block(*arguments))
        return torch.cat(parts, 3).flatten(1, 2).transpose(1, 2)

    def _dimmed(self, layer: int) -> torch.Tensor | None:
        return None


def queries_at_once(q: torch.Tensor) -> int:
    """Queries per block of ``q [B, Hkv, G, T, D]``."""
    rows, length = q.shape[:3].numel(), q.shape[3]
    blocks = 1 if q.device.type == "cpu" else max(1, GPU_CHUNK_WEIGHTS // (rows * length * QUERY_CHUNK))
    return blocks * QUERY_CHUNK


def attend_block(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, dimmed: torch.Tensor | None, window: int) -> torch.Tensor:
    """The last queries of a prefix: ``q [B, H, G, Q, D]``, ``k, v [B, H, K, D]``, ``dimmed [B, H, K]`` -> ``[B, H, G, Q, D]``.

    Far keys, outside every query's window, get their dimming as one more coordinate of the product; only near ones need a
    mask. Plain products and a softmax: on CPUs the fused kernel's backward pass is far slower.
    """
    queries, keys = q.shape[3], k.shape[2]
    first = keys - queries
    far = max(0, first - window)
    query = torch.arange(first, keys, device=q.device)[:, None]
    key = torch.arange(far, keys, device=q.device)[None]
    bias = torch.zeros(1, 1, 1, queries, keys - far, dtype=q.dtype, device=q.device)
    if dimmed is not None:
        bias = torch.where(query - key > window, dimmed[:, :, None, None, far:].to(q.dtype), 0.0)
    scores = product(q, k[:, :, far:]) + bias.masked_fill(key > query, -torch.inf)
    if far:
        flat, early = q.flatten(2, 3), k[:, :, :far]
        if dimmed is not None:
            flat = torch.cat([flat, torch.ones_like(flat[..., :1])], -1)
            early = torch.cat([early, dimmed[:, :, :far, None].to(k.dtype)], -1)
        scores = torch.cat([(flat @ early.transpose(2, 3)).view(*q.shape[:4], far), scores], -1)
    return (scores.softmax(-1).flatten(2, 3) @ v).view_as(q)


def product(q: torch.Tensor, k: torch.Tensor) -> torch.Tensor:
    """``q [B, H, G, Q, D]`` with ``k [B, H, K, D]`` -> ``[B, H, G, Q, K]``."""
    return (q.flatten(2, 3) @ k.transpose(2, 3)).view(*q.shape[:4], k.shape[2])


class GatedAttention(CausalAttention):
    """Attention under relaxed eviction.

    Parameters
    ----------
    heads : LearnedHeads
    valid : [B, T] bool
        False on padding, whose decisions do not count.
    generator : torch.Generator or None
        Of the Gumbel noise; None decides as inference does, hard and without noise.
    """

    def __init__(self, heads: LearnedHeads, valid: torch.Tensor, generator: torch.Generator | None) -> None:
        self.heads, self.valid, self.generator = heads, valid, generator
        self.window = heads.window
        self.marked: list[torch.Tensor] = []  # by layer, share of valid tokens that are marked, [Hkv]
        self._z: torch.Tensor | None = None

    def tapped(self, layer: int, heard: Heard) -> None:
        self._z = decisions_by_entry(self._decide(heard), decision_delay(self.heads))

    def _decide(self, heard: Heard) -> torch.Tensor:
        """Decisions ``z [B, Hkv, T]`` of the tokens heard, positive where they are to mark; counted in passing."""
        logits = self.heads.scale * heard.raw.float() - self.heads.offset
        if self.heads.per_layer:
            logits = logits[:, :1].expand_as(logits)
        if self.generator is None:
            z = torch.where(logits > 0, torch.inf, -torch.inf)
            decided = (logits > 0).float()
        else:
            z = relaxed(logits, logistic_noise(logits.shape, self.generator))
            decided = straight_through(z)
        self.marked.append((decided * self.valid[:, None]).sum((0, 2)) / self.valid.sum())
        return z

    @property
    def marked_share(self) -> torch.Tensor:
        """Share of all entries that are marked, over layers, heads and tokens; carries the gates' gradient."""
        return torch.stack(self.marked).mean()

    def _dimmed(self, layer: int) -> torch.Tensor | None:
        return None if self._z is None else dimming(self._z)


class MergedAttention(GatedAttention):
    """Attention under relaxed merging (DMC): a token is added to the newest entry in part, and dims what that entry was.

    Nawrot et al., "Dynamic Memory Compression", ICML 2024, arXiv 2403.09636; NVIDIA/Megatron-LM, branch ``dmc``. At token t
    the newest entry is the weighted mean of the tokens merged into it, at most `window` of them; a later query sees it as far
    as token t + 1 has not been merged into it too, which is the dimming of `GatedAttention` with shift 1 and no window.
    """

    def __init__(self, heads: LearnedHeads, valid: torch.Tensor, generator: torch.Generator | None) -> None:
        super().__init__(heads, valid, generator)
        self.window = 0
        self._heard: Heard | None = None
        self._merge: torch.Tensor | None = None

    def tapped(self, layer: int, heard: Heard) -> None:
        z = self._decide(heard)
        z = torch.cat([torch.full_like(z[..., :1], -torch.inf), z[..., 1:]], -1)  # the first token has nothing to join
        self._merge, self._z, self._heard = F.logsigmoid(z), decisions_by_entry(z, 1), heard

    def attend(self, layer: int, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, scaling: float) -> torch.Tensor:
        heard, merge = self._heard, self._merge
        assert heard is not None
        assert merge is not None
        raw, before_rope, cos, sin = heard.merging()
        keys, values = merged(before_rope, v, importance(raw), merge, self.heads.window)
        return super().attend(layer, q, rotated(keys, cos, sin), values, scaling)
