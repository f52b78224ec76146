"""DMS on tapped tiny models, against the naive oracle, against vanilla, and against itself in other shapes."""

import pytest
import torch

from hyperscale.budget import Budget
from hyperscale.cache.cache import KVCache
from hyperscale.cache.dms import DMS
from hyperscale.cache.registry import make_policy
from hyperscale.cache.vanilla import Vanilla
from hyperscale.conformance.session import Script, Session
from hyperscale.engine.prefill import prefill
from hyperscale.engine.sampler import Sampling
from hyperscale.heads import DecideAt, HeadLayout, LearnedHeads
from hyperscale.store.records import FinishReason
from tests.engine.dms_harness import AT, learned, oracle, run, violation
from tests.engine.harness import decode, listening, plan, records, scripts, tasks
from tests.oracles.accounting import dense_reads
from tests.oracles.models import FAMILIES

LAYOUTS = (HeadLayout.BORROWED, HeadLayout.ADAPTER)
KINDS = [(1, DecideAt.ARRIVAL), (0, DecideAt.ARRIVAL), (1, DecideAt.EXIT), (0, DecideAt.EXIT)]
PROMPTS, STEPS = (3, 21, 40), 24


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("family", FAMILIES)
def test_delayed_eviction_is_the_oracles(family: str, layout: HeadLayout) -> None:
    for window in (0, 5, 16):
        heads = learned(layout, window)
        model, chains = listening(family, heads), scripts(PROMPTS, STEPS)
        session = run(model, heads, chains)
        assert violation(family, model, heads, session, chains) == ""
        assert int(session.cache.live.min()) < int(session.cache.live.max()) < PROMPTS[-1] + STEPS  # heads really differ


@pytest.mark.parametrize(("shift", "at"), KINDS[1:])
@pytest.mark.parametrize(
    ("family", "layout"), [("qwen3", HeadLayout.BORROWED), ("llama", HeadLayout.ADAPTER), ("qwen2", HeadLayout.BORROWED)]
)
def test_other_shifts_and_times_of_decision_are_the_oracles(family: str, layout: HeadLayout, shift: int, at: DecideAt) -> None:
    for window in (0, 7):
        heads = learned(layout, window, shift, at)
        model, chains = listening(family, heads), scripts(PROMPTS, STEPS)
        assert violation(family, model, heads, run(model, heads, chains), chains) == ""


def test_the_first_head_decides_for_its_layer_where_the_checkpoint_says_so() -> None:
    heads = learned(HeadLayout.BORROWED, 4, per_layer=True)
    model, chains = listening("qwen3", heads), scripts(PROMPTS, STEPS)
    session = run(model, heads, chains)
    assert violation("qwen3", model, heads, session, chains) == ""
    assert (session.cache.live[..., :1] == session.cache.live).all()


@pytest.mark.parametrize(("shift", "at"), KINDS)
@pytest.mark.parametrize("family", ["qwen3", pytest.param("llama", marks=pytest.mark.slow)])
def test_chunks_one_shot_and_token_by_token_are_the_same(family: str, shift: int, at: DecideAt) -> None:
    heads = learned(HeadLayout.BORROWED, 6, shift, at)
    model, chain = listening(family, heads), scripts([55], 10)[0]
    expected = oracle(family, model, chain, heads)
    for chunk in (1, 2, 7, 13, 54, 55, 4096):
        session = run(model, heads, {0: chain}, DMS(chunk=chunk))
        assert violation(family, model, heads, session, {0: chain}) == ""
    by_token = Script(chain.ids[:1], chain.ids[1:])
    session = run(model, heads, {0: by_token})
    ours = torch.stack([session.prompt_logits[0], *(step.logits[0] for step in session.steps)])
    torch.testing.assert_close(ours, expected.logits, atol=1e-5, rtol=0.0)


def test_prompt_reads_are_counted_as_the_rule_shows_them() -> None:
    heads = learned(HeadLayout.BORROWED, 6)
    model, chain = listening("qwen3", heads), scripts([300], 1)[0]  # more queries than a mask spans
    policy = DMS().resolved(AT).fitted(heads, "tiny")
    expected = oracle("qwen3", model, chain, heads)
    for chunk in (4096, 70):
        filled = prefill(model, list(chain.prompt), DMS(chunk=chunk).resolved(AT).fitted(heads, "tiny"), 400)
        assert filled.prefill_reads == expected.prompt_reads(300) / model.shape.heads
        assert filled.prefill_reads < 300 * 301 / 2
        for layer, live in enumerate(filled.layers):
            for head in range(model.shape.kv_heads):
                held = live.positions[head, : live.lengths[head]].tolist()
                assert held == expected.seen[layer][head][299]
                assert (live.positions[head, live.lengths[head] :] == -1).all()
    dense = prefill(model, list(chain.prompt), DMS().resolved(Budget(ratio=1.0)).fitted(heads, "tiny"), 400)
    assert dense.prefill_reads == 300 * 301 / 2
    assert policy.capacity(AT, 300, 7) == 307


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("family", FAMILIES)
def test_eviction_off_is_vanilla_bit_for_bit(family: str, layout: HeadLayout) -> None:
    heads = learned(layout, 3)
    model, chains = listening(family, heads), scripts(PROMPTS, STEPS)
    full = Budget(ratio=1.0)
    off = decode(model, DMS(chunk=5).resolved(full).fitted(heads, "tiny"), full, chains)
    vanilla = decode(model, Vanilla(), full, chains)
    for row in chains:
        assert torch.equal(off.prompt_logits[row], vanilla.prompt_logits[row])
        for step, other in zip(off.steps, vanilla.steps, strict=True):
            assert torch.equal(step.logits[row], other.logits[row])
    assert off.cache.meter.kv_reads.tolist() == vanilla.cache.meter.kv_reads.tolist()


