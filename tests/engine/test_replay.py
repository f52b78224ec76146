"""Hit rates against the stock model's own attention weights and the naive rules' positions."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import nn
from transformers import AutoModelForCausalLM

from hyperscale.budget import parse_budget
from hyperscale.cache.cache import KVCache
from hyperscale.cache.registry import make_policy
from hyperscale.engine import replay
from hyperscale.engine.replay import FinishedChain, HitRate, hit_rate, missed_mass, pick_chains
from hyperscale.engine.scheduler import Plan
from hyperscale.models import load_model
from tests.engine.harness import CASES, GREEDY, plan, records, seamed, stock, tasks
from tests.fake_checkpoints import HIDDEN, KV_HEADS, QUERY_HEADS, qwen3_adapters
from tests.oracles.dms import Rule, judged
from tests.oracles.models import random_ids
from tests.oracles.naive import attention, naive_decode

LENGTHS = ((3, 13), (18, 9), (11, 2))  # prompt and generated tokens
CAPACITY = 8


def chains(lengths: Sequence[tuple[int, int]] = LENGTHS) -> list[FinishedChain]:
    out = []
    for number, (prompt, tokens) in enumerate(lengths):
        ids = tuple(random_ids(prompt + tokens, seed=number))
        out.append(FinishedChain(ids[:prompt], ids[prompt:]))
    return out


def plan_of(case: str, capacity: int = CAPACITY, rows: int = 32, **settings: str) -> Plan:
    budget = CASES[case].budget(capacity)
    return Plan(CASES[case].policy(**settings).resolved(budget), budget, GREEDY, max_len=16, rows=rows)


@torch.no_grad()
def brute_force(family: str, case: str, told: Sequence[FinishedChain], heads: tuple[int, int] = (4, 2)) -> torch.Tensor:
    """[layers, Hq]: all weights of the whole chain in one tensor, and the sum over what the naive rule shows at each step."""
    model = stock(family, heads)
    total, steps = torch.zeros(3, heads[0], dtype=torch.float64), 0
    for chain in told:
        fed = chain.token_ids[:-1]
        run = naive_decode(model, chain.prompt_ids, fed, CASES[case].rule(CAPACITY))
        with attention(model, "eager"):
            weights = model(torch.tensor([[*chain.prompt_ids, *fed]]), use_cache=False, output_attentions=True).attentions
        for number, step in enumerate(run.steps):
            for layer in range(3):
                for head in range(heads[0]):
                    row = weights[layer][0, head, len(chain.prompt_ids) + number]
                    total[layer, head] += sum(float(row[position]) for position in step.visible[layer][head])
        steps += len(run.steps)
    return total / steps


@pytest.mark.parametrize(("family", "heads"), [("llama", (4, 2)), ("qwen3", (4, 1)), ("qwen2", (4, 4))])
@pytest.mark.parametrize("case", CASES)
def test_the_hit_rate_is_the_stock_models_attention_on_what_the_naive_rule_shows(
    case: str, family: str, heads: tuple[int, int]
) -> None:
    found = hit_rate(seamed(family, heads), chains(), plan_of(case))
    wanted = brute_force(family, case, chains(), heads)
    torch.testing.assert_close(torch.tensor(found.by_layer_and_head, dtype=torch.float64), wanted, atol=1e-5, rtol=0.0)
    assert found.mean == pytest.approx(float(wanted.mean()), abs=1e-5)
    assert (found.chains, found.steps) == (3, 12 + 8 + 1)
    assert case == "vanilla" or found.mean < 0.98


def adapters_of(folder: Path) -> list[nn.Module]:
    """The learned heads of a checkpoint, from its files alone."""
    tensors, found = load_file(folder / "model.safetensors"), []
    for layer in range(3):
        prefix = f"model.layers.{layer}.self_attn.dms_proj_alpha"
        norm, linear = nn.RMSNorm(HIDDEN, eps=1e-6), nn.Linear(HIDDEN, KV_HEADS, bias=False)
        norm.weight.data, linear.weight.data = tensors[f"{prefix}_norm.weight"], tensors[f"{prefix}.weight"]
        found.append(nn.Sequential(norm, linear))
    return found


@torch.no_grad()
def test_dms_heads_that_differ_in_length_are_each_their_own(tmp_path: Path) -> None:
    folder = qwen3_adapters(tmp_path / "dms", dms_window_size=3)
    model = load_model(str(folder), "cpu")
    budget = parse_budget("8x")
    policy = make_policy("dms", {}).resolved(budget).fitted(model.heads, model.name)
    found = hit_rate(model, chains(), Plan(policy, budget, GREEDY, max_len=16, rows=32))
    plain = AutoModelForCausalLM.from_pretrained(folder, trust_remote_code=False, attn_implementation="eager").eval()
    wanted = torch.zeros(3, QUERY_HEADS, dtype=torch.float64)
    for chain in chains():
        ids = [*chain.prompt_ids, *chain.token_ids[:-1]]
        seen = judged(plain, ids, Rule(window=3), adapters_of(folder)).seen
        weights = plain(torch.tensor([ids]), use_cache=False, output_attentions=True).attentions
        for layer, head, query in product(range(3), range(QUERY_HEADS), range(len(chain.prompt_ids), len(ids))):
            keys = seen[layer][head // (QUERY_HEADS // KV_HEADS)][query]
            wanted[layer, head] += weights[layer][0, head, query, keys].sum()
    wanted /= found.steps
    torch.testing.assert_close(torch.tensor(found.by_layer_and_head, dtype=torch.float64), wanted, atol=1e-5, rtol=0.0)
    assert found.mean < 0.95
    dense = hit_rate(model, chains(), Plan(replace(policy, ratio=1), budget, GREEDY, max_len=16, rows=32))
    assert dense.mean == 1.0


def test_a_dense_cache_misses_exactly_nothing() -> None:
    found = hit_rate(seamed("llama"), chains(), plan_of("vanilla"))
    assert found.mean == 1.0
    assert set(sum(found.by_layer_and_head, ())) == {1.0}


def test_a_budget_that_is_never_reached_misses_exactly_nothing() -> None:
    assert hit_rate(seamed("llama"), chains(), plan_of("tova", capacity=64)).mean == 1.0


def test_more_slots_catch_more() -> None:
    rates = [hit_rate(seamed("llama"), chains(), plan_of("h2o", capacity)).mean for capacity in (4, 8, 16)]
    assert rates == sorted(rates)
    assert rates[0] < rates[2]


@pytest.mark.parametrize("case", ["tova", "quest", "h2o"])
def test_neither_rows_nor_neighbours_matter(case: str) -> None:
    model, told = seamed("llama"), chains()
    together = hit_rate(model, told, plan_of(case))
    assert hit_rate(model, told, plan_of(case, rows=2)) == together
    alone = [hit_rate(model, [chain], plan_of(case)) for chain in told]
    pooled = sum(rate.mean * rate.steps for rate in alone) / together.steps
    assert pooled == pytest.approx(together.mean, abs=1e-7)


def test_a_replay_reads_what_generation_read(monkeypatch: pytest.MonkeyPatch) -> None:
    model, shared = seamed("qwen3"), plan(CASES["quest"].policy(), "9t", max_len=14)
    told = records(model, tasks((3, 18), width=2), shared)
    caches: list[KVCache] = []

    def make(*given: object) -> KVCache:
        caches.append(KVCache(*given))
        return caches[-1]

    monkeypatch.setattr(replay, "KVCache", make)
    prompts = {task.problem_id: task.prompt_ids for task in tasks((3, 18))}
    hit_rate(model, [FinishedChain(prompts[record.problem_id], record.token_ids) for record in told.values()], shared)
    reads = [entries / model.shape.heads for entries in caches[0].meter.kv_reads.tolist()]
    assert reads[: len(told)] == [record.kv_reads for record in told.values()]


def test_chains_of_different_lengths_each_count_their_own_steps() -> None:
    short, long = chains()[2], chains()[0]
    model = seamed("llama")
    one, other, both = (hit_rate(model, told, plan_of("tova")) for told in ([short], [long], [short, long]))
    assert (one.steps, other.steps, both.steps) == (1, 12, 13)
    assert both.mean == pytest.approx((one.mean + 12 * other.mean) / 13, abs=1e-7)


def test_missed_mass_by_hand() -> None:
    weights = torch.tensor([[0.5, 0.25, 0.125, 0.125], [0.0, 1.0, 0.0, 0.0]]).view(1, 1, 2, 4)
    shared = torch.tensor([[[[2, 0, -1]]]])  # one list for both query heads
    assert missed_mass(weights, shared).tolist() == [[[0.375, 1.0]]]
    own = torch.tensor([[[[3, -1], [1, 0]]]])
    assert missed_mass(weights, own).tolist() == [[[0.875, 0.0]]]


def test_the_sample_is_spread_over_problems_and_depends_on_the_seed_alone() -> None:
    keys = [(f"p{problem}", number) for problem in range(5) for number in range(4)]
    picked = pick_chains(keys, 7, seed=1)
    assert picked == pick_chains(reversed(keys), 7, seed=1)
    assert {problem for problem, _ in picked[:5]} == {f"p{problem}" for problem in range(5)}
    assert len(set(picked)) == 7
    assert pick_chains(keys, 7, seed=2) != picked
    assert len({tuple(sorted(pick_chains(keys, 5, seed))) for seed in range(20)}) > 10
    assert sorted(pick_chains(keys, 99, seed=0)) == keys


def test_the_json_form() -> None:
    rate = HitRate(0.75, 2, 30, ((0.5, 1.0),))
    assert rate.to_json() == {"mean": 0.75, "chains": 2, "steps": 30, "by_layer_and_head": [[0.5, 1.0]]}
