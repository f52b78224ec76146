"""Tiny models behind the seam, policies with their naive rules, and short ways to generate chains."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

import torch

from hyperscale.attention.seam import IMPLEMENTATION
from hyperscale.attention.taps import attach_taps
from hyperscale.budget import Budget, parse_budget
from hyperscale.cache.policy import Policy
from hyperscale.cache.registry import make_policy
from hyperscale.conformance.session import Script, Session
from hyperscale.engine.chain import ChainTask
from hyperscale.engine.sampler import Sampling
from hyperscale.engine.scheduler import Plan, Tick, generate_chains
from hyperscale.heads import HeadLayout, LearnedHeads
from hyperscale.models import LoadedModel
from hyperscale.store.records import ChainRecord
from tests.oracles import rules
from tests.oracles.models import random_ids, tiny_model

GREEDY = Sampling(temperature=0.0)
LAYERS = 3


class Tokenizer:
    eos_token_id = None

    def decode(self, ids: list[int], skip_special_tokens: bool = True) -> str:
        return " ".join(map(str, ids))


@cache
def stock(family: str, heads: tuple[int, int] = (4, 2), layers: int = LAYERS, seed: int = 0) -> Any:
    """The model as transformers ships it, without an end token."""
    model = tiny_model(family, seed=seed, heads=heads, layers=layers)
    for config in (model.config, model.generation_config):
        config.bos_token_id = config.eos_token_id = config.pad_token_id = None
    return model


def seamed(family: str, heads: tuple[int, int] = (4, 2), layers: int = LAYERS, seed: int = 0) -> LoadedModel:
    """A fresh copy of the same weights behind our attention."""
    model = tiny_model(family, seed=seed, heads=heads, layers=layers)
    model.config.eos_token_id = model.generation_config.eos_token_id = None
    model.set_attn_implementation(IMPLEMENTATION)
    return LoadedModel(family, family, family, "", "", model, Tokenizer(), {})


def listening(family: str, heads: LearnedHeads | None = None, layers: int = LAYERS, seed: int = 0) -> LoadedModel:
    """The same weights with taps that hear random decisions, about half of them to evict."""
    heads = heads or LearnedHeads(HeadLayout.BORROWED, window=5, ratio=4.0)
    model = seamed(family, layers=layers, seed=seed)
    attach_taps(model.module, heads)
    generator = torch.Generator().manual_seed(seed)
    for layer in model.module.model.layers:
        for parameter in layer.self_attn.tap.parameters():
            parameter.data.normal_(1.0 if parameter.ndim == 1 else 0.0, 0.2, generator=generator)
    return replace(model, heads=heads)


def model_for(method: str, family: str) -> LoadedModel:
    """A model that a method can run on."""
    return listening(family) if method == "dms" else seamed(family)


@dataclass(frozen=True)
class Case:
    """A policy and the naive rule it must equal."""

    method: str
    rule: Callable[[int], rules.Rule]  # of the capacity
    settings: Mapping[str, str] = field(default_factory=dict)

    def policy(self, **settings: str) -> Policy:
        return make_policy(self.method, {**self.settings, **settings})

    def budget(self, capacity: int) -> Budget:
        return Budget(ratio=1.0) if self.method == "vanilla" else Budget(slots=capacity)


CASES = {
    "vanilla": Case("vanilla", lambda capacity: rules.Vanilla()),
    "window": Case("window", rules.Window),
    "window-2-sinks": Case("window", lambda capacity: rules.Window(capacity, sinks=2), {"sinks": "2"}),
    "tova": Case("tova", rules.TOVA),
    "h2o": Case("h2o", rules.H2O),
    "quest": Case("quest", lambda capacity: rules.Quest(capacity, page=4), {"page": "4", "dense_layers": "0"}),
    "quest-1-dense": Case(
        "quest", lambda capacity: rules.Quest(capacity, page=3, dense_layers=1), {"page": "3", "dense_layers": "1"}
    ),
}
METHODS = ("vanilla", "window", "tova", "h2o", "quest")


def scripts(prompts: Iterable[int], steps: int) -> dict[int, Script]:
    """Random chains by row."""
    out = {}
    for row, length in enumerate(prompts):
        ids = tuple(random_ids(length + steps, seed=row))
        out[row] = Script(ids[:length], ids[length:])
    return out


def decode(model: LoadedModel, policy: Policy, budget: Budget, chains: Mapping[int, Script]) -> Session:
    """All scripts together, to their end."""
    session = Session(model, policy.resolved(budget), budget, len(chains))
    for row, chain in chains.items():
        session.load(row, chain)
    return session.run(len(chains[0].forced))


def tasks(prompts: Iterable[int], width: int = 1, first_seed: int = 0) -> list[ChainTask]:
    """`width` chains of problems with random prompts of the given lengths."""
    return [
        ChainTask(f"p{number}", chain, first_seed + 1000 * number + chain, tuple(random_ids(length, seed=number)))
        for number, length in enumerate(prompts)
        for chain in range(width)
    ]


def plan(
    policy: Policy,
    budget: str,
    max_len: int,
    rows: int = 32,
    sampling: Sampling = GREEDY,
    purse: float | None = None,
    heads: LearnedHeads | None = None,
) -> Plan:
    at = parse_budget(budget)
    return Plan(policy.resolved(at).fitted(heads, "tiny"), at, sampling, max_len, rows, purse)


def records(model: LoadedModel, chains: Iterable[ChainTask], shared: Plan) -> dict[tuple[str, int], ChainRecord]:
    """Finished chains by problem and chain."""
    return {item.key: item for item in generate_chains(model, chains, shared) if not isinstance(item, Tick)}
