"""Bands, standings and intervals of gains against a loop over resamples, problem by problem."""

import numpy as np
import pytest

from hyperscale.analysis import bands as module
from hyperscale.analysis.bands import Bands, bootstrap, resampled_means
from hyperscale.analysis.frontier import Axis, Frontier, frontier, gain
from hyperscale.analysis.point import Cost, Point
from hyperscale.analysis.quantile import widened
from hyperscale.analysis.summary import Accounting
from tests.analysis.made_points import made_point
from tests.oracles.frontier import beaten, naive_height, naive_staircase

PROBLEMS, RESAMPLES = 16, 60


def made_methods(seed: int = 0) -> dict[str, list[Point]]:
    """Three methods whose frontiers cross; all numbers are binary fractions, so that means are exact."""
    random = np.random.default_rng(seed)
    methods = {}
    for method, sizes in (("vanilla", (8, 16, 32, 64)), ("tova", (2, 4, 8)), ("dms", (3, 12, 24, 48, 20))):
        methods[method] = [
            made_point(
                np.minimum(8, random.integers(0, 5, PROBLEMS) + place) / 8,
                random.integers(size, 2 * size, PROBLEMS),
                aux=random.integers(0, 2, PROBLEMS),
                width=2**place,
                method=method,
            )
            for place, size in enumerate(sizes)
        ]
    return methods


def means_by_hand(points: list[Point], drawn: np.ndarray) -> list[tuple[float, float]]:
    """(cost, accuracy) of each point over the problems that a resample drew, each as often as it was drawn."""
    rows = [problem for problem, times in enumerate(drawn) for _ in range(times)]
    return [
        (float(np.mean([point.cost()[row] for row in rows])), float(np.mean([point.accuracy[row] for row in rows])))
        for point in points
    ]


def rising(pairs: list[tuple[float, float]]) -> list[tuple[float, float]]:
    return [pairs[number] for number in naive_staircase(pairs)]


def held_height(pairs: list[tuple[float, float]], cost: float, logarithmic: bool) -> float:
    return naive_height(pairs, min(max(cost, pairs[0][0]), pairs[-1][0]), logarithmic)


@pytest.fixture(scope="module", params=Axis)
def axis(request: pytest.FixtureRequest) -> Axis:
    return Axis(request.param)


@pytest.fixture(scope="module")
def found(axis: Axis) -> Bands:
    return bootstrap(made_methods(), resamples=RESAMPLES, seed=3, axis=axis)


@pytest.fixture(scope="module")
def resampled() -> dict[str, list[list[tuple[float, float]]]]:
    """Of each method the means of its points in each resample."""
    draws = np.random.default_rng(3).multinomial(PROBLEMS, [1 / PROBLEMS] * PROBLEMS, size=RESAMPLES)
    return {method: [means_by_hand(points, drawn) for drawn in draws] for method, points in made_methods().items()}


def test_standings_against_a_loop(found: Bands, resampled: dict[str, list[list[tuple[float, float]]]]) -> None:
    own_shares = []
    for method, points in made_methods().items():
        for place in range(len(points)):
            own = np.mean([not beaten(means[place], means) for means in resampled[method]])
            everyone = [[pair for all_means in resampled.values() for pair in all_means[r]] for r in range(RESAMPLES)]
            overall = np.mean([not beaten(resampled[method][r][place], everyone[r]) for r in range(RESAMPLES)])
            standing = found.standings[method][place]
            assert (standing.own, standing.overall) == (pytest.approx(own), pytest.approx(overall))
            assert standing.point.label == points[place].label
            own_shares.append(standing.own)
    assert min(own_shares) < 0.2  # points of all kinds
    assert any(0.2 < share < 0.8 for share in own_shares)


def test_bands_against_a_loop(axis: Axis, found: Bands, resampled: dict[str, list[list[tuple[float, float]]]]) -> None:
    for method, points in made_methods().items():
        band = found.bands[method]
        whole = frontier(points)
        assert (band.costs[0], band.costs[-1]) == (pytest.approx(whole.costs[0]), pytest.approx(whole.costs[-1]))
        assert all(np.isclose(band.costs, cost).any() for cost in whole.costs)
        for place in range(0, len(band.costs), 9):
            cost = float(band.costs[place])
            heights = [held_height(rising(means), cost, axis is Axis.LOG2) for means in resampled[method]]
            low, high = np.quantile(heights, [0.025, 0.975])
            assert (band.low[place], band.high[place]) == (pytest.approx(low), pytest.approx(high))


def test_intervals_of_gains_against_a_loop(
    axis: Axis, found: Bands, resampled: dict[str, list[list[tuple[float, float]]]]
) -> None:
    def curve(means: list[tuple[float, float]]) -> Frontier:
        return Frontier(*(np.array(column) for column in zip(*rising(means), strict=True)))

    methods = made_methods()
    assert set(found.gains) == {(a, b) for a in methods for b in methods if a != b}
    for (method, reference), band in found.gains.items():
        pairs = zip(resampled[method], resampled[reference], strict=True)
        gains = [gain(curve(a), curve(b), axis) for a, b in pairs]
        there = [value for value in gains if value is not None]
        assert band.undefined == pytest.approx(1 - len(there) / RESAMPLES)
        if band.gain is None:
            assert (band.low, band.high, band.span) == (None, None, None)  # what some resamples have would mislead
        else:
            ends = [widened(end, len(next(iter(methods[method])).problems)) for end in (0.025, 0.975)]
            assert (band.low, band.high) == pytest.approx(tuple(np.quantile(there, ends)))
            costs = [frontier(methods[name]).costs for name in (method, reference)]
            assert band.span == (max(its[0] for its in costs), min(its[-1] for its in costs))
        assert band.gain == gain(frontier(methods[method]), frontier(methods[reference]), axis)
        assert band.gain is None or band.low < band.gain < band.high
    assert found.gains["vanilla", "tova"].gain is None  # though in some resamples they meet
    assert 0.5 < found.gains["vanilla", "tova"].undefined < 1
    assert found.gains["dms", "vanilla"].gain is not None


