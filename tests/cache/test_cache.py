"""The cache's own book-keeping: freeing, refilling and taking rows out."""

from dataclasses import dataclass

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from hyperscale.budget import Budget
from hyperscale.cache.cache import CacheShape, KVCache
from hyperscale.cache.policy import LiveLayer, Policy
from hyperscale.cache.storage import CHUNK
from hyperscale.conformance.session import Session, shuffled
from tests.engine.harness import CASES, METHODS, decode, scripts, seamed

ROWS, KV_HEADS, DIM = 2, 2, 4
SHAPE = CacheShape(1, KV_HEADS, 4, DIM, torch.float32, torch.device("cpu"))


@dataclass
class Scoring(Policy):
    """Keeps everything, with a number per slot that must follow its entry."""

    paged: bool = False

    @property
    def ragged(self) -> bool:
        return self.paged

    def setup(self) -> None:
        self.marks = self.cache.slot_state(torch.float32, -7.0)


def tagged(row: int, positions: torch.Tensor) -> torch.Tensor:
    """Keys that name their row, head and position: ``positions [Hkv, n]``."""
    heads = torch.arange(KV_HEADS)[:, None].expand_as(positions)
    return torch.stack([torch.full_like(positions, row), heads, positions, positions * 3], -1).float()


def filled(lengths: list[int], paged: bool = False) -> KVCache:
    cache = KVCache(SHAPE, ROWS, Scoring(paged))
    for row, length in enumerate(lengths):
        positions = torch.arange(length).expand(KV_HEADS, -1)
        keys = tagged(row, positions)
        cache.load(row, [LiveLayer(keys, -keys, positions)], 1000)
        cache.policy.marks.values[0, row, :, :length] = positions * 10.0
    return cache


def step(cache: KVCache, position: int) -> torch.Tensor:
    cache.begin_step(torch.full((ROWS,), position))
    keys = torch.stack([tagged(row, torch.full((KV_HEADS, 1), position)) for row in range(ROWS)])  # [R, Hkv, 1, D]
    cache.policy.marks.values[0].scatter_(-1, cache.slots[0][..., None], position * 10.0)
    output = cache.attend(0, torch.ones(ROWS, 4, 1, DIM), keys, -keys, 1.0)
    cache.end_step()
    return output


def assert_holds(cache: KVCache, expected: list[list[set[int]]]) -> None:
    """Each head holds these positions in slots [0, live), with their own keys, values and marks; nothing lies beyond."""
    positions, marks = cache.held(0), cache.policy.marks.values[0]
    width = positions.shape[-1]
    keys, values = cache.layers[0].gather(torch.arange(width).expand(ROWS * KV_HEADS, -1))
    for row in range(ROWS):
        for head in range(KV_HEADS):
            live = int(cache.live[0, row, head])
            held = positions[row, head, :live]
            assert sorted(held.tolist()) == sorted(expected[row][head])
            assert torch.equal(keys[row * KV_HEADS + head, :live], tagged(row, held.expand(KV_HEADS, -1))[head])
            assert torch.equal(values[row * KV_HEADS + head, :live], -tagged(row, held.expand(KV_HEADS, -1))[head])
            assert torch.equal(marks[row, head, :live], held * 10.0)
            assert (positions[row, head, live:] == -1).all()
            assert (marks[row, head, live:] == -7.0).all()


@settings(max_examples=60, deadline=None)
@given(
    lengths=st.lists(st.integers(2, CHUNK + 9), min_size=ROWS, max_size=ROWS),
    seeds=st.lists(st.integers(0, 2**16), min_size=1, max_size=4),
    share=st.floats(0, 0.95),
    paged=st.booleans(),
)
def test_freeing_keeps_the_survivors_dense(lengths: list[int], seeds: list[int], share: float, paged: bool) -> None:
    cache = filled(lengths, paged)
    expected = [[set(range(length)) for _ in range(KV_HEADS)] for length in lengths]
    for turn, seed in enumerate(seeds):
        position = 200 + turn
        step(cache, position)
        for heads in expected:
            for held in heads:
                held.add(position)
        slots = cache.held(0)
        gone = torch.rand(slots.shape, generator=torch.Generator().manual_seed(seed)) < share
        gone &= slots != position  # something stays
        for row in range(ROWS):
            for head in range(KV_HEADS):
                expected[row][head] -= set(slots[row, head][gone[row, head]].tolist())
        cache.free(0, gone)
        assert_holds(cache, expected)


