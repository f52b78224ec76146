"""Tapped tiny models judged by the naive oracle."""

from collections.abc import Callable, Mapping
from typing import Any

from torch import Tensor

from hyperscale.budget import Budget
from hyperscale.cache.dms import DMS
from hyperscale.conformance.session import Script, Session
from hyperscale.heads import DecideAt, HeadLayout, LearnedHeads
from hyperscale.models import LoadedModel
from tests.engine.harness import LAYERS, decode, stock
from tests.oracles.dms import Dense, Rule, judged

AT = Budget(ratio=4.0)
CLEAR = 1e-3  # how far the oracle's closest decision must be from its threshold for a comparison to mean something


def learned(layout: HeadLayout, window: int, shift: int = 1, at: DecideAt = DecideAt.ARRIVAL, **more: Any) -> LearnedHeads:
    return LearnedHeads(layout, window, shift=shift, decide_at=at, ratio=4.0, **more)


def adapters(model: LoadedModel) -> list[Callable[[Tensor], Tensor]]:
    """What the adapters compute, spelled out from their tensors."""

    def spelled(tap: Any) -> Callable[[Tensor], Tensor]:
        def hear(x: Tensor) -> Tensor:
            scale = (x.pow(2).mean(-1, keepdim=True) + model.config.rms_norm_eps).rsqrt()
            out: Tensor = x * scale * tap.norm.weight @ tap.proj.weight.T
            return out if tap.proj.bias is None else out + tap.proj.bias

        return hear

    return [spelled(layer.self_attn.tap) for layer in model.module.model.layers]


def oracle(family: str, model: LoadedModel, chain: Script, heads: LearnedHeads) -> Dense:
    shown = Rule(heads.window, heads.scale, heads.offset, heads.shift, heads.decide_at is DecideAt.EXIT, heads.per_layer)
    listen = adapters(model) if heads.layout is HeadLayout.ADAPTER else None
    dense = judged(stock(family), chain.ids, shown, listen)
    assert dense.doubt > CLEAR, "take another seed"
    return dense


def run(model: LoadedModel, heads: LearnedHeads, chains: Mapping[int, Script], policy: DMS | None = None) -> Session:
    return decode(model, (policy or DMS()).resolved(AT).fitted(heads, model.name), AT, chains)


def violation(family: str, model: LoadedModel, heads: LearnedHeads, session: Session, chains: Mapping[int, Script]) -> str:
    """The first thing about a session that is not as the oracle has it, or nothing."""
    owners = [head // session.cache.shape.group for head in range(session.cache.shape.query_heads)]
    for row, chain in chains.items():
        dense, prompt = oracle(family, model, chain, heads), len(chain.prompt)
        if (gap := float((session.prompt_logits[row] - dense.logits[prompt - 1]).abs().max())) > 1e-5:
            return f"row {row}: prompt logits differ by {gap:.1g}"
        for number, step in enumerate(session.steps):
            for layer in range(LAYERS):
                expected = [dense.seen[layer][head][prompt + number] for head in owners]
                if step.visible(layer, row) != expected:
                    return f"row {row}, step {number}, layer {layer}: other positions were read"
            if (gap := float((step.logits[row] - dense.logits[prompt + number]).abs().max())) > 1e-5:
                return f"row {row}, step {number}: logits differ by {gap:.1g}"
        meter = session.cache.meter
        if (int(meter.kv_reads[row]), int(meter.peak[row])) != (dense.reads(prompt), dense.peak(prompt)):
            return f"row {row}: reads or peak are miscounted"
    return ""
