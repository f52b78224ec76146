"""Dynamic memory sparsification as one closed rule: the whole chain at once, every pair of a query and a key decided apart.

Written from the paper and NVIDIA's published code as reference/dms.md tells them (sections 1 and 6), not from our cache.
"""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from transformers import AttentionInterface


@dataclass(frozen=True)
class Rule:
    """What a checkpoint says about its heads; see `visible`."""

    window: int
    scale: float = 100.0
    offset: float = 5.0
    shift: int = 1
    at_exit: bool = False
    per_layer: bool = False

    def marked(self, raw: Sequence[float], key: int) -> bool:
        """Whether the token at `key` is to be evicted, given what was heard from each token so far."""
        deciding = key + self.shift + (self.window if self.at_exit else 0)
        return deciding < len(raw) and self.scale * raw[deciding] - self.offset > 0

    def visible(self, raw: Sequence[float], query: int, key: int) -> bool:
        """Whether `query` attends to `key`; decisions that come after `query` cannot matter."""
        if key > query:
            return False
        return query - key <= self.window or not self.marked(raw[: query + 1], key)

    def seen(self, raw: Sequence[float]) -> list[list[int]]:
        """Keys that each query sees."""
        return [[key for key in range(query + 1) if self.visible(raw, query, key)] for query in range(len(raw))]


@dataclass(frozen=True)
class Dense:
    """A chain judged as a whole.

    Attributes
    ----------
    logits : [T, V]
    raw : [layers][KV head] -> what was heard of each token
    seen : [layers][KV head][query] -> keys
    doubt : float
        Distance of the closest decision from its threshold; where it is tiny, rounding may decide otherwise.
    """

    logits: Tensor
    raw: list[list[list[float]]]
    seen: list[list[list[list[int]]]]
    doubt: float

    def reads(self, prompt: int) -> int:
        """Entries read by all decoded tokens, over layers and KV heads."""
        return sum(len(keys) for layer in self.seen for head in layer for keys in head[prompt:])

    def prompt_reads(self, prompt: int) -> int:
        """The same for the prompt."""
        return sum(len(keys) for layer in self.seen for head in layer for keys in head[:prompt])

    def peak(self, prompt: int) -> int:
        """Most entries held at once by a decoded token."""
        steps = range(prompt, len(self.logits))
        return max((sum(len(head[query]) for layer in self.seen for head in layer) for query in steps), default=0)


def _attend(module: Any, q: Tensor, k: Tensor, v: Tensor, mask: Any, scaling: float, judge: "_Judge", **_: Any) -> Any:
    return judge.attend(module.layer_idx, q[0], k[0], v[0], scaling)[None].to(q.dtype), None


AttentionInterface.register("dms-oracle", _attend)


class _Judge:
    def __init__(self, rule: Rule, borrowed: bool, kv_heads: int) -> None:
        self.rule, self.borrowed, self.kv_heads = rule, borrowed, kv_heads
        self.heard: list[Tensor] = []  # [Hkv, T] of the layer at hand
        self.raw: list[list[list[float]]] = []
        self.seen: list[list[list[list[int]]]] = []

    def attend(self, layer: int, q: Tensor, k: Tensor, v: Tensor, scaling: float) -> Tensor:
        """[Hq, T, D] and [Hkv, T, D] -> [T, Hq, D], in float64."""
        group, length = q.shape[0] // self.kv_heads, q.shape[1]
        raw = self.heard.pop()
        if self.rule.per_layer:
            raw = raw[:1].expand_as(raw)
        self.raw.append(raw.tolist())
        self.seen.append([self.rule.seen(head) for head in self.raw[-1]])
        out = torch.zeros(length, q.shape[0], q.shape[2], dtype=torch.float64)
        for head in range(q.shape[0]):
            mine = head // group
            queries = q[head].double().clone()
            if self.borrowed and head % group == 0:
                queries[:, -1] = 0.0  # the rotation has filled it again
            for query in range(length):
                keys = self.seen[-1][mine][query]
                weights = (k[mine][keys].double() @ queries[query] * scaling).softmax(0)
                out[query, head] = weights @ v[mine][keys].double()
        return out


@torch.no_grad()
def judged(model: Any, ids: Sequence[int], rule: Rule, adapters: Sequence[nn.Module] | None = None) -> Dense:
    """A whole chain through a stock model under the rule.

    Parameters
    ----------
    model
        As transformers ships it; left as it was.
    adapters
        One module per layer, residual stream -> ``[.., Hkv]``; None where a query coordinate is borrowed.
    """
    config = model.config
    judge = _Judge(rule, adapters is None, config.num_key_value_heads)
    before = config._attn_implementation
    with ExitStack() as stack:
        model.set_attn_implementation("dms-oracle")
        stack.callback(model.set_attn_implementation, before)
        for layer, block in enumerate(model.model.layers):
            if adapters is None:
                last = block.self_attn.q_norm if hasattr(block.self_attn, "q_norm") else block.self_attn.q_proj
                hook = last.register_forward_hook(_borrow(judge, config))
            else:
                hook = block.input_layernorm.register_forward_pre_hook(_listen(judge, adapters[layer]))
            stack.callback(hook.remove)
        positions = torch.arange(len(ids))[None]
        logits = model(torch.tensor([list(ids)]), position_ids=positions, use_cache=False, judge=judge).logits[0]
    flat = [abs(rule.scale * value - rule.offset) for layer in judge.raw for head in layer for value in head]
    return Dense(logits, judge.raw, judge.seen, min(flat))


def _borrow(judge: _Judge, config: Any) -> Any:
    def hook(module: nn.Module, args: Any, output: Tensor) -> Tensor:
        q = output.clone().view(1, output.shape[1], config.num_attention_heads, -1)
        group = config.num_attention_heads // config.num_key_value_heads
        judge.heard.append(q[0, :, ::group, -1].T.clone())
        q[:, :, ::group, -1] = 0.0
        return q.view_as(output)

    return hook


def _listen(judge: _Judge, adapter: nn.Module) -> Any:
    def hook(module: nn.Module, args: Any) -> None:
        judge.heard.append(adapter(args[0])[0].T)

    return hook
