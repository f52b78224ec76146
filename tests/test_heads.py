"""Learned heads to configuration keys and back."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hyperscale.errors import Refusal
from hyperscale.heads import DecideAt, HeadLayout, LearnedHeads, find_heads

DMS = st.builds(
    LearnedHeads,
    layout=st.sampled_from([HeadLayout.BORROWED, HeadLayout.ADAPTER]),
    window=st.integers(0, 1 << 20),
    scale=st.floats(0.1, 1000),
    offset=st.floats(-100, 100),
    shift=st.integers(0, 1),
    decide_at=st.sampled_from(DecideAt),
    ratio=st.none() | st.floats(1, 64),
    per_layer=st.booleans(),
)


@given(heads=DMS)
def test_what_a_retrofit_writes_is_read_back(heads: LearnedHeads) -> None:
    assert find_heads(heads.to_config(), None, heads.layout is HeadLayout.ADAPTER, "model") == heads
    assert heads.method == "dms"


def test_dmc_is_read_back() -> None:
    heads = LearnedHeads(HeadLayout.DMC, window=12, scale=1.0, offset=5.0, shift=0, ratio=8.0)
    assert find_heads(heads.to_config(), None, False, "model") == heads
    assert (heads.method, heads.borrowed) == ("dmc", True)
    assert find_heads({**heads.to_config(), "dmc_cr": 4}, None, False, "model") == replace(heads, ratio=4.0)
    with pytest.raises(Refusal, match=r"dmc_window_size of its DMC heads is 'many', not a number"):
        find_heads({"dmc_window_size": "many"}, None, False, "model")


def test_an_ordinary_configuration_has_no_heads() -> None:
    assert find_heads({"hidden_size": 4096, "sliding_window": 512}, None, False, "model") is None
    with pytest.raises(Refusal, match="does not say dms_window_size"):
        find_heads({"hidden_size": 4096}, None, True, "model")


def test_ratio_keys_may_be_missing_or_null() -> None:
    assert find_heads({"dms_window_size": 16, "dms_cr": None}, None, False, "model") == LearnedHeads(HeadLayout.BORROWED, 16)
