"""Tiny random models of every supported family, with learned heads or without, one behind our seam and its unmodified twin."""

import copy
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from transformers import AttentionInterface, AutoConfig, AutoModelForCausalLM

from hyperscale.attention.seam import IMPLEMENTATION
from hyperscale.attention.taps import attach_taps
from hyperscale.heads import HeadLayout, LearnedHeads
from hyperscale.models import LoadedModel

VOCABULARY = 96
QUERY_HEADS, KV_HEADS, HEAD_DIM = 4, 2, 8
GROUP = QUERY_HEADS // KV_HEADS
SIZES = {
    "vocab_size": VOCABULARY,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": QUERY_HEADS,
    "num_key_value_heads": KV_HEADS,
    "head_dim": HEAD_DIM,
    "max_position_embeddings": 1024,
    "tie_word_embeddings": False,
    "bos_token_id": None,
    "eos_token_id": None,
    "pad_token_id": None,
}


@dataclass(frozen=True)
class TinyModel:
    """The same weights twice: `seamed` attends through our cache, `stock` is what transformers ships.

    Where a query coordinate is borrowed, `stock` goes without it, by means of its own.
    """

    family: str
    seamed: LoadedModel
    stock: Any


def tiny_model(family: str, seed: int = 0, heads: LearnedHeads | None = None) -> TinyModel:
    """A float32 model of `family` on the CPU whose weights `seed` decides; the global random state is left alone.

    Parameters
    ----------
    heads : LearnedHeads, optional
        Gives it taps that hear random decisions.
    """
    extra = {"sliding_window": None} if family == "mistral" else {}
    config = AutoConfig.for_model(family, **SIZES, **extra)
    with torch.random.fork_rng(devices=[]):
        stock = AutoModelForCausalLM.from_config(config, attn_implementation="eager").float().eval()
    _sharpen(stock, seed)
    seamed = copy.deepcopy(stock)
    seamed.set_attn_implementation(IMPLEMENTATION)
    name = f"tiny-{family}"
    if heads is not None:
        attach_taps(seamed, heads)
        for layer in seamed.model.layers:
            _sharpen(layer.self_attn.tap, seed)
        if heads.layout is HeadLayout.BORROWED:
            _borrow(stock)
        family = f"{family}-{heads.layout}"
    return TinyModel(family, LoadedModel(name, name, name, "", "", seamed, None, {}, heads), stock)


def _borrow(stock: Any) -> None:
    """Take the last coordinate of each group's first query head away, before RoPE and after it."""
    for layer in stock.model.layers:
        getattr(layer.self_attn, "q_norm", layer.self_attn.q_proj).register_forward_hook(_drop)
    stock.set_attn_implementation("hyperscale-check")


def _drop(module: nn.Module, args: Any, output: torch.Tensor) -> torch.Tensor:
    output = output.clone()
    output.view(*output.shape[:2], QUERY_HEADS, HEAD_DIM)[:, :, ::GROUP, -1] = 0.0
    return output


def _attention(module: Any, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, mask: Any, scaling: float, **_: Any) -> Any:
    q = q.clone()
    q[:, ::GROUP, :, -1] = 0.0  # the rotation has filled it again
    keys, values = k.repeat_interleave(GROUP, 1), v.repeat_interleave(GROUP, 1)
    return ((q @ keys.transpose(2, 3) * scaling + mask).softmax(-1) @ values).transpose(1, 2), None


AttentionInterface.register("hyperscale-check", _attention)


@torch.no_grad()
def _sharpen(module: Any, seed: int) -> None:
    """Random weights under which attention is far from uniform, so that what a policy keeps matters."""
    generator = torch.Generator().manual_seed(seed)
    for name, parameter in module.named_parameters():
        noise = torch.randn(parameter.shape, generator=generator)
        if "norm" in name:
            sharp = name.endswith(("q_norm.weight", "k_norm.weight"))
            parameter.copy_((1.6 if sharp else 1.0) + 0.1 * noise)
        elif "embed" in name:
            parameter.copy_(noise)
        else:
            parameter.copy_(noise * (0.3 if "q_proj" in name or "k_proj" in name else 0.15))
