"""Staircases and gains, worked by hand and against brute force."""

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hyperscale.analysis.frontier import Axis, Frontier, average_gains, frontier, gain
from hyperscale.analysis.point import Cost
from hyperscale.analysis.published_results import published_results
from hyperscale.analysis.staircase import level, staircase, unbeaten
from hyperscale.analysis.summary import Accounting
from tests.analysis.made_points import made_point
from tests.oracles.frontier import beaten, naive_gain, naive_height, naive_staircase

LOG2, LINEAR = Axis.LOG2, Axis.LINEAR


def steps(*points: tuple[float, float]) -> Frontier:
    return Frontier(np.array([cost for cost, _ in points], float), np.array([accuracy for _, accuracy in points], float))


# --- staircase --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("points", "kept"),
    [
        ([(1, 0.5)], [0]),
        ([(4, 0.9), (1, 0.5), (2, 0.7)], [1, 2, 0]),
        ([(1, 0.5), (2, 0.4), (3, 0.6)], [0, 2]),  # dearer and worse
        ([(1, 0.5), (1, 0.7), (1, 0.6)], [1]),  # of equal cost the best
        ([(3, 0.5), (1, 0.5), (2, 0.5)], [1]),  # of equal accuracy the cheapest
        ([(2, 0.6), (1, 0.5), (2, 0.6), (1, 0.5)], [1, 0]),  # of equals the first
        ([], []),
    ],
)
def test_a_staircase_by_hand(points: list[tuple[float, float]], kept: list[int]) -> None:
    found = staircase([cost for cost, _ in points], [accuracy for _, accuracy in points])
    assert found.tolist() == kept == naive_staircase(points)


ONE = st.tuples(st.integers(1, 6), st.integers(0, 6).map(lambda sixths: sixths / 6))
SMALL = st.lists(ONE, min_size=1, max_size=12)
ROWS = st.integers(1, 8).flatmap(lambda size: st.lists(st.lists(ONE, min_size=size, max_size=size), min_size=1, max_size=4))


@settings(deadline=None)
@given(SMALL)
def test_a_staircase_against_every_pair(points: list[tuple[float, float]]) -> None:
    costs, accuracies = np.array(points, float).T
    assert staircase(costs, accuracies).tolist() == naive_staircase(points)
    assert unbeaten(costs, accuracies).tolist() == [not beaten(point, points) for point in points]


@settings(deadline=None)
@given(ROWS)
def test_rows_are_looked_at_one_by_one(rows: list[list[tuple[float, float]]]) -> None:
    costs, accuracies = np.moveaxis(np.array(rows, float), 2, 0)
    expected = [[not beaten(point, points) for point in points] for points in rows]
    assert unbeaten(costs, accuracies).tolist() == expected


@pytest.mark.parametrize("wrong", [([1.0], [1.0, 2.0]), ([math.nan], [1.0]), ([1.0], [math.inf]), ([[1.0]], [[1.0]])])
def test_a_staircase_of_nonsense(wrong: tuple[list[float], list[float]]) -> None:
    with pytest.raises(ValueError, match="one finite cost and one finite accuracy"):
        staircase(*wrong)


def test_rounding_makes_no_step() -> None:
    third = np.array([1 / 3, 1 / 3 + 1e-16, 0.1 + 0.2, 0.3])
    assert level(third)[0] == level(third)[1]
    assert level(third)[2] == level(third)[3]
    exact = np.array([0.0, 1.0, 0.5, 3 / 2**20])
    assert level(exact).tolist() == exact.tolist()
    orders = [made_point(values, [cost] * 3) for cost, values in ((1, [0.3, 0.2, 0.1]), (2, [0.1, 0.2, 0.3]))]
    means = [point.accuracy.mean() for point in orders]
    assert means[0] < means[1]  # by rounding alone
    assert len(frontier(orders).points) == 1


# --- frontiers of points ----------------------------------------------------------------------------------------------


