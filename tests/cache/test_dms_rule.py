"""The slot machine against the closed rule: whatever the decisions, a token reads what the rule shows it and nothing else."""

from dataclasses import dataclass

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from hyperscale.attention.taps import Heard
from hyperscale.budget import Budget
from hyperscale.cache.cache import CacheShape, KVCache
from hyperscale.cache.dms import DMS
from hyperscale.cache.sparse_prompt import SparsePrompt
from hyperscale.heads import DecideAt, HeadLayout, LearnedHeads
from tests.oracles.dms import Rule

KV_HEADS, GROUP, DIM = 2, 2, 4
SHAPE = CacheShape(1, KV_HEADS, KV_HEADS * GROUP, DIM, torch.float32, torch.device("cpu"))
KINDS = [(shift, at) for shift in (0, 1) for at in DecideAt]


def policy(window: int, shift: int, at: DecideAt, per_layer: bool = False) -> DMS:
    heads = LearnedHeads(HeadLayout.ADAPTER, window, shift=shift, decide_at=at, ratio=4.0, per_layer=per_layer)
    return DMS().resolved(Budget(ratio=4.0)).fitted(heads, "tiny")


def rule(fitted: DMS) -> Rule:
    return Rule(fitted.window, shift=fitted.shift, at_exit=fitted.decide_at is DecideAt.EXIT, per_layer=fitted.per_layer)


def decisions(share: float, length: int, seed: int) -> torch.Tensor:
    """Raw values ``[Hkv, T]`` of which a share marks."""
    noise = torch.rand(KV_HEADS, length, generator=torch.Generator().manual_seed(seed))
    return torch.where(noise < share, 0.06, 0.04)


