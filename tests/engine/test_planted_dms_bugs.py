"""DMS with a mistake each, the ones that third-party code made: the oracle or the conformance suite must see it."""

from collections.abc import Callable

import pytest
import torch

from hyperscale.attention.taps import BorrowedTap
from hyperscale.cache.dms import DMS
from hyperscale.cache.ring import Ring
from hyperscale.cache.sparse_prompt import SparsePrompt
from hyperscale.conformance.bench import Bench, heads_for
from hyperscale.conformance.models import tiny_model
from hyperscale.conformance.report import Check, Status
from hyperscale.conformance.suite import run_check
from hyperscale.heads import HeadLayout
from tests.engine.dms_harness import AT, learned, run, violation
from tests.engine.harness import listening, scripts

HEADS = learned(HeadLayout.BORROWED, 6)
CHAINS = scripts((3, 21, 40), 24)


class WrongShift(DMS):
    """The decision of token t about token t, for heads that were trained with the shift."""

    @property
    def lag(self) -> int:
        return 0


class WindowTooLong(DMS):
    @property
    def delay(self) -> int:
        return super().delay + 1


class WindowTooShort(DMS):
    @property
    def delay(self) -> int:
        return super().delay - 1


class DensePrefill(DMS):
    """Attends densely inside the prompt and keeps all of it."""

    def prompt_cache(self, observer: object) -> None:
        return None


class DenseThenCut(DMS):
    """Attends densely inside the prompt, and then drops what the rule drops."""

    def prompt_cache(self, observer: object) -> SparsePrompt:
        cache = SparsePrompt(self, None)
        cache._sees_all = cache._sees  # type: ignore[attr-defined]

        def sees(queries: torch.Tensor, positions: torch.Tensor, marked: torch.Tensor) -> torch.Tensor:
            one = queries.shape[1] == 1
            return cache._sees_all(queries, positions, marked if one else torch.zeros_like(marked))  # type: ignore[attr-defined]

        cache._sees = sees  # type: ignore[method-assign]
        return cache


class ForgetsPending(DMS):
    """The decision about the last prompt token, which comes with the first decoded one, is lost."""

    def tapped(self, layer: int, heard: object) -> None:
        if int(self.cache.row_positions[1]) > 21:
            super().tapped(layer, heard)  # type: ignore[arg-type]


class Sinks(DMS):
    """Never evicts the first tokens."""

    def marks(self, heard: object) -> torch.Tensor:
        marks = super().marks(heard)  # type: ignore[arg-type]
        if marks.shape[-1] > 1:
            marks[..., :4] = False
        return marks


def test_without_a_mistake_nothing_is_found() -> None:
    model = listening("qwen3", HEADS)
    assert violation("qwen3", model, HEADS, run(model, HEADS, CHAINS), CHAINS) == ""


@pytest.mark.parametrize("bug", [WrongShift, WindowTooLong, WindowTooShort, DensePrefill, DenseThenCut, ForgetsPending, Sinks])
def test_a_wrong_rule_differs_from_the_oracle(bug: type[DMS]) -> None:
    model = listening("qwen3", HEADS)
    assert violation("qwen3", model, HEADS, run(model, HEADS, CHAINS, bug()), CHAINS) != ""


def wrong_slot(ring: Ring, layers: slice, put: Callable[[Ring, slice], torch.Tensor]) -> torch.Tensor:
    """Overwrites the entry that comes after the one that leaves."""
    place = (ring.cache.row_positions + 1) % (ring.window + 1)
    slots, marked = put(ring, layers), ring.cache.row_positions > ring.window
    wrong = ring.slot[ring.rows, place, layers].long().transpose(0, 1)
    reused = slots < ring.cache.live[layers]
    return torch.where(reused & marked[:, None], wrong, slots)


def too_early(ring: Ring, layers: slice, put: Callable[[Ring, slice], torch.Tensor]) -> torch.Tensor:
    """Never reuses a slot before twice the window has passed."""
    ring.mark[ring.cache.row_positions < 2 * ring.window] = False
    return put(ring, layers)


@pytest.mark.parametrize("mistake", [wrong_slot, too_early])
def test_a_wrong_slot_differs_from_the_oracle(monkeypatch: pytest.MonkeyPatch, mistake: Callable[..., torch.Tensor]) -> None:
    put = Ring.put
    monkeypatch.setattr(Ring, "put", lambda ring, layers: mistake(ring, layers, put))
    model = listening("qwen3", HEADS)
    assert "other positions were read" in violation("qwen3", model, HEADS, run(model, HEADS, CHAINS), CHAINS)


def borrowed_bench() -> Bench:
    heads = next(heads for heads in heads_for(DMS(), AT) if heads and heads.layout is HeadLayout.BORROWED)
    return Bench(DMS(), AT, tiny_model("qwen3", heads=heads))


def test_a_coordinate_that_the_rotation_fills_again_fails_the_mask_replay(monkeypatch: pytest.MonkeyPatch) -> None:
    assert run_check(Check.MASK_REPLAY, borrowed_bench()).status is Status.PASSED
    monkeypatch.setattr(BorrowedTap, "after_rope", lambda tap, q: q)
    result = run_check(Check.MASK_REPLAY, borrowed_bench())
    assert result.status is Status.FAILED
    assert "differ" in result.message


def test_a_coordinate_that_is_never_zeroed_fails_the_mask_replay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(BorrowedTap, "_without", lambda tap, q, heads: q)
    assert run_check(Check.MASK_REPLAY, borrowed_bench()).status is Status.FAILED


def test_a_ring_that_survives_its_chain_fails_the_refill_check(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Ring, "load", lambda ring, row, layers: None)
    assert run_check(Check.REFILL, borrowed_bench()).status is not Status.PASSED