@pytest.mark.parametrize("family", FAMILIES)
def test_nothing_marked_is_vanilla(family: str) -> None:
    heads = learned(HeadLayout.BORROWED, 3, offset=1e9)
    model, full = listening(family, heads), Budget(ratio=1.0)
    chains = scripts(PROMPTS, STEPS)
    kept, vanilla = run(model, heads, chains), decode(model, Vanilla(), full, chains)
    for step, other in zip(kept.steps, vanilla.steps, strict=True):
        torch.testing.assert_close(step.logits, other.logits, atol=1e-5, rtol=0.0)
        assert step.logits.argmax(-1).tolist() == other.logits.argmax(-1).tolist()
    assert kept.cache.meter.kv_reads.tolist() == vanilla.cache.meter.kv_reads.tolist()
    ours = records(model, tasks(PROMPTS), plan(DMS(), "4x", STEPS, heads=heads))
    theirs = records(model, tasks(PROMPTS), plan(Vanilla(), "1x", STEPS))
    assert {key: record.token_ids for key, record in ours.items()} == {key: record.token_ids for key, record in theirs.items()}
    assert {record.realised_cr for record in ours.values()} == {1.0}


def test_everything_marked_leaves_the_window() -> None:
    for window in (0, 1, 9):
        heads = learned(HeadLayout.ADAPTER, window, offset=-1e9)
        session = run(listening("llama", heads), heads, scripts(PROMPTS, STEPS))
        for step in session.steps:
            expected = [min(int(position) + 1, window + 1) for position in step.positions]
            assert all(layer.tolist() == [[live] * 2 for live in expected] for layer in step.live)


def test_records_count_what_the_oracle_counts() -> None:
    heads = learned(HeadLayout.BORROWED, 8)
    model = listening("qwen3", heads)
    chains = records(model, tasks((9, 30)), plan(DMS(), "4x", 70, sampling=Sampling(), heads=heads))
    for task in tasks((9, 30)):
        record, prompt = chains[task.problem_id, 0], len(task.prompt_ids)
        chain = Script(task.prompt_ids, record.token_ids[:-1])
        expected = oracle("qwen3", model, chain, heads)
        assert record.finish_reason is FinishReason.LENGTH
        assert record.kv_reads * model.shape.heads == pytest.approx(expected.reads(prompt), rel=1e-12)
        assert record.peak_tokens * model.shape.heads == pytest.approx(expected.peak(prompt), rel=1e-12)
        assert record.prefill_reads * model.shape.heads == pytest.approx(expected.prompt_reads(prompt), rel=1e-12)
        assert record.aux_reads == 0
        assert record.realised_cr == pytest.approx(dense_reads(prompt, 70) / record.kv_reads, rel=1e-12)


@pytest.mark.parametrize("at", list(DecideAt))
def test_a_row_keeps_its_bits_whatever_rows_are_beside_it(at: DecideAt) -> None:
    heads = learned(HeadLayout.BORROWED, 5, 1, at)
    model, chains = listening("qwen3", heads), scripts((30, 70, 4, 120), 60)
    policy = DMS().resolved(AT).fitted(heads, "tiny")
    together = decode(model, policy, AT, chains)
    for row in (0, 2):
        alone = Session(model, policy, AT, 4)
        alone.load(3 - row, chains[row])
        for step, other in zip(alone.run(60).steps, together.steps, strict=True):
            assert torch.equal(step.logits[3 - row], other.logits[row])
    reused = Session(model, policy, AT, 4)
    for row, chain in scripts((80, 90, 100, 5), 60).items():
        reused.load(row, chain)
    reused.run(40)
    poison(reused.cache, 2)
    for row in range(4):
        reused.clear(row)
    reused.step()
    for row, chain in chains.items():
        reused.load(3 - row, chain)
    for step, other in zip(reused.run(60).steps[-60:], together.steps, strict=True):
        assert torch.equal(step.logits.flip(0), other.logits)


def poison(cache: KVCache, row: int) -> None:
    """As if the chain in a row had broken."""
    with torch.inference_mode():
        for layer in cache.layers:
            pages = layer.table[row * cache.shape.kv_heads : (row + 1) * cache.shape.kv_heads]
            layer.keys[pages[pages > 0]] = torch.nan
            layer.values[pages[pages > 0]] = torch.nan
            layer.keys[0] = layer.values[0] = torch.nan  # filler rows write there


def test_other_methods_do_not_mind_taps() -> None:
    heads = LearnedHeads(HeadLayout.BORROWED, window=4, ratio=4.0)
    model = listening("qwen3", heads)
    for method, budget in (("vanilla", "1x"), ("tova", "12t"), ("h2o", "12t"), ("quest", "12t"), ("window", "12t")):
        chains = records(model, tasks((20, 6)), plan(make_policy(method), budget, 20, heads=heads))
        assert {record.tokens for record in chains.values()} == {20}