@dataclass(eq=False)
class Chain:
    """A chain of made-up activations: what it hears, its prompt, how its prompt is cut."""

    raw: torch.Tensor  # [Hkv, T]
    prompt: int
    chunk: int = 10**6

    def __post_init__(self) -> None:
        generator = torch.Generator().manual_seed(int(self.raw.sum() * 1e4) + self.prompt)
        length = self.raw.shape[1]
        self.q = torch.randn(KV_HEADS * GROUP, length, DIM, generator=generator)
        self.k = torch.randn(KV_HEADS, length, DIM, generator=generator)
        self.v = torch.randn(KV_HEADS, length, DIM, generator=generator)
        self.read: list[list[list[int]]] = []  # by token and KV head
        self.outputs: list[torch.Tensor] = []  # [Hq, D] by token

    def note(self, positions: torch.Tensor) -> None:
        """``positions [Hkv, G, n]``, alike for all query heads."""
        self.read.append([sorted(p for p in head[0].tolist() if p >= 0) for head in positions])

    def prefilled(self, fitted: DMS) -> SparsePrompt:
        prompt = SparsePrompt(fitted, lambda _, positions: self.note(positions[0]))
        for first in range(0, self.prompt, self.chunk):
            part = slice(first, min(first + self.chunk, self.prompt))
            prompt.tapped(0, Heard(self.raw[None, :, part]))
            output = prompt.attend(0, self.q[None, :, part], self.k[None, :, part], self.v[None, :, part], 0.5)
            self.outputs += output[0].unbind(0)
        return prompt

    def expected(self, shown: Rule) -> list[list[list[int]]]:
        raw = self.raw[:1].expand_as(self.raw) if shown.per_layer else self.raw
        by_head = [shown.seen(head) for head in raw.tolist()]
        return [list(token) for token in zip(*by_head, strict=True)]

    def attended(self, token: int, seen: list[list[int]]) -> torch.Tensor:
        """What attention over those positions gives, ``[Hq, D]``."""
        out = torch.empty(KV_HEADS * GROUP, DIM)
        for head in range(KV_HEADS * GROUP):
            keys = seen[head // GROUP]
            weights = (self.k[head // GROUP, keys] @ self.q[head, token] * 0.5).softmax(0)
            out[head] = weights @ self.v[head // GROUP, keys]
        return out


class Machine:
    """Rows of chains in one cache."""

    def __init__(self, fitted: DMS, rows: int) -> None:
        self.fitted = fitted
        self.chains: list[Chain | None] = [None] * rows
        self.cache = KVCache(SHAPE, rows, fitted, self.note)

    def note(self, layer: int, positions: torch.Tensor) -> None:
        for chain, read in zip(self.chains, positions, strict=True):
            if chain:
                chain.note(read)

    def load(self, row: int, chain: Chain) -> None:
        prompt = chain.prefilled(self.fitted)
        assert prompt.reads == sum(len(head) for token in chain.read for head in token) / KV_HEADS
        self.cache.load(row, prompt.layers, 10**6)
        self.chains[row] = chain

    def clear(self, row: int) -> None:
        self.cache.clear(row)
        self.chains[row] = None

    def step(self) -> None:
        at = [len(chain.read) if chain else 0 for chain in self.chains]
        now = [
            tuple(part[:, t : t + 1] for part in (chain.raw, chain.q, chain.k, chain.v)) if chain else IDLE
            for chain, t in zip(self.chains, at, strict=True)
        ]
        raw, q, k, v = (torch.stack(parts) for parts in zip(*now, strict=True))
        self.cache.begin_step(torch.tensor(at))
        self.cache.tapped(0, Heard(raw))
        output = self.cache.attend(0, q, k, v, 0.5)
        self.cache.end_step()
        for chain, out in zip(self.chains, output, strict=True):
            if chain:
                chain.outputs.append(out[0])

    def finish(self) -> None:
        while (left := {len(chain.read) - chain.raw.shape[1] for chain in self.chains if chain}) and max(left) < 0:
            self.step()


IDLE = (
    torch.zeros(KV_HEADS, 1),
    torch.zeros(KV_HEADS * GROUP, 1, DIM),
    torch.zeros(KV_HEADS, 1, DIM),
    torch.zeros(KV_HEADS, 1, DIM),
)


def assert_follows(chain: Chain, shown: Rule) -> None:
    expected = chain.expected(shown)
    assert chain.read == expected[: len(chain.read)]
    for token, output in enumerate(chain.outputs):
        torch.testing.assert_close(output, chain.attended(token, expected[token]), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize(("shift", "at"), KINDS)
@pytest.mark.parametrize("windows", [range(22), pytest.param(range(22, 65), marks=pytest.mark.slow)], ids=["small", "large"])
def test_every_window_reads_what_the_rule_shows(windows: range, shift: int, at: DecideAt) -> None:
    for window in windows:
        fitted = policy(window, shift, at)
        machine = Machine(fitted, 4)
        for row, prompt in ((0, 1), (1, window + 7), (3, window // 2 + 1)):  # row 2 is idle
            share = (0.8, 0.5, 0.9)[row % 3]
            machine.load(row, Chain(decisions(share, prompt + 2 * window + 20, 7 * window + row), prompt))
        machine.finish()
        for chain in machine.chains:
            if chain:
                assert_follows(chain, rule(fitted))


@settings(max_examples=60, deadline=None)
@given(
    window=st.integers(0, 64),
    kind=st.sampled_from(KINDS),
    per_layer=st.booleans(),
    prompts=st.lists(st.integers(1, 90), min_size=3, max_size=3),
    chunks=st.lists(st.integers(1, 40), min_size=3, max_size=3),
    share=st.sampled_from([0.0, 0.3, 0.875, 1.0]),
    seed=st.integers(0, 10_000),
)
def test_any_chain_in_any_chunks_reads_what_the_rule_shows(
    window: int,
    kind: tuple[int, DecideAt],
    per_layer: bool,
    prompts: list[int],
    chunks: list[int],
    share: float,
    seed: int,
) -> None:
    fitted = policy(window, *kind, per_layer)
    machine = Machine(fitted, 3)
    chains = [
        Chain(decisions(share, prompt + 45, seed + row), prompt, chunk)
        for row, (prompt, chunk) in enumerate(zip(prompts, chunks, strict=True))
    ]
    machine.load(0, chains[0])
    machine.load(2, chains[2])
    for _ in range(15):
        machine.step()
    machine.clear(2)  # another chain follows it
    machine.load(2, chains[1])
    machine.finish()
    for chain in chains:
        assert_follows(chain, rule(fitted))
    if share in (0.0, 1.0):
        length = len(chains[0].read)
        live = min(length, window + 1) if share else length
        assert machine.cache.live[0, 0].tolist() == [live] * KV_HEADS


@pytest.mark.parametrize(("shift", "at"), KINDS)
def test_a_chain_moved_to_another_row_goes_on_as_before(shift: int, at: DecideAt) -> None:
    for window in (0, 1, 4, 20):
        fitted = policy(window, shift, at)
        machine = Machine(fitted, 2)
        chain = Chain(decisions(0.7, 90, window), 30)
        machine.load(0, chain)
        for turn in range(50):
            machine.step()
            if turn % 7 == 3:
                row = machine.chains.index(chain)
                taken = machine.cache.unload(row)
                machine.clear(row)
                machine.cache.load(1 - row, taken, 10**6)
                machine.chains[1 - row] = chain
        assert len(chain.read) == 80
        assert_follows(chain, rule(fitted))


def test_marks_follow_their_entries_out_of_the_cache() -> None:
    fitted = policy(6, 1, DecideAt.ARRIVAL)
    machine = Machine(fitted, 1)
    chain = Chain(decisions(0.5, 60, 3), 20)
    machine.load(0, chain)
    machine.finish()
    [live] = machine.cache.unload(0)
    for head in range(KV_HEADS):
        for position, mark in zip(live.positions[head].tolist(), live.scores[head].tolist(), strict=True):
            if position >= 0:
                decided = position > 59 - 7 and position < 59
                assert bool(mark) == (decided and rule(fitted).marked(chain.raw[head].tolist(), position))