@pytest.mark.parametrize("paged", [False, True])
def test_an_evicted_entry_is_overwritten_before_anything_is_read(paged: bool) -> None:
    cache = filled([5, 9], paged)
    cache.evict(0, torch.tensor([[3, -1], [0, 8]]))
    expected = [[{0, 1, 2, 4, 50}, {0, 1, 2, 3, 4, 50}], [{*range(1, 9), 50}, {*range(8), 50}]]
    step(cache, 50)
    assert_holds(cache, expected)
    assert int(cache.held(0)[0, 0, 3]) == 50
    assert cache.meter.kv_reads.tolist() == [5 + 6, 9 + 9]


@pytest.mark.parametrize("paged", [False, True])
def test_heads_of_different_lengths_read_their_own_entries_alone(paged: bool) -> None:
    cache = filled([6, 6], paged)
    gone = torch.zeros_like(cache.held(0), dtype=torch.bool)
    gone[0, 0, :4] = True
    cache.free(0, gone)
    output = step(cache, 70)  # [R, 1, Hq, D]
    for row in range(ROWS):
        for head in range(KV_HEADS):
            keys = tagged(row, torch.tensor([[4, 5, 70] if (row, head) == (0, 0) else [0, 1, 2, 3, 4, 5, 70]] * KV_HEADS))[head]
            expected = keys.sum(-1).softmax(-1) @ -keys
            torch.testing.assert_close(output[row, 0, 2 * head], expected)
    assert cache.meter.kv_reads.tolist() == [3 + 7, 7 + 7]


@pytest.mark.parametrize("paged", [False, True])
def test_an_idle_row_is_filler(paged: bool) -> None:
    cache = filled([4, 4], paged)
    cache.clear(1)
    step(cache, 30)
    assert cache.live[0].tolist() == [[5, 5], [1, 1]]
    assert int(cache.meter.kv_reads[0]) == 10


@pytest.mark.parametrize("method", METHODS)
def test_a_refilled_row_keeps_no_trace_even_of_a_chain_that_broke(method: str) -> None:
    model, case = seamed("llama"), CASES[method]
    chains = scripts((70, 6, 9), 12)
    fresh = Session(model, case.policy(), case.budget(16), 3)
    fresh.load(0, chains[0])
    fresh.load(2, chains[2])
    fresh.run(12)
    reused = Session(model, case.policy(), case.budget(16), 3)
    reused.load(2, scripts((75, 80, 90), 12)[2])
    reused.run(12)
    heads = slice(2 * reused.cache.shape.kv_heads, None)
    with torch.inference_mode():
        for layer in reused.cache.layers:
            layer.keys[:, heads] = torch.nan
            layer.values[:, heads] = torch.nan
    reused.clear(2)
    reused.step()
    reused.load(0, chains[0])
    reused.load(2, chains[2])
    for step, other in zip(fresh.steps, reused.run(12).steps[-12:], strict=True):
        for row in (0, 2):
            assert torch.equal(step.logits[row], other.logits[row])
    for total in ("kv_reads", "aux_reads", "peak"):
        ours, theirs = getattr(reused.cache.meter, total), getattr(fresh.cache.meter, total)
        assert ours[[0, 2]].tolist() == theirs[[0, 2]].tolist()


@pytest.mark.parametrize("method", METHODS)
def test_a_row_taken_out_and_loaded_elsewhere_goes_on_as_before(method: str) -> None:
    model, case = seamed("qwen3"), CASES[method]
    chains = scripts((20, 5, 11), 14)
    whole = decode(model, case.policy(), case.budget(12), chains)
    session = Session(model, case.policy(), case.budget(12), 3)
    for row, chain in chains.items():
        session.load(row, chain)
    session.run(8)
    with torch.inference_mode():
        taken = [session.cache.unload(row) for row in range(3)]
        for row, layers in enumerate(taken):
            held = [sorted(p for p in head if p >= 0) for head in session.cache.positions.values[0, row].tolist()]
            assert layers[0].positions.tolist() == held
            session.cache.load(row, layers, int(session.cache.capacity[row]))
    session.run(6)
    for step, other in zip(whole.steps[8:], session.steps[8:], strict=True):
        torch.testing.assert_close(other.logits, step.logits, atol=1e-5, rtol=0.0)
        assert [other.visible(2, row) for row in range(3)] == [step.visible(2, row) for row in range(3)]