def test_a_frontier_of_points_by_hand() -> None:
    cheap = made_point([0.0, 0.5], [10, 30], width=1, aux=[0, 40], peak=[9, 9], seconds=5.0)
    beaten_one = made_point([0.0, 0.25], [40, 60], width=2, peak=[5, 7], seconds=3.0)
    dear = made_point([1.0, 0.5], [100, 200], width=4, peak=[8, 8], seconds=4.0)
    points = [dear, cheap, beaten_one]
    found = frontier(points)
    assert (found.costs.tolist(), found.accuracies.tolist()) == ([40.0, 150.0], [0.25, 0.75])
    assert found.points == (cheap, dear)
    assert frontier(points, accounting=Accounting.PAPER).costs.tolist() == [20.0, 150.0]
    assert frontier(points, Cost.PEAK).costs.tolist() == [6.0, 8.0]
    assert frontier(points, Cost.LATENCY).points == (beaten_one, dear)


def test_a_frontier_needs_points_on_the_same_problems() -> None:
    for points in ([], [made_point([1.0], [1.0]), made_point([1.0, 0.0], [1.0, 1.0])]):
        with pytest.raises(ValueError, match="on the same problems"):
            frontier(points)
    with pytest.raises(ValueError, match="nobody measured how long 1-64-8x took"):
        frontier([made_point([1.0], [1.0])], Cost.LATENCY)


@pytest.mark.parametrize("wrong", [[], [(1, 0.5), (1, 0.6)], [(2, 0.5), (1, 0.6)], [(1, 0.5), (2, 0.5)], [(1, 0.5), (2, 0.4)]])
def test_no_frontier_goes_back_or_down(wrong: list[tuple[float, float]]) -> None:
    with pytest.raises(ValueError, match="frontier"):
        steps(*wrong)


def test_accuracy_along_a_frontier() -> None:
    found = steps((4, 0.0), (16, 0.5), (64, 1.0))
    at = [3, 4, 8, 16, 40, 64, 65]
    assert found.accuracy_at(at).tolist() == pytest.approx(
        [math.nan, 0, 0.25, 0.5, 0.5 + 0.25 * math.log2(2.5), 1, math.nan], nan_ok=True
    )
    assert found.accuracy_at(at, LINEAR).tolist() == pytest.approx(
        [math.nan, 0, 4 / 12 * 0.5, 0.5, 0.75, 1, math.nan], nan_ok=True
    )
    free = steps((0, 0.0), (16, 0.5))
    assert free.accuracy_at([0, 8, 16]).tolist() == pytest.approx([math.nan, math.nan, 0.5], nan_ok=True)
    assert free.accuracy_at([0, 8, 16], LINEAR).tolist() == [0, 0.25, 0.5]
    assert np.isnan(steps((0, 0.5)).accuracy_at([0, 1])).all()


# --- gains by hand ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("axis", Axis)
@pytest.mark.parametrize(("a", "b"), [([(1, 0.1), (2, 0.5)], [(3, 0.2), (4, 0.3)]), ([(1, 0.1)], [(2, 0.1)])])
def test_disjoint_frontiers_have_no_gain(axis: Axis, a: list[tuple[float, float]], b: list[tuple[float, float]]) -> None:
    assert gain(steps(*a), steps(*b), axis) is None
    assert gain(steps(*b), steps(*a), axis) is None


def test_a_nested_frontier() -> None:
    outer = steps((4, 0.0), (16, 0.4), (64, 0.8))
    inner = steps((8, 0.5), (32, 0.9))
    # log2: over 3..5 the outer rises from 0.2 to 0.6 and the inner from 0.5 to 0.9, both along straight lines
    assert gain(inner, outer) == pytest.approx(0.3)
    # linear: the outer is 4/12 * 0.4 at 8, 0.4 at 16, 0.4 + 16/48 * 0.4 at 32; the inner 0.5, 0.5 + 8/24 * 0.4, 0.9
    left = ((0.5 - 0.4 / 3) + (0.5 + 0.4 / 3 - 0.4)) / 2 * 8
    right = ((0.5 + 0.4 / 3 - 0.4) + (0.9 - 0.4 - 0.4 / 3)) / 2 * 16
    assert gain(inner, outer, LINEAR) == pytest.approx((left + right) / 24)


