"""The same chains and logits, bit for bit, however many rows and in whatever order."""

from typing import Any

import pytest
import torch

from hyperscale.cache.registry import make_policy
from hyperscale.engine.decode import Block
from hyperscale.engine.sampler import Sampling
from hyperscale.engine.scheduler import Plan
from tests.engine.harness import CASES, METHODS, model_for, plan, records, seamed, tasks

PROMPTS = (3, 70, 12, 33, 61, 20, 9, 40, 5, 25, 66, 14)  # ragged: some fill while decoding, some span two chunks of slots
WIDTH, LENGTH = 3, 8  # 36 chains fill more than one block of 32
Bits = dict[tuple[str, int, int], torch.Tensor]


def decoded(
    monkeypatch: pytest.MonkeyPatch, model: Any, shared: Plan, chains: list[Any]
) -> tuple[dict[tuple[str, int], tuple[int, ...]], Bits]:
    """Tokens by chain, and the logits of every step."""
    bits: Bits = {}
    draw = Block._draw

    def recording(block: Block, logits: torch.Tensor) -> Any:
        for row, chain in enumerate(block.chains):
            if chain:
                bits[chain.task.problem_id, chain.task.chain, len(chain.tokens)] = logits[row].clone()
        return draw(block, logits)

    with monkeypatch.context() as patch:
        patch.setattr(Block, "_draw", recording)
        finished = records(model, chains, shared)
    return {key: record.token_ids for key, record in finished.items()}, bits


@pytest.mark.parametrize("method", [*METHODS, "dms"])
@pytest.mark.parametrize("family", ["qwen3", pytest.param("llama", marks=pytest.mark.slow)])
def test_rows_and_order_change_no_bit(monkeypatch: pytest.MonkeyPatch, family: str, method: str) -> None:
    model, chains = model_for(method, family), tasks(PROMPTS, WIDTH)
    policy = CASES[method].policy() if method in CASES else make_policy(method)
    sampling = Sampling(temperature=0.8, top_p=0.95)
    budget = {"vanilla": "1x", "dms": "4x"}.get(method, "16t")
    results = []
    for rows, order in ((64, chains), (32, chains[::-1]), (5, chains), (1, chains[::-1])):
        shared = plan(policy, budget, LENGTH, rows, sampling, heads=model.heads)
        results.append(decoded(monkeypatch, model, shared, order))
    tokens, bits = results[0]
    assert len(tokens) == len(chains)
    assert len(bits) == len(chains) * (LENGTH - 1)
    for other_tokens, other_bits in results[1:]:
        assert other_tokens == tokens
        different = [key for key, logits in bits.items() if not torch.equal(other_bits[key], logits)]
        assert not different


def test_chains_of_a_problem_differ_by_their_seeds_alone() -> None:
    model, chains = seamed("llama"), tasks([10], width=4)
    sampled = records(model, chains, plan(CASES["vanilla"].policy(), "1x", 12, sampling=Sampling()))
    greedy = records(model, chains, plan(CASES["vanilla"].policy(), "1x", 12))
    assert len({record.token_ids for record in sampled.values()}) == 4
    assert len({record.token_ids for record in greedy.values()}) == 1
