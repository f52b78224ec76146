import math
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hyperscale.analysis.estimate import bootstrap_mean, fixed_interval, headline_interval, pass_at, t_interval, wilson
from hyperscale.analysis.quantile import t_quantile
from hyperscale.bench.coverage import settled


@pytest.mark.parametrize("n", range(1, 8))
def test_pass_at_equals_the_share_of_subsets_with_a_right_chain(n: int) -> None:
    for right in range(n + 1):
        chains = [True] * right + [False] * (n - right)
        for k in range(1, n + 1):
            subsets = list(combinations(chains, k))
            assert pass_at(n, right, k) == pytest.approx(sum(map(any, subsets)) / len(subsets), abs=1e-12)


@given(st.integers(1, 2000).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n), st.integers(1, n))))
def test_pass_at_is_a_chance_and_equals_the_binomial_form(case: tuple[int, int, int]) -> None:
    n, right, k = case
    assert 0 <= pass_at(n, right, k) <= 1
    assert pass_at(n, right, k) == pytest.approx(1 - math.comb(n - right, k) / math.comb(n, k), abs=1e-9)


@pytest.mark.parametrize(("n", "c", "k"), [(8, 4, 64), (8, 4, 0), (0, 0, 1), (4, 5, 1), (4, -1, 1)])
def test_pass_at_refuses_chains_that_do_not_exist(n: int, c: int, k: int) -> None:
    with pytest.raises(ValueError):
        pass_at(n, c, k)


@pytest.mark.parametrize(
    ("successes", "n", "low", "high"),  # worked by hand from the formula with z = 1.959964; 15 of 30 is in many tables
    [(15, 30, 0.3315, 0.6685), (0, 10, 0.0, 0.2775), (10, 10, 0.7225, 1.0), (81, 263, 0.2553, 0.3662)],
)
def test_wilson_equals_known_values(successes: int, n: int, low: float, high: float) -> None:
    interval = wilson(successes, n)
    assert (interval.low, interval.high) == pytest.approx((low, high), abs=5e-5)


@pytest.mark.parametrize(
    ("freedom", "wanted"),
    [
        (1, 12.7062),
        (2, 4.30265),
        (3, 3.18245),
        (4, 2.77645),
        (5, 2.57058),
        (9, 2.26216),
        (10, 2.22814),
        (29, 2.04523),
        (1000, 1.96234),
    ],
)
def test_t_quantiles_equal_the_table(freedom: int, wanted: float) -> None:
    assert t_quantile(0.975, freedom) == pytest.approx(wanted, rel=1e-5)


def test_t_quantiles_at_another_level() -> None:
    assert t_quantile(0.95, 7) == pytest.approx(1.894579, rel=1e-5)


def test_t_interval_equals_a_worked_example() -> None:
    interval = t_interval([0.2, 0.4, 0.6, 0.8])  # mean 0.5, sd 0.258199, t = 3.18245
    assert (interval.low, interval.high) == pytest.approx((0.5 - 0.410849, 0.5 + 0.410849), abs=1e-5)


def test_bootstrap_agrees_with_resampling_one_by_one() -> None:
    random = np.random.default_rng(0)
    scores = random.choice([0.0, 0.25, 1.0], size=120, p=[0.3, 0.2, 0.5])
    naive = [random.choice(scores, size=len(scores)).mean() for _ in range(20_000)]
    interval = bootstrap_mean(scores)
    assert (interval.low, interval.high) == pytest.approx(tuple(np.quantile(naive, [0.025, 0.975])), abs=0.005)


def test_bootstrap_is_the_same_for_the_same_seed_in_any_order() -> None:
    scores = np.random.default_rng(1).random(200)
    assert bootstrap_mean(scores, seed=3) == bootstrap_mean(scores[::-1], seed=3)
    assert bootstrap_mean(scores, seed=3) != bootstrap_mean(scores, seed=4)


def test_bootstrap_works_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    scores = np.random.default_rng(1).random(50)
    whole = bootstrap_mean(scores, resamples=1001)
    monkeypatch.setattr("hyperscale.analysis.estimate._BLOCK", 500)
    assert bootstrap_mean(scores, resamples=1001) == whole


@given(st.lists(st.sampled_from([0.0, 0.5, 1.0]), min_size=1, max_size=120), st.sampled_from([1, 8]))
def test_a_headline_interval_holds_its_own_estimate_and_stays_in_range(scores: list[float], chains: int) -> None:
    interval = headline_interval(scores, chains)
    assert 0 <= interval.low <= np.mean(scores) + 1e-12
    assert np.mean(scores) - 1e-12 <= interval.high <= 1
    assert interval.low < interval.high or len(set(scores)) == 1


@pytest.mark.parametrize(
    ("right", "n", "chains", "method"),
    [(24, 49, 8, "Wilson"), (24, 50, 8, "bootstrap"), (25, 50, 1, "Wilson"), (20, 200, 8, "bootstrap"), (18, 200, 8, "Wilson"),
     (182, 200, 8, "Wilson")],
)  # fmt: skip
def test_the_method_follows_problems_chains_and_rare_outcomes(right: int, n: int, chains: int, method: str) -> None:
    tie = [0.5]  # votes of 0 and 1 alone are counted, not resampled
    interval = headline_interval([1.0] * right + [0.0] * (n - right - 1) + tie, chains)
    assert interval.method.startswith(method)
    assert ("one chain" if chains == 1 else "vote over 8 chains") in interval.estimand


@pytest.mark.parametrize("scores", [[], [1.5], [-0.1, 0.2]])
def test_headline_refuses_what_is_no_score(scores: list[float]) -> None:
    with pytest.raises(ValueError):
        headline_interval(scores, 1)


@pytest.mark.parametrize("strays", [4, 6, 16])
@pytest.mark.parametrize("problems", [30, 200])
def test_chains_that_hardly_ever_stray_are_covered_on_fixed_questions(problems: int, strays: int) -> None:
    assert settled(problems, 8, strays, trials=1000) > 0.92


def test_chains_that_never_stray_count_as_independent() -> None:
    expected = wilson(120, 240)
    found = fixed_interval([0.0, 1.0] * 15, 8)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))