def test_crossing_frontiers() -> None:
    steep, flat = steps((2, 0.0), (8, 0.8)), steps((2, 0.4), (8, 0.6))
    # both straight on either axis: -0.4 at one end, +0.2 at the other
    assert gain(steep, flat) == pytest.approx(-0.1)
    assert gain(steep, flat, LINEAR) == pytest.approx(-0.1)
    bent = steps((2, 0.0), (4, 0.8), (8, 0.9))
    # flat is 0.5 at 4 on the log2 axis, 0.4 + 0.2/3 on the linear one
    assert gain(bent, flat) == pytest.approx(((-0.4 + 0.3) / 2 + (0.3 + 0.3) / 2) / 2)
    middle = 0.8 - (0.4 + 0.2 / 3)
    assert gain(bent, flat, LINEAR) == pytest.approx(((-0.4 + middle) / 2 * 2 + (middle + 0.3) / 2 * 4) / 6)


def test_overlapping_frontiers_are_compared_where_both_are() -> None:
    early, late = steps((1, 0.1), (4, 0.3)), steps((2, 0.1), (64, 0.6))
    # 1..2 on the log2 axis: early from 0.2 to 0.3, late from 0.1 to 0.2
    assert gain(early, late) == pytest.approx(0.1)
    # 2..4: early from 0.1 + 0.2/3 to 0.3, late from 0.1 to 0.1 + 0.5 * 2/62
    assert gain(early, late, LINEAR) == pytest.approx((0.2 / 3 + 0.2 - 1 / 62) / 2)


@pytest.mark.parametrize("axis", Axis)
def test_a_single_point_is_compared_at_its_cost(axis: Axis) -> None:
    line = steps((2, 0.2), (8, 0.6))
    assert gain(steps((2, 0.5)), line, axis) == pytest.approx(0.3)
    assert gain(line, steps((8, 0.5)), axis) == pytest.approx(0.1)
    assert gain(steps((4, 0.7)), steps((4, 0.4)), axis) == pytest.approx(0.3)
    assert gain(steps((1, 0.1), (2, 0.4)), line, axis) == pytest.approx(0.2)  # one ends where the other begins
    inside = 0.4 if axis is LOG2 else 0.2 + 0.4 * 2 / 6
    assert gain(steps((4, 0.5)), line, axis) == pytest.approx(0.5 - inside)
    thin = steps((4, 0.5), (4 + 1e-9, 0.5 + 1e-12))
    assert gain(thin, line, axis) == pytest.approx(gain(steps((4, 0.5)), line, axis))  # the limit of the integral


def test_what_is_free_has_no_place_on_a_logarithmic_axis() -> None:
    line = steps((2, 0.2), (8, 0.6))
    assert gain(steps((0, 0.0), (2, 0.3), (8, 0.7)), line) == pytest.approx(0.1)
    assert gain(steps((0, 0.5)), line) is None
    assert gain(steps((0, 0.5)), steps((0, 0.25)), LINEAR) == 0.25


# --- gains in general -------------------------------------------------------------------------------------------------

FRONTIERS = st.integers(1, 6).flatmap(
    lambda size: st.tuples(
        st.lists(st.integers(1, 4000), min_size=size, max_size=size, unique=True),
        st.lists(st.integers(0, 1000), min_size=size, max_size=size, unique=True),
    ).map(lambda lists: steps(*zip(sorted(lists[0]), (value / 1000 for value in sorted(lists[1])), strict=True)))
)
AXES = st.sampled_from(Axis)


@settings(deadline=None)
@given(FRONTIERS, FRONTIERS, AXES)
def test_a_gain_turned_round_is_a_loss(a: Frontier, b: Frontier, axis: Axis) -> None:
    assert gain(a, a, axis) == 0
    there, back = gain(a, b, axis), gain(b, a, axis)
    assert (there is None) == (back is None)
    assert there is None or there == -back


@settings(deadline=None)
@given(FRONTIERS, FRONTIERS, AXES)
def test_a_gain_is_no_larger_than_the_largest_difference(a: Frontier, b: Frontier, axis: Axis) -> None:
    found = gain(a, b, axis)
    if found is not None:
        bends = np.union1d(a.costs, b.costs)
        apart = a.accuracy_at(bends, axis) - b.accuracy_at(bends, axis)
        assert np.nanmin(apart) - 1e-9 <= found <= np.nanmax(apart) + 1e-9


