"""Training attention against the rule it relaxes, written down naively."""

import math

import pytest
import torch

from hyperscale.attention.taps import Heard
from hyperscale.heads import DecideAt, HeadLayout, LearnedHeads
from hyperscale.retrofit import gated
from hyperscale.retrofit.gated import CausalAttention, GatedAttention, attend_block

HEADS, GROUP, DIM = 2, 3, 4


def inputs(length: int, rows: int = 2, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    q = torch.randn(rows, HEADS * GROUP, length, DIM, generator=generator)
    k, v = (torch.randn(rows, HEADS, length, DIM, generator=generator) for _ in range(2))
    return q, k, v


def naive(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, alpha: torch.Tensor, window: int) -> torch.Tensor:
    """One query at a time: weights ``exp(q.k) * (1 - alpha_k)`` outside the window; ``alpha [B, H, T]`` by entry."""
    output = torch.zeros(q.shape[0], q.shape[2], q.shape[1], DIM)
    for row in range(q.shape[0]):
        for head in range(q.shape[1]):
            for t in range(q.shape[2]):
                mine = head // GROUP
                weights = (k[row, mine, : t + 1] @ q[row, head, t] * 0.5).exp()
                for j in range(t + 1):
                    if t - j > window:
                        weights[j] = weights[j] * (1 - alpha[row, mine, j])
                output[row, t, head] = weights / weights.sum() @ v[row, mine, : t + 1]
    return output


@pytest.mark.parametrize("length", [1, 7, 130, 150])
def test_dense_attention(length: int) -> None:
    q, k, v = inputs(length, rows=1)
    wanted = naive(q, k, v, torch.zeros(1, HEADS, length), 0)
    torch.testing.assert_close(CausalAttention().attend(0, q, k, v, 0.5), wanted, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(("shift", "decide_at"), [(0, "arrival"), (1, "arrival"), (0, "exit"), (1, "exit")])
@pytest.mark.parametrize("window", [0, 3, 16])
def test_dimmed_attention(window: int, shift: int, decide_at: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gated, "QUERY_CHUNK", 8)
    monkeypatch.setattr(gated, "logistic_noise", lambda shape, generator: torch.zeros(shape))
    length = 37
    q, k, v = inputs(length)
    raw = torch.randn(2, HEADS, length, generator=torch.Generator().manual_seed(3)) * 0.002 + 0.05
    heads = LearnedHeads(HeadLayout.BORROWED, window=window, shift=shift, decide_at=DecideAt(decide_at))
    attention = GatedAttention(heads, torch.ones(2, length, dtype=torch.bool), torch.Generator())
    attention.tapped(0, Heard(raw))
    alpha = torch.zeros(2, HEADS, length)
    lag = shift + (window if decide_at == "exit" else 0)
    for k_index in range(length - lag):
        alpha[..., k_index] = 1 / (1 + (-(100 * raw[..., k_index + lag] - 5) / 0.1).exp())
    torch.testing.assert_close(attention.attend(0, q, k, v, 0.5), naive(q, k, v, alpha, window), atol=1e-5, rtol=1e-4)
    assert 0.05 < float(alpha.mean()) < 0.95  # neither side of the gate goes untested


def test_hard_decisions_are_what_inference_does() -> None:
    q, k, v = inputs(40)
    raw = torch.where(torch.rand(2, HEADS, 40, generator=torch.Generator().manual_seed(1)) < 0.5, 0.06, 0.04)
    attention = GatedAttention(LearnedHeads(HeadLayout.BORROWED, window=5), torch.ones(2, 40, dtype=torch.bool), None)
    attention.tapped(0, Heard(raw))
    alpha = torch.cat([(raw[..., 1:] > 0.05).float(), torch.zeros(2, HEADS, 1)], -1)
    torch.testing.assert_close(attention.attend(0, q, k, v, 0.5), naive(q, k, v, alpha, 5), atol=1e-5, rtol=1e-5)
    assert float(attention.marked_share) == pytest.approx(float((raw > 0.05).float().mean()))


def test_padding_does_not_count() -> None:
    raw = torch.tensor([[[0.06, 0.04, 0.06, 0.06]]])
    attention = GatedAttention(LearnedHeads(HeadLayout.BORROWED, window=1), torch.tensor([[True, True, True, False]]), None)
    attention.tapped(0, Heard(raw))
    assert float(attention.marked_share) == pytest.approx(2 / 3)


def test_one_decision_for_the_layer() -> None:
    raw = torch.tensor([[[0.06, 0.04], [0.04, 0.06]]])
    heads = LearnedHeads(HeadLayout.BORROWED, window=1, per_layer=True)
    attention = GatedAttention(heads, torch.ones(1, 2, dtype=torch.bool), None)
    attention.tapped(0, Heard(raw))
    assert attention.marked[0].tolist() == [0.5, 0.5]


def test_gradients_reach_the_gates_through_attention_and_through_the_count() -> None:
    q, k, v = inputs(30)
    for part in ("attention", "count"):
        raw = torch.full((2, HEADS, 30), 0.05, requires_grad=True)
        attention = GatedAttention(
            LearnedHeads(HeadLayout.BORROWED, window=4), torch.ones(2, 30, dtype=torch.bool), torch.Generator().manual_seed(0)
        )
        attention.tapped(0, Heard(raw))
        target = attention.attend(0, q, k, v, 0.5).square().sum() if part == "attention" else attention.marked_share
        target.backward()
        assert raw.grad is not None
        moved = (raw.grad.abs() > 0).flatten(0, 1).float().mean(0)  # by token; some gates are too wide open to move
        if part == "count":
            assert float(moved.min()) > 0
            assert float(moved.mean()) > 0.8
        else:
            assert float(moved[1:26].mean()) > 0.6  # about entries that some query has left behind
            assert float(moved[0]) == 0  # about no entry
            assert float(moved[26:].max()) == 0  # about entries that no query has left behind


@pytest.mark.parametrize("dimmed", [False, True])
def test_recomputed_blocks_give_the_same_gradients(dimmed: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gated, "QUERY_CHUNK", 8)
    results = []
    for kept in (1 << 28, 0):
        monkeypatch.setattr(gated, "KEPT_WEIGHTS", kept)
        q, k, v = (x.requires_grad_() for x in inputs(21))
        attention: CausalAttention = CausalAttention()
        if dimmed:
            heads = LearnedHeads(HeadLayout.BORROWED, window=4)
            attention = GatedAttention(heads, torch.ones(2, 21, dtype=torch.bool), torch.Generator().manual_seed(0))
            attention.tapped(0, Heard(k[..., 0] * 0.05))
        attention.attend(0, q, k, v, 0.5).square().sum().backward()
        results.append((q.grad, k.grad, v.grad))
    for first, second in zip(*results, strict=True):
        torch.testing.assert_close(first, second)


@pytest.mark.parametrize(
    ("device", "rows", "length", "queries"), [("cpu", 24, 1280, 128), ("meta", 24, 1280, 512), ("meta", 1, 1 << 20, 128)]
)
def test_blocks_are_larger_on_other_devices_where_rows_are_short(device: str, rows: int, length: int, queries: int) -> None:
    assert gated.queries_at_once(torch.empty(rows, 2, 2, length, 32, device=device)) == queries


def test_a_block_with_everything_dimmed_away_is_finite() -> None:
    q = torch.randn(1, 1, 1, 4, DIM)
    k = torch.randn(1, 1, 20, DIM)
    output = attend_block(q, k, k, torch.full((1, 1, 20), -math.inf), 2)
    assert bool(output.isfinite().all())
