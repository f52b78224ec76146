"""What ticks say was held, against the naive rules and the reads of the same chains."""

from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM

from hyperscale.analysis.summary import dense_reads
from hyperscale.budget import parse_budget
from hyperscale.cache.registry import make_policy
from hyperscale.engine.sampler import Sampling
from hyperscale.engine.scheduler import TICK_EVERY, Plan, Tick, generate_chains
from hyperscale.models import load_model
from hyperscale.store.records import ChainRecord
from hyperscale.store.retention import NOTHING_SEEN, Retention
from tests.engine.harness import CASES, GREEDY, plan, seamed, stock, tasks
from tests.engine.test_replay import adapters_of
from tests.fake_checkpoints import KV_HEADS, qwen3_adapters
from tests.oracles.dms import Rule, judged
from tests.oracles.naive import naive_decode

PROMPTS = (3, 18, 7)
LENGTH = 24


def generated(model, shared: Plan, width: int = 2) -> tuple[list[ChainRecord], Retention]:
    records, total = [], NOTHING_SEEN
    for event in generate_chains(model, tasks(PROMPTS, width), shared):
        if isinstance(event, Tick):
            total += event.retention
        else:
            records.append(event)
    return records, total


@pytest.mark.parametrize("rows", [1, 4, 32])
@pytest.mark.parametrize("case", ["vanilla", "window", "tova", "h2o"])
def test_what_is_held_is_what_is_read_where_everything_held_is_read(case: str, rows: int) -> None:
    budget = "1x" if case == "vanilla" else "9t"
    records, total = generated(seamed("llama"), plan(CASES[case].policy(), budget, LENGTH, rows))
    assert total.seen == sum(dense_reads(record.prompt_tokens, record.tokens) for record in records)
    per_head = sum(map(sum, total.held)) / (3 * 2)
    assert per_head == pytest.approx(sum(record.kv_reads for record in records), rel=1e-12)


def test_chains_that_stop_when_they_like_count_once() -> None:
    model = seamed("llama")
    model.module.config.eos_token_id = list(range(0, 64, 16))
    shared = plan(CASES["window"].policy(), "9t", 80, sampling=Sampling())
    records, total = generated(model, shared, width=4)
    assert len({record.tokens // TICK_EVERY for record in records}) > 2
    assert total.seen == sum(dense_reads(record.prompt_tokens, record.tokens) for record in records)
    assert sum(map(sum, total.held)) == pytest.approx(6 * sum(record.kv_reads for record in records), rel=1e-12)


def test_pages_that_are_not_read_are_still_held() -> None:
    records, total = generated(seamed("llama"), plan(CASES["quest"].policy(), "9t", LENGTH))
    assert sum(record.kv_reads for record in records) < 0.8 * total.seen
    assert total.share == [[1.0, 1.0]] * 3


def test_every_head_has_its_own_sum() -> None:
    records, total = generated(seamed("llama"), plan(CASES["h2o"].policy(), "9t", LENGTH), width=1)
    held = torch.zeros(3, 2, dtype=torch.int64)
    for task, record in zip(tasks(PROMPTS), sorted(records, key=lambda record: record.key), strict=True):
        run = naive_decode(stock("llama"), task.prompt_ids, record.token_ids[:-1], CASES["h2o"].rule(9))
        held += sum(torch.tensor(step.resident) for step in run.steps)
    assert total.held == tuple(map(tuple, held.tolist()))


def test_dms_heads_hold_what_the_rule_shows(tmp_path: Path) -> None:
    folder = qwen3_adapters(tmp_path / "dms", dms_window_size=3)
    model, budget = load_model(str(folder), "cpu"), parse_budget("8x")
    policy = make_policy("dms", {}).resolved(budget).fitted(model.heads, model.name)
    records, total = generated(model, Plan(policy, budget, GREEDY, LENGTH, rows=32), width=1)
    plain = AutoModelForCausalLM.from_pretrained(folder, trust_remote_code=False, attn_implementation="eager").eval()
    held = torch.zeros(3, KV_HEADS, dtype=torch.int64)
    for task, record in zip(tasks(PROMPTS), sorted(records, key=lambda record: record.key), strict=True):
        seen = judged(plain, [*task.prompt_ids, *record.token_ids[:-1]], Rule(window=3), adapters_of(folder)).seen
        for layer, heads in enumerate(seen):
            for head, by_query in enumerate(heads):
                held[layer, head] += sum(map(len, by_query[len(task.prompt_ids) :]))
    assert total.held == tuple(map(tuple, held.tolist()))
    assert len({entries for layer in total.held for entries in layer}) > 1


def test_retention_adds_up_and_is_read_back() -> None:
    one, two = Retention(((1, 2), (3, 4)), 10), Retention(((10, 20), (30, 40)), 50)
    assert one + two == Retention(((11, 22), (33, 44)), 60)
    assert NOTHING_SEEN + one == one + NOTHING_SEEN == one
    assert Retention.from_json(one.to_json()) == one
    assert one.to_json() == {"held": [[1, 2], [3, 4]], "seen": 10}
    assert one.share == [[0.1, 0.2], [0.3, 0.4]]