@settings(deadline=None)
@given(FRONTIERS, FRONTIERS, AXES, st.floats(-0.5, 0.5))
def test_lifting_a_frontier_lifts_its_gain(a: Frontier, b: Frontier, axis: Axis, height: float) -> None:
    lifted = Frontier(b.costs, b.accuracies + height)
    there, after = gain(b, a, axis), gain(lifted, a, axis)
    assert (there is None) == (after is None)
    assert there is None or after == pytest.approx(there + height, abs=1e-9)
    assert gain(lifted, b, axis) == pytest.approx(height, abs=1e-9)


@settings(deadline=None)
@given(SMALL, SMALL, ONE, AXES)
def test_a_beaten_point_changes_nothing(
    first: list[tuple[float, float]], second: list[tuple[float, float]], extra: tuple[float, float], axis: Axis
) -> None:
    def found(points: list[tuple[float, float]]) -> Frontier:
        return frontier([made_point([accuracy], [cost]) for cost, accuracy in points])

    if beaten(extra, first):
        assert gain(found([*first, extra]), found(second), axis) == gain(found(first), found(second), axis)


@settings(deadline=None)
@given(FRONTIERS, FRONTIERS, AXES)
def test_a_gain_against_a_sum_over_many_costs(a: Frontier, b: Frontier, axis: Axis) -> None:
    pairs = [list(zip(one.costs.tolist(), one.accuracies.tolist(), strict=True)) for one in (a, b)]
    expected = naive_gain(*pairs, logarithmic=axis is LOG2, steps=400)
    found = gain(a, b, axis)
    if expected is None:
        meet = max(a.costs[0], b.costs[0]) == min(a.costs[-1], b.costs[-1])
        assert (found is not None) == meet
        return
    # a sum over middles misses at most a kink in each part it has
    kinks = sum(len(one) for one in pairs)
    steepest = max((abs(y - x) for one in pairs for (_, x), (_, y) in pairwise(one)), default=0.0)
    places = [axis.place(one.costs) for one in (a, b)]
    width = min(p[-1] for p in places) - max(p[0] for p in places)
    narrowest = min((float(np.diff(p).min()) for p in places if len(p) > 1), default=width)
    assert found == pytest.approx(expected, abs=1e-9 + kinks * steepest * (width / 400) / narrowest / 400)


@settings(deadline=None)
@given(FRONTIERS, st.integers(1, 4000), AXES)
def test_accuracy_at_a_cost_against_a_search(one: Frontier, cost: int, axis: Axis) -> None:
    found = float(one.accuracy_at([cost], axis)[0])
    if one.costs[0] <= cost <= one.costs[-1]:
        pairs = list(zip(one.costs.tolist(), one.accuracies.tolist(), strict=True))
        assert found == pytest.approx(naive_height(pairs, cost, logarithmic=axis is LOG2))
    else:
        assert math.isnan(found)


# --- the paper's averages ---------------------------------------------------------------------------------------------


def test_the_papers_averages() -> None:
    by_task: dict[str, list[float | None]] = {}
    for row in published_results().gains:
        if (row.cost, row.method, row.reference) == ("reads", "dms", "vanilla"):
            by_task.setdefault(row.task, []).append(row.gain)
    averages = {task: 100 * (average_gains(gains) or 0) for task, gains in by_task.items()}
    exact = {"aime24": 12.53, "math500": 2.27, "gpqa_diamond": 5.83, "livecodebench": 8.30}
    assert averages == pytest.approx(exact, abs=0.005)
    assert {task: round(value, 1) for task, value in averages.items()} == {
        "aime24": 12.5, "math500": 2.3, "gpqa_diamond": 5.8, "livecodebench": 8.3,
    }  # fmt: skip


def test_averages_pass_over_what_is_not_there() -> None:
    assert average_gains([None, 0.25, None, 0.75]) == 0.5
    assert average_gains([None]) is None
    assert average_gains([]) is None