def test_where_costs_seldom_meet() -> None:
    cheap = made_point([0.5] * 8, [1, 1, 1, 1, 1, 1, 1, 9], method="tova")
    dear = made_point([0.75] * 8, [2, 2, 2, 2, 2, 2, 2, 2], method="vanilla")
    wide = made_point([1.0] * 8, [20, 20, 20, 20, 20, 20, 20, 20], method="vanilla")
    band = bootstrap({"tova": [cheap], "vanilla": [dear, wide]}).gains["tova", "vanilla"]
    # tova costs 1 + k, where k of 8 draws are the dear problem: below 2 unless it was drawn at all
    assert band.undefined == pytest.approx((7 / 8) ** 8, abs=0.05)
    assert band.gain == pytest.approx(-0.25)  # both at 2
    assert band.high is not None
    never = bootstrap({"tova": [cheap], "vanilla": [wide]}).gains["vanilla", "tova"]
    assert (never.gain, never.low, never.high, never.undefined) == (None, None, None, 1.0)


def test_a_copy_of_a_method_neither_gains_nor_displaces() -> None:
    methods = made_methods()
    found = bootstrap({"one": methods["dms"], "other": list(methods["dms"])}, resamples=50)
    band = found.gains["one", "other"]
    assert (band.gain, band.low, band.high, band.undefined) == (0.0, 0.0, 0.0, 0.0)
    for one, other in zip(found.standings["one"], found.standings["other"], strict=True):
        assert one == other
        assert one.own == one.overall


def test_length_that_buys_nothing_is_on_no_frontier() -> None:
    """Equal accuracies must tie in every resample, however sums are rounded."""
    thirds = np.random.default_rng(0).integers(0, 4, 300) / 3
    short = made_point(thirds, [10.0] * 300, length=64)
    others = [made_point(thirds, [10.0 + more] * 300, length=64 * more) for more in range(2, 40)]
    standings = bootstrap({"tova": [short, *others]}, resamples=200).standings["tova"]
    assert [standing.own for standing in standings] == [1.0] + [0.0] * 38


def test_equal_columns_have_equal_means_and_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    columns = np.random.default_rng(1).random((70, 40))
    columns[:, 33] = columns[:, 2]
    means = resampled_means(columns, 25, seed=5)
    assert means.shape == (25, 40)
    assert (means[:, 33] == means[:, 2]).all()
    monkeypatch.setattr(module, "_BLOCK", 70 * 4)
    assert np.allclose(resampled_means(columns, 25, seed=5), means, rtol=1e-12)


def test_seeds_are_kept() -> None:
    methods = made_methods()
    one, again, other = (bootstrap(methods, resamples=40, seed=seed) for seed in (1, 1, 2))
    assert one.gains == again.gains != other.gains
    assert (one.seed, one.resamples) == (1, 40)


def test_costs_and_accounting_are_the_ones_asked_for() -> None:
    methods = made_methods()
    paper = bootstrap(methods, resamples=10, accounting=Accounting.PAPER)
    assert paper.frontiers["dms"].costs.tolist() == frontier(methods["dms"], accounting=Accounting.PAPER).costs.tolist()
    timed = {"a": [made_point([0.25, 0.75], [1, 2], seconds=3.0)], "b": [made_point([0.5, 0.75], [1, 2], seconds=3.0)]}
    found = bootstrap(timed, Cost.LATENCY, resamples=200)
    assert found.gains["a", "b"].gain == pytest.approx(-0.125)
    assert found.gains["a", "b"].undefined == 0
    assert found.bands["a"].costs.tolist() == pytest.approx([3.0])
    assert (found.bands["a"].low.tolist(), found.bands["a"].high.tolist()) == ([0.25], [0.75])


def test_what_is_free_has_no_band_on_a_logarithmic_axis() -> None:
    free = {"a": [made_point([0.5, 0.75], [0, 0])], "b": [made_point([0.5, 0.75], [1, 1])]}
    found = bootstrap(free, resamples=10)
    assert len(found.bands["a"].costs) == 0
    assert found.gains["a", "b"].undefined == 1
    assert bootstrap(free, resamples=10, axis=Axis.LINEAR).bands["a"].costs.tolist() == [0]


def test_points_must_share_their_problems() -> None:
    for methods in ({}, {"a": []}, {"a": [made_point([1.0], [1.0])], "b": [made_point([1.0, 0.5], [1.0, 1.0])]}):
        with pytest.raises(ValueError, match="on the same problems"):
            bootstrap(methods)
    with pytest.raises(ValueError, match="on the same problems"):
        bootstrap({"a": [made_point([1.0], [1.0])], "b": []})


def test_one_problem_has_gains_but_no_interval() -> None:
    one, other = made_point([1.0], [1.0], method="dms"), made_point([0.5], [1.0], method="vanilla")
    band = bootstrap({"dms": [one], "vanilla": [other]}).gains["dms", "vanilla"]
    assert (band.gain, band.low, band.high) == (0.5, None, None)
