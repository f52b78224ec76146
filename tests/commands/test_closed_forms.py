"""Predicted reads against sums that count step by step, and against what the cache counts."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hyperscale.budget import parse_budget
from hyperscale.cache.policy import Policy
from hyperscale.cache.registry import make_policy
from hyperscale.checkpoint import Checkpoint
from hyperscale.commands.closed_forms import capped_reads, expected_reads, most_entries
from hyperscale.commands.prospect import prospects
from hyperscale.commands.sweep_plan import plan_sweep
from hyperscale.commands.sweep_request import SweepOptions, understand_sweep
from hyperscale.engine.chain import ChainTask
from hyperscale.engine.scheduler import Plan, generate_chains
from hyperscale.models import load_model
from hyperscale.store.records import ChainRecord

PROMPTS, TOKENS, SLOTS = st.integers(1, 300), st.integers(1, 300), st.integers(1, 400)


def cached_at_each_step(prompt: int, tokens: int) -> Iterator[int]:
    """Tokens a query sees at each decode step; the first token is prefill's."""
    for step in range(1, tokens):
        yield prompt + step


def resolved(method: str, budget: str, **changes: str) -> Policy:
    return make_policy(method, changes).resolved(parse_budget(budget))


@settings(deadline=None)
@given(PROMPTS, TOKENS, SLOTS)
def test_capped_reads_are_the_sum_over_steps(prompt: int, tokens: int, most: int) -> None:
    assert capped_reads(prompt, tokens, most) == sum(min(cached, most) for cached in cached_at_each_step(prompt, tokens))


@settings(deadline=None)
@given(PROMPTS, TOKENS)
def test_a_dense_cache_reads_all_at_every_step(prompt: int, tokens: int) -> None:
    expected = expected_reads(resolved("vanilla", "1x"), parse_budget("1x"), prompt, tokens, 512)
    assert (expected.kv, expected.aux) == (sum(cached_at_each_step(prompt, tokens)), 0)


@settings(deadline=None)
@given(PROMPTS, TOKENS, st.integers(1, 32))
def test_a_learned_policy_reads_its_ratio_less(prompt: int, tokens: int, ratio: int) -> None:
    budget = parse_budget(f"{ratio}x")
    expected = expected_reads(resolved("dms", budget.label), budget, prompt, tokens, 512)
    assert expected.kv == pytest.approx(sum(cached_at_each_step(prompt, tokens)) / ratio)
    assert expected.aux == 0


@settings(deadline=None)
@given(st.sampled_from([("window", 0), ("tova", 1), ("h2o", 1)]), PROMPTS, TOKENS, st.integers(8, 400))
def test_a_fixed_budget_reads_at_most_its_slots(method: tuple[str, int], prompt: int, tokens: int, slots: int) -> None:
    name, before_eviction = method  # one entry more is there while weights decide which one goes
    budget = parse_budget(f"{slots}t")
    expected = expected_reads(resolved(name, budget.label), budget, prompt, tokens, 512)
    assert expected.kv == sum(min(cached, slots + before_eviction) for cached in cached_at_each_step(prompt, tokens))


@settings(deadline=None)
@given(PROMPTS, TOKENS, st.integers(16, 400), st.integers(1, 64))
def test_quest_reads_whole_pages_and_their_bounds(prompt: int, tokens: int, slots: int, page: int) -> None:
    kv = aux = 0
    for cached in cached_at_each_step(prompt, tokens):
        if cached <= slots:
            kv += cached
        else:
            kv += min(cached, (slots + page - 1) // page * page)
            aux += (cached + page - 1) // page
    expected = expected_reads(resolved("quest", f"{slots}t", page=str(page)), parse_budget(f"{slots}t"), prompt, tokens, 512)
    assert (expected.kv, expected.aux) == (kv, aux)


@pytest.mark.parametrize(
    ("method", "budget", "entries"),
    [
        ("vanilla", "1x", 1000),  # 200 + 800
        ("window", "8x", 125),
        ("window", "4000t", 1000),
        ("tova", "8x", 126),
        ("dms", "8x", 125),
        ("quest", "8x", 1063),  # 1000 entries and 63 pages of 16
    ],
)
def test_the_most_a_chain_holds(method: str, budget: str, entries: int) -> None:
    assert most_entries(resolved(method, budget), parse_budget(budget), 200, 800) == entries


def test_measured_reads_are_the_closed_forms(tmp_path: Path) -> None:
    model = load_model(Checkpoint.open("abacus"), "cpu", "auto")
    methods = ["vanilla", "window", "tova", "h2o", "quest"]
    words: SweepOptions = {"methods": methods, "configs": ["W1-L20-1x", "W1-L20-2x"], "limit": 1, "out": tmp_path}
    for prospect in prospects(plan_sweep(understand_sweep(None, words)), lambda text: None):
        request, standing = prospect.run.request, prospect.standing
        assert standing is not None
        ((problem, prompt),) = standing.encoded.items()
        plan = Plan(request.policy, request.budget, standing.sampling, 20, rows=1)
        (chain,) = (
            each for each in generate_chains(model, [ChainTask(problem, 0, 0, prompt)], plan) if isinstance(each, ChainRecord)
        )
        expected = expected_reads(request.policy, request.budget, len(prompt), chain.tokens, 20)
        if request.method == "quest":  # query heads choose apart, and so read more than if they agreed
            assert chain.aux_reads == expected.aux
            assert 0.9 * expected.kv <= chain.kv_reads <= 2 * expected.kv
        else:
            assert (chain.kv_reads, chain.aux_reads) == (expected.kv, expected.aux)
        assert chain.tokens == 20
        most = most_entries(request.policy, request.budget, len(prompt), 20)
        assert most - 2 <= chain.peak_tokens <= most
