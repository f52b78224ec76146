"""Decisions and logits of a checkpoint with DMS heads, from its files and transformers' own modules alone.

Written from the description of the formats (docs/checkpoints.md): no tap, no seam, no cache of ours. Eviction is off: what is
looked at are the decisions, and that attention never sees a borrowed coordinate.
"""

from pathlib import Path

import torch
from safetensors.torch import load_file
from torch.nn import functional as F
from transformers import AutoModelForCausalLM
from transformers.models.llama.modeling_llama import apply_rotary_pos_emb


def causal_attention(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, scaling: float) -> torch.Tensor:
    """``q [B, Hq, T, D]``, ``k, v [B, Hkv, T, D]`` -> ``[B, T, Hq, D]``."""
    group, length = q.shape[1] // k.shape[1], q.shape[2]
    scores = q @ k.repeat_interleave(group, 1).transpose(2, 3) * scaling
    scores += torch.full((length, length), -torch.inf).triu(1)
    return (scores.softmax(-1) @ v.repeat_interleave(group, 1)).transpose(1, 2)


@torch.no_grad()
def replay(folder: Path, ids: list[int], zeroed: bool = True) -> tuple[list[torch.Tensor], torch.Tensor]:
    """The value that decides, ``[Hkv, T]`` per layer, and the logits ``[V]`` after the last token.

    With `zeroed=False` attention sees a borrowed coordinate.
    """
    model = AutoModelForCausalLM.from_pretrained(folder, trust_remote_code=False, attn_implementation="eager").eval()
    tensors = {name: tensor for file in folder.glob("*.safetensors") for name, tensor in load_file(file).items()}
    hidden = model.model.embed_tokens(torch.tensor([ids]))
    cos, sin = model.model.rotary_emb(hidden, torch.arange(len(ids))[None])
    heard = []
    for number, layer in enumerate(model.model.layers):
        raw, attended = _attend(layer, hidden, cos, sin, tensors, f"model.layers.{number}.self_attn.dms_proj_alpha", zeroed)
        heard.append(raw)
        hidden = hidden + attended
        hidden = hidden + layer.mlp(layer.post_attention_layernorm(hidden))
    return heard, model.lm_head(model.model.norm(hidden)[:, -1:])[0, 0]


def _attend(layer, hidden, cos, sin, tensors, adapter, zeroed):
    attention, config = layer.self_attn, layer.self_attn.config
    group = config.num_attention_heads // config.num_key_value_heads
    x = layer.input_layernorm(hidden)
    q, k, v = (proj(x).unflatten(2, (-1, config.head_dim)) for proj in (attention.q_proj, attention.k_proj, attention.v_proj))
    if hasattr(attention, "q_norm"):
        q, k = attention.q_norm(q), attention.k_norm(k)
    q, k, v = (tensor.transpose(1, 2) for tensor in (q, k, v))  # [1, H, T, D]
    borrowed = f"{adapter}.weight" not in tensors
    if borrowed:
        raw = q[0, ::group, :, -1].clone()
        q[:, ::group, :, -1] *= not zeroed
    else:
        normed = (
            hidden * torch.rsqrt(hidden.pow(2).mean(-1, keepdim=True) + config.rms_norm_eps) * tensors[f"{adapter}_norm.weight"]
        )
        raw = F.linear(normed, tensors[f"{adapter}.weight"])[0].T
    q, k = apply_rotary_pos_emb(q, k, cos, sin)
    if borrowed and zeroed:
        q[:, ::group, :, -1] = 0
    return raw, attention.o_proj(causal_attention(q, k, v, attention.scaling).flatten(2))