@pytest.mark.parametrize("paged", [False, True])
def test_heads_of_different_lengths_leave_and_come_back_as_they_were(paged: bool) -> None:
    cache = filled([40, 23], paged)
    gone = torch.zeros_like(cache.held(0), dtype=torch.bool)
    gone[0, 0, 3:30] = True
    gone[1, 1, 5] = True
    cache.free(0, gone)
    assert_holds(cache, expected := [[{*range(3), *range(30, 40)}, {*range(40)}], [{*range(23)}, {*range(23)} - {5}]])
    cache.evict(0, torch.tensor([[-1, 7], [-1, -1]]))  # a hole that nobody has filled yet
    expected[0][1].discard(7)
    for row in range(ROWS):
        [live] = cache.unload(row)
        for head in range(KV_HEADS):
            held = sorted(expected[row][head])
            assert live.positions[head].tolist() == held + [-1] * (live.positions.shape[1] - len(held))
            assert live.lengths is not None
            assert int(live.lengths[head]) == len(held)
        cache.clear(row)
        cache.load(row, [live], 1000)
        marks = live.positions.clamp(min=0) * 10.0
        cache.policy.marks.values[0, row, :] = -7.0
        cache.policy.marks.values[0, row, :, : live.positions.shape[1]] = torch.where(live.positions >= 0, marks, -7.0)
    assert_holds(cache, expected)
    step(cache, 77)
    assert_holds(cache, [[held | {77} for held in heads] for heads in expected])


@dataclass
class Merging(Policy):
    """Every odd token joins the newest entry, which becomes the sum of both: decided late, and written by the policy."""

    paged: bool = False

    @property
    def ragged(self) -> bool:
        return self.paged

    def place(self) -> None:
        return None

    def late(self, layer: int) -> torch.Tensor:
        live = self.cache.live[layer]
        return torch.where(self.joining, live - 1, live)

    def write(self, layer: int, keys: torch.Tensor, values: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        before = self.cache.store.gather(layer, 0, self.cache.slots[layer, 0][:, None])
        old = [part[None, :, 0] * self.joining[..., None] for part in before]
        return keys + old[0], values + old[1]

    @property
    def joining(self) -> torch.Tensor:
        odd = self.cache.row_positions % 2 == 1
        return odd[:, None].expand(-1, KV_HEADS)


@pytest.mark.parametrize("paged", [False, True])
def test_a_policy_may_write_into_its_newest_entry(paged: bool) -> None:
    cache = KVCache(SHAPE, 1, Merging(paged))
    start = torch.arange(14).expand(KV_HEADS, -1)
    cache.load(0, [LiveLayer(tagged(0, start), -tagged(0, start), start)], 1000)
    for position in range(14, 22):
        cache.begin_step(torch.tensor([position]))
        keys = tagged(0, torch.full((KV_HEADS, 1), position))[None]
        output = cache.attend(0, torch.ones(1, 4, 1, DIM), keys, -keys, 0.01)
        cache.end_step()
        pairs = (
            [(p, p + 1) for p in range(14, position, 2)] if position % 2 else [(p, p + 1) for p in range(14, position - 1, 2)]
        )
        last = [] if position % 2 else [(position,)]
        entries = [(p,) for p in range(14)] + pairs + last
        assert cache.held(0)[0, :, : len(entries)].tolist() == [[entry[-1] for entry in entries]] * KV_HEADS
        assert cache.live[0].tolist() == [[len(entries)] * KV_HEADS]
        for head in range(KV_HEADS):
            stored = torch.stack([sum(tagged(0, torch.full((KV_HEADS, 1), p))[head, 0] for p in entry) for entry in entries])
            expected = (stored.sum(-1) * 0.01).softmax(0) @ -stored
            torch.testing.assert_close(output[0, 0, 2 * head], expected)
    assert int(cache.meter.kv_reads[0]) == KV_HEADS * (15 + 15 + 16 + 16 + 17 + 17 + 18 + 18)


@pytest.mark.parametrize("page", [1, 4, 100])
def test_shuffling_moves_whole_entries_and_keeps_pages_together(page: int) -> None:
    positions = torch.arange(22).expand(KV_HEADS, -1)
    keys = tagged(0, positions)
    moved = shuffled(LiveLayer(keys, -keys, positions, positions * 2.0), page, torch.Generator().manual_seed(1))
    assert moved.positions[0].sort().values.tolist() == list(range(22))
    assert moved.positions[0].tolist() != list(range(22))
    assert torch.equal(moved.keys, tagged(0, moved.positions))
    assert torch.equal(moved.values, -moved.keys)
    assert torch.equal(moved.scores, moved.positions * 2.0)
    if page == 4:
        assert {frozenset(moved.positions[0, first : first + 4].tolist()) for first in range(0, 20, 4)} == {
            frozenset(range(first, first + 4)) for first in range(0, 20, 4)
        }


def test_a_policy_of_a_users_own_is_never_written_to() -> None:
    policy = CASES["h2o"].policy()
    before = dict(vars(policy))
    decode(seamed("llama"), policy, Budget(slots=8), scripts((9, 12), 3))
    assert vars(policy) == before
    with pytest.raises(RuntimeError, match="not bound"):
        _ = policy.cache
