"""Which budgets, settings and models DMS takes, and what it says about the others."""

from dataclasses import replace

import pytest
import torch

from hyperscale.attention.taps import Heard
from hyperscale.budget import Budget
from hyperscale.cache.cache import CacheShape, KVCache
from hyperscale.cache.dms import DMS
from hyperscale.cache.policy import Policy
from hyperscale.cache.registry import POLICIES, make_policy
from hyperscale.errors import Refusal, UsageError
from hyperscale.heads import DecideAt, HeadLayout, LearnedHeads

HEADS = LearnedHeads(HeadLayout.BORROWED, window=256, scale=100.0, offset=5.0, shift=1, ratio=8.0)
EIGHT, ONE = Budget(ratio=8.0), Budget(ratio=1.0)


def test_what_is_not_set_is_the_checkpoints() -> None:
    fitted = make_policy("dms").resolved(EIGHT).fitted(HEADS, "m")
    assert fitted.parameters() == {
        "window": 256,
        "offset": 5.0,
        "scale": 100.0,
        "shift": 1,
        "decide_at": "arrival",
        "per_layer": False,
        "ratio": 8.0,
        "chunk": 4096,
    }
    assert DMS().fitted(HEADS, "m").ratio == 8.0
    theirs = LearnedHeads(HeadLayout.ADAPTER, 64, 50.0, 2.0, 0, DecideAt.EXIT, None, True)
    fitted = DMS().resolved(Budget(ratio=3.0)).fitted(theirs, "m")  # it does not say what it was trained for
    assert (fitted.window, fitted.scale, fitted.offset, fitted.shift) == (64, 50.0, 2.0, 0)
    assert (fitted.decide_at, fitted.per_layer, fitted.ratio) == (DecideAt.EXIT, True, 3.0)


def test_what_is_set_is_kept() -> None:
    settings = {"decide_at": "exit", "scale": "10", "offset": "1.5", "window": "256", "chunk": "64"}
    fitted = make_policy("dms", settings).resolved(EIGHT).fitted(HEADS, "m")
    assert (fitted.decide_at, fitted.scale, fitted.offset) == (DecideAt.EXIT, 10.0, 1.5)
    assert fitted.chunk == 64


@pytest.mark.parametrize(
    ("heads", "found"),
    [
        (None, "abacus has no DMS heads"),
        (LearnedHeads(HeadLayout.DMC, 12, ratio=8.0), "abacus has DMC heads"),
    ],
)
def test_a_model_without_its_heads_is_refused_by_name(heads: LearnedHeads | None, found: str) -> None:
    with pytest.raises(Refusal, match=found) as refusal:
        DMS().resolved(EIGHT).fitted(heads, "abacus")
    for named in (
        "nvidia/Qwen3-8B-DMS-8x",
        "shisa-ai/Llama-3.2-1B-DMS-8x",
        "abacus-dms-8x",
        "hyperscale retrofit --model abacus --target 8x --out DIR",
    ):
        assert named in str(refusal.value)


def test_another_ratio_than_the_trained_one_is_refused_and_1x_is_not() -> None:
    with pytest.raises(Refusal, match="trained for 8x, not 4x"):
        DMS().resolved(Budget(ratio=4.0)).fitted(HEADS, "m")
    assert DMS().resolved(ONE).fitted(HEADS, "m").off
    assert not DMS().resolved(EIGHT).fitted(HEADS, "m").off


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [("window", 128, "window 256, not 128"), ("shift", 0, "shift 1, not 0"), ("per_layer", True, "per_layer False, not True")],
)
def test_what_belongs_to_the_checkpoint_is_no_option(name: str, value: int, said: str) -> None:
    with pytest.raises(Refusal, match=said):
        DMS(**{name: value}).resolved(EIGHT).fitted(HEADS, "m")


@pytest.mark.parametrize("text", ["nan", "inf"])
def test_a_threshold_must_be_a_number(text: str) -> None:
    with pytest.raises(UsageError, match="offset"):
        make_policy("dms", {"offset": text})


def test_budgets_in_slots_and_contradictions_are_usage_errors() -> None:
    with pytest.raises(UsageError, match="512t"):
        DMS().resolved(Budget(slots=512))
    with pytest.raises(UsageError, match="contradicts"):
        DMS(ratio=4.0).resolved(EIGHT)
    assert DMS(ratio=8.0).resolved(EIGHT).ratio == 8.0


@pytest.mark.parametrize("wrong", [{"window": -1}, {"shift": 2}, {"shift": -1}, {"ratio": 0.5}, {"chunk": 0}])
def test_settings_without_sense_are_usage_errors(wrong: dict[str, float]) -> None:
    with pytest.raises(UsageError, match=next(iter(wrong))):
        DMS(**wrong)


def test_its_place_among_the_methods() -> None:
    assert POLICIES["dms"] is DMS
    assert DMS.default_budget is None
    assert DMS.prefix_safe
    assert all(
        policy.layouts == () for name, policy in POLICIES.items() if name in ("vanilla", "window", "tova", "h2o", "quest")
    )
    assert Policy().fitted(HEADS, "m") == Policy()


def test_a_policy_that_was_not_fitted_cannot_decode() -> None:
    shape = CacheShape(1, 1, 1, 4, torch.float32, torch.device("cpu"))
    with pytest.raises(RuntimeError, match="fitted"):
        KVCache(shape, 1, DMS().resolved(EIGHT))


def test_marks_compare_in_float32() -> None:
    fitted = DMS().resolved(EIGHT).fitted(HEADS, "m")
    raw = torch.tensor([[[0.0498, 0.05005, -0.2, 3.0]]], dtype=torch.bfloat16)
    assert fitted.marks(Heard(raw)).tolist() == [[[float(value) * 100 > 5 for value in raw[0, 0].float()]]]
    by_layer = DMS().resolved(EIGHT).fitted(replace(HEADS, per_layer=True), "m")
    assert by_layer.marks(Heard(torch.tensor([[[1.0, 0.0], [0.0, 1.0]]]))).tolist() == [[[True, False], [True, False]]]
