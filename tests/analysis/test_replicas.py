"""Runs that differ in the seed alone, pooled by hand."""

from dataclasses import replace

import pytest

from hyperscale.analysis.replicas import merged
from tests.analysis.made_points import made_point, same


def test_two_seeds_worked_by_hand() -> None:
    one = made_point([1.0, 0.0, 0.5], [10, 20, 30], width=2, aux=[1, 2, 3], peak=[4, 5, 6], seconds=2.0, chains=4,
                     problems=["a", "b", "c"])  # fmt: skip
    other = made_point([0.0, 0.5], [30, 50], width=2, aux=[3, 5], peak=[6, 8], seconds=4.0, chains=8, problems=["b", "c"])
    (pooled,) = merged([(0, [one]), (1, [other])])
    expected = made_point(
        [0.0, 0.5], [25, 40], width=2, aux=[2.5, 4], peak=[5.5, 7], seconds=3.0, chains=12, problems=["b", "c"]
    )
    assert same(pooled, expected)
    assert not pooled.derived


def test_time_counts_where_every_seed_measured_it() -> None:
    timed, untimed = made_point([1.0], [1.0], seconds=2.0), made_point([1.0], [1.0])
    assert merged([(0, [timed]), (1, [untimed])])[0].seconds is None
    assert merged([(0, [timed]), (1, [timed])])[0].seconds == 2.0


def test_what_differs_in_more_than_the_seed_stays_apart() -> None:
    first, second = made_point([0.0], [1.0], length=128), made_point([0.5], [1.0], length=128, method="h2o")
    runs = [(0, [first, made_point([0.25], [1.0], length=64)]), (1, [second]), (1, [made_point([0.75], [1.0], length=64)])]
    found = merged(runs)
    told = [(point.series.method, point.length, point.accuracy.tolist(), point.chains) for point in found]
    assert told == [("tova", 64, [0.5], 2), ("tova", 128, [0.0], 1), ("h2o", 128, [0.5], 1)]


def test_the_same_chains_do_not_count_twice() -> None:
    derived = made_point([0.25], [1.0], chains=8, derived=True)
    more = made_point([0.5], [1.0], chains=16)
    assert merged([(0, [derived]), (0, [more])]) == [more]
    assert merged([(0, [more]), (0, [derived])]) == [more]
    direct = replace(derived, derived=False)
    for runs in ([(0, [derived]), (0, [direct])], [(0, [direct]), (0, [derived])]):
        (kept,) = merged(runs)
        assert (kept.derived, kept.chains) == (False, 8)
    wide = made_point([0.25, 0.5], [1.0, 1.0], chains=8, derived=True)
    assert len(merged([(0, [direct]), (0, [wide])])[0].problems) == 2


def test_order_of_runs_does_not_matter_to_the_numbers() -> None:
    runs = [(seed, [made_point([seed / 7, 0.1], [seed / 3, 1.0])]) for seed in range(5)]
    assert same(merged(runs)[0], merged(runs[::-1])[0])


def test_seeds_without_a_common_problem_cannot_be_pooled() -> None:
    with pytest.raises(ValueError, match="tova 1-64-8x have no problem in common"):
        merged([(0, [made_point([1.0], [1.0], problems=["a"])]), (1, [made_point([1.0], [1.0], problems=["b"])])])


def test_nothing_pools_to_nothing() -> None:
    assert merged([]) == []
