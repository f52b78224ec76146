"""Taps: forward hooks that hear a learned method's decisions, all of them in this file.

A tap sits on a layer's ``self_attn`` as the submodule ``tap``. Its hooks run in the layer's forward, before RoPE; the seam then
calls `Tap.after_rope` on the rotated queries and hands what the tap heard to the cache. A borrowed coordinate is zeroed before
RoPE and, for DMS, again after it, because the rotation refills it from its partner, whatever method runs.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from transformers.models.llama.modeling_llama import LlamaRMSNorm

from hyperscale.errors import Refusal
from hyperscale.heads import HeadLayout, LearnedHeads


@dataclass(frozen=True, slots=True)
class Heard:
    """What a tap heard of one forward, ``raw [B, Hkv, T]`` in the model's dtype: the value that decides about an entry.

    DMC needs more, None elsewhere: ``importance [B, Hkv, T]``, the keys before RoPE ``keys [B, Hkv, T, D]``, and the rotation
    at each token's position ``cos, sin [B, T, D]``.
    """

    raw: torch.Tensor
    importance: torch.Tensor | None = None
    keys: torch.Tensor | None = None
    cos: torch.Tensor | None = None
    sin: torch.Tensor | None = None

    def merging(self) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
        """What DMC needs more, all of it: ``importance, keys, cos, sin``."""
        if self.importance is None or self.keys is None or self.cos is None or self.sin is None:
            raise RuntimeError("this tap does not hear what DMC needs")
        return self.importance, self.keys, self.cos, self.sin


class Tap(nn.Module):
    """Hears the decisions of one layer."""

    def __init__(self) -> None:
        super().__init__()
        self._heard: dict[str, torch.Tensor] = {}

    def attach(self, layer: Any) -> None:
        """Put the hooks on a decoder layer."""
        raise NotImplementedError

    def after_rope(self, q: torch.Tensor) -> torch.Tensor:
        """``q [B, Hq, T, D]`` as attention may see it."""
        return q

    def take(self) -> Heard:
        """What was heard since the last call."""
        heard, self._heard = Heard(**self._heard), {}
        return heard


class BorrowingTap(Tap):
    """A tap on coordinates that attention loses.

    Parameters
    ----------
    kv_heads, group : int
        KV heads, and query heads per KV head.

    Attributes
    ----------
    left : float
        Share of the coordinates that attention still sees: 0, except while a retrofit takes them away step by step.
    """

    def __init__(self, kv_heads: int, group: int) -> None:
        super().__init__()
        self.kv_heads, self.group = kv_heads, group
        self.left = 0.0

    def forget(self, attention: Any) -> None:
        """Zero the rows of the projections that make the coordinates, so that they are 0 whatever the input."""
        raise NotImplementedError

    def _faded(self, x: torch.Tensor, borrowed: torch.Tensor) -> torch.Tensor:
        return torch.where(borrowed, x * self.left, x) if self.left else x.masked_fill(borrowed, 0.0)


class BorrowedTap(BorrowingTap):
    """The last coordinate of the first query head of each group, before RoPE (after ``q_norm`` where there is one).

    Source: the code of nvidia/Qwen3-8B-DMS-8x and NVIDIA/Model-Optimizer ``experimental/dms`` with ``dms_separate_alpha=False``
    (the paper's text says the first coordinate; the code, and the released weights, use the last).
    """

    borrowed: torch.Tensor  # [G, 1, D], True at the coordinate

    def attach(self, layer: Any) -> None:
        attention = layer.self_attn
        borrowed = torch.zeros(self.group, 1, attention.head_dim, dtype=torch.bool, device=attention.q_proj.weight.device)
        borrowed[0, 0, -1] = True
        self.register_buffer("borrowed", borrowed, persistent=False)
        (attention.q_norm if hasattr(attention, "q_norm") else attention.q_proj).register_forward_hook(self._hear)

    def _hear(self, module: nn.Module, args: Any, output: torch.Tensor) -> torch.Tensor:
        q = output.view(*output.shape[:2], self.kv_heads, self.group, -1)  # [B, T, Hkv, G, D]
        self._heard["raw"] = q[..., 0, -1].transpose(1, 2)
        return self._without(q, 3).view_as(output)

    def after_rope(self, q: torch.Tensor) -> torch.Tensor:
        return self._without(q.view(q.shape[0], self.kv_heads, self.group, *q.shape[2:]), 2).flatten(1, 2)

    @torch.no_grad()
    def forget(self, attention: Any) -> None:
        """Zero the rows of ``q_proj`` that make the coordinate, so that its raw value is 0 whatever the input."""
        for parameter in attention.q_proj.parameters():
            parameter.view(self.kv_heads, self.group, -1, *parameter.shape[1:])[:, 0, -1] = 0.0

    def _without(self, q: torch.Tensor, heads: int) -> torch.Tensor:
        """``q [..., D]`` without the borrowed coordinate; query heads of a group along dimension `heads`."""
        borrowed = self.borrowed if heads < q.ndim - 2 else self.borrowed[:, 0]
        return self._faded(q, borrowed)


class AdapterTap(Tap):
    """A normed projection of the residual stream, taken before the layer's first norm; nothing is zeroed.

    Source: NVIDIA/Model-Optimizer ``experimental/dms``, ``dms_separate_alpha=True``: the released trainer's default.

    Parameters
    ----------
    hidden, kv_heads : int
    eps : float
        Of the model's own RMS norms.
    bias : bool
        Only where the model's attention has biases.
    """

    def __init__(self, hidden: int, kv_heads: int, eps: float, bias: bool) -> None:
        super().__init__()
        self.norm = LlamaRMSNorm(hidden, eps)  # all supported families norm alike; torch's own rounds otherwise in bfloat16
        self.proj = nn.Linear(hidden, kv_heads, bias)
        for parameter in self.proj.parameters():
            nn.init.zeros_(parameter)

    def attach(self, layer: Any) -> None:
        layer.input_layernorm.register_forward_pre_hook(self._hear)

    def _hear(self, module: nn.Module, args: tuple[torch.Tensor]) -> None:
        self._heard["raw"] = self.proj(self.norm(args[0])).transpose(1, 2)


class MergingTap(BorrowingTap):
    """What DMC decides with: the last coordinate of every key head, and that of all query heads of its group.

    Source: the ``dmc`` branch of NVIDIA/Megatron-LM. Both coordinates are zeroed before RoPE. The cache needs the keys before
    RoPE too, because merged keys are rotated anew, and the rotation itself.
    """

    borrowed: torch.Tensor  # [D], True at the coordinate

    def attach(self, layer: Any) -> None:
        attention = layer.self_attn
        borrowed = torch.zeros(attention.head_dim, dtype=torch.bool, device=attention.q_proj.weight.device)
        borrowed[-1] = True
        self.register_buffer("borrowed", borrowed, persistent=False)
        normed = hasattr(attention, "q_norm")
        (attention.q_norm if normed else attention.q_proj).register_forward_hook(self._hear_queries)
        (attention.k_norm if normed else attention.k_proj).register_forward_hook(self._hear_keys)
        attention.register_forward_pre_hook(self._hear_rotation, with_kwargs=True)

    def _hear_queries(self, module: nn.Module, args: Any, output: torch.Tensor) -> torch.Tensor:
        q = output.view(*output.shape[:2], self.kv_heads, self.group, -1)  # [B, T, Hkv, G, D]
        self._heard["importance"] = q[..., -1].mean(-1).transpose(1, 2)
        return self._faded(q, self.borrowed).view_as(output)

    def _hear_keys(self, module: nn.Module, args: Any, output: torch.Tensor) -> torch.Tensor:
        k = output.view(*output.shape[:2], self.kv_heads, -1)  # [B, T, Hkv, D]
        self._heard["raw"] = k[..., -1].transpose(1, 2)
        kept = self._faded(k, self.borrowed)
        self._heard["keys"] = kept.transpose(1, 2)
        return kept.view_as(output)

    def _hear_rotation(self, module: nn.Module, args: Any, kwargs: dict[str, Any]) -> None:
        self._heard["cos"], self._heard["sin"] = kwargs["position_embeddings"]

    @torch.no_grad()
    def forget(self, attention: Any) -> None:
        """Zero the rows of ``q_proj`` and ``k_proj`` that make the coordinates."""
        for parameter in (*attention.q_proj.parameters(), *attention.k_proj.parameters()):
            parameter.unflatten(0, (-1, attention.head_dim))[:, -1] = 0.0


def rotated(x: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> torch.Tensor:
    """RoPE as all supported families apply it: ``x [B, H, T, D]`` by ``cos, sin [B, T, D]``, halves of D being paired."""
    first, second = x.chunk(2, -1)
    return x * cos[:, None] + torch.cat([-second, first], -1) * sin[:, None]


def attach_taps(
    model: Any, heads: LearnedHeads, adapters: Mapping[str, torch.Tensor] | None = None, name: str = "the checkpoint"
) -> None:
    """Put a tap on every layer of a model.

    Parameters
    ----------
    model
        A ``...ForCausalLM`` of transformers with ``model.layers[i].self_attn``.
    adapters : mapping, optional
        Tensors of an adapter checkpoint by their name in it, e.g. ``model.layers.0.self_attn.dms_proj_alpha.weight``; without
        them adapters start at zero.
    name : str
        The model, for messages.

    Raises
    ------
    Refusal
        The adapters are not those of this model: a tensor is missing, has another shape, or belongs to no layer.
    """
    taps = [_tap(model.config, heads.layout) for _ in model.model.layers]
    if adapters is not None:
        check_adapters(taps, adapters, name)
    for number, (tap, layer) in enumerate(zip(taps, model.model.layers, strict=True)):
        if adapters is not None:
            tap.load_state_dict(layer_adapters(adapters, number))
        weight = layer.self_attn.q_proj.weight
        layer.self_attn.tap = tap.to(weight.device, weight.dtype)
        tap.attach(layer)


def check_adapters(taps: Sequence[Tap], adapters: Mapping[str, torch.Tensor], name: str) -> None:
    """Compare the tensors of a checkpoint with what the taps of all layers hold (Refusal)."""
    expected = {
        adapter_name(number, ours): list(tensor.shape)
        for number, tap in enumerate(taps)
        for ours, tensor in tap.state_dict().items()
    }
    remedy = "Take weights and config.json from the same retrofit."
    for tensor, shape in expected.items():
        if tensor not in adapters:
            raise Refusal(
                f"{name}: its weights have no {tensor} {shape}, which every layer of its DMS adapters needs. {remedy}"
            )
        found = list(adapters[tensor].shape)
        if found != shape:
            raise Refusal(f"{name}: {tensor} should be {shape} (its config.json), but is {found}. {remedy}")
    if strange := sorted(adapters.keys() - expected.keys()):
        raise Refusal(f"{name}: {strange[0]} belongs to no DMS adapter of its {len(taps)} layers. {remedy}")


def _tap(config: Any, layout: HeadLayout) -> Tap:
    kv_heads = getattr(config, "num_key_value_heads", None) or config.num_attention_heads
    if layout is HeadLayout.ADAPTER:
        return AdapterTap(config.hidden_size, kv_heads, config.rms_norm_eps, bool(getattr(config, "attention_bias", False)))
    kind = MergingTap if layout is HeadLayout.DMC else BorrowedTap
    return kind(kv_heads, config.num_attention_heads // kv_heads)


ADAPTER_NAMES = {"proj": "dms_proj_alpha", "norm": "dms_proj_alpha_norm"}  # ours -> in a checkpoint


def adapter_name(layer: int, ours: str) -> str:
    """``model.layers.3.self_attn.dms_proj_alpha.weight`` for layer 3 and ``proj.weight``."""
    part, _, tensor = ours.partition(".")
    return f"model.layers.{layer}.self_attn.{ADAPTER_NAMES[part]}.{tensor}"


def layer_adapters(tensors: Mapping[str, torch.Tensor], layer: int) -> dict[str, torch.Tensor]:
    """The tensors of one layer's adapter under our names."""
    prefix = f"model.layers.{layer}.self_attn."
    ours = {theirs: name for name, theirs in ADAPTER_NAMES.items()}
    found = {}
    for name, tensor in tensors.items():
        part, _, kind = name.removeprefix(prefix).partition(".")
        if name.startswith(prefix) and part in ours:
            found[f"{ours[part]}.{kind}"] = tensor
    return found
