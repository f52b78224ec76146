"""Bands: how far frontiers and gains would move with other problems of the kind."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt

from hyperscale.analysis.estimate import LEVEL
from hyperscale.analysis.frontier import Axis, Curve, Frontier, curve, frontier, gain, mean_difference, share_problems
from hyperscale.analysis.point import Cost, Numbers, Point
from hyperscale.analysis.quantile import widened
from hyperscale.analysis.staircase import climb, level, unbeaten
from hyperscale.analysis.summary import Accounting

RESAMPLES = 1000
GRID = 100  # costs at which a band is known, beside those of the frontier's points
_BLOCK = 1 << 22  # weights held in memory at once
_ENDS = ((1 - LEVEL) / 2, (1 + LEVEL) / 2)


@dataclass(frozen=True, slots=True)
class Band:
    """A frontier's 95% band: at each cost, where the frontier lies in the middle 95% of resamples; all ``[costs]``.

    Costs go from the frontier's first point to its last. A resample whose frontier ends before that counts with its end.
    """

    costs: Numbers
    low: Numbers
    high: Numbers


@dataclass(frozen=True, slots=True)
class Standing:
    """In which share of resamples a point is on its own method's frontier, and on that of all methods together.

    Equals are on a frontier together: a point does not lose its place to a copy of itself.
    """

    point: Point
    own: float
    overall: float


@dataclass(frozen=True, slots=True)
class GainBand:
    """A gain with its 95% interval, from the resamples where there is one.

    Attributes
    ----------
    gain : float or None
        On the problems as they are.
    low, high : float or None
        None where no resample has a gain, where there is none on the problems as they are, and with a single problem.
    undefined : float
        Share of resamples where the frontiers' costs do not meet.
    span : (float, float) or None
        The costs that both frontiers span, which the gain is a mean over.
    """

    gain: float | None
    low: float | None
    high: float | None
    undefined: float
    span: tuple[float, float] | None


@dataclass(frozen=True, slots=True)
class Bands:
    """What resampling problems did to several methods at once; `gains` by method and the reference it is held against."""

    frontiers: Mapping[str, Frontier]
    bands: Mapping[str, Band]
    standings: Mapping[str, tuple[Standing, ...]]
    gains: Mapping[tuple[str, str], GainBand]
    resamples: int
    seed: int


def bootstrap(
    points_by_method: Mapping[str, Sequence[Point]],
    cost: Cost = Cost.READS,
    resamples: int = RESAMPLES,
    seed: int = 0,
    *,
    accounting: Accounting = Accounting.FULL,
    axis: Axis = Axis.LOG2,
) -> Bands:
    """Percentile bootstrap over problems (question sampling), jointly: in a resample, all points see the same problems.

    Chains are never resampled inside a vote. A frontier is a maximum over noisy points; its band, like itself, lies a little
    too high. Latency is one number per point and does not vary.

    Parameters
    ----------
    points_by_method : mapping
        All on the same problems, as of a `CommonGrid`.

    Raises
    ------
    ValueError
        There is no point, a method has none, or they are not on the same problems.
    """
    everything = [point for points in points_by_method.values() for point in points]
    if not share_problems(everything):
        raise ValueError("bands need points, all of them on the same problems")
    frontiers = {method: frontier(points, cost, accounting) for method, points in points_by_method.items()}
    columns = [*(point.cost(cost, accounting) for point in everything), *(point.accuracy for point in everything)]
    costs, accuracies = np.split(resampled_means(np.stack(columns, 1), resamples, seed), 2, axis=1)  # [R, points] each
    accuracies = level(accuracies)
    overall = unbeaten(costs, accuracies).mean(0)
    bands, standings, curves, start = {}, {}, {}, 0
    for method, points in points_by_method.items():
        mine = slice(start, start := start + len(points))
        own = unbeaten(costs[:, mine], accuracies[:, mine]).mean(0)
        shares = zip(points, own.tolist(), overall[mine].tolist(), strict=True)
        standings[method] = tuple(Standing(*share) for share in shares)
        curves[method] = list(_curves(costs[:, mine], accuracies[:, mine], axis))
        bands[method] = _band(frontiers[method], curves[method], axis)
    return Bands(frontiers, bands, standings, _gains(frontiers, curves, axis, len(everything[0].problems)), resamples, seed)


def resampled_means(columns: Numbers, resamples: int, seed: int) -> Numbers:
    """Means of ``columns [problems, n]`` over resampled problems, ``[resamples, n]``; those of equal columns are equal."""
    problems = len(columns)
    values, place = np.unique(columns, axis=1, return_inverse=True)  # a product rounds equal columns differently
    random, block = np.random.default_rng(seed), max(1, _BLOCK // problems)
    weights = (
        random.multinomial(problems, np.full(problems, 1 / problems), size=min(block, resamples - done))
        for done in range(0, resamples, block)
    )
    means: Numbers = np.concatenate([drawn @ values / problems for drawn in weights])[:, place.ravel()]
    return means


def _curves(costs: Numbers, accuracies: Numbers, axis: Axis) -> Iterator[Curve]:
    """The frontier of each resample, from ``[R, points]``."""
    order, steps = climb(costs, accuracies)
    for row, chosen in enumerate(steps):
        points = order[row, chosen]
        yield curve(costs[row, points], accuracies[row, points], axis)


def _band(whole: Frontier, resampled: Sequence[Curve], axis: Axis) -> Band:
    xs, _ = curve(whole.costs, whole.accuracies, axis)
    if not len(xs):
        nothing: Numbers = np.empty(0)
        return Band(nothing, nothing, nothing)
    places = np.union1d(np.linspace(xs[0], xs[-1], GRID), xs)
    heights = np.stack([np.interp(places, *one) for one in resampled if len(one[0])])
    low, high = np.quantile(heights, _ENDS, axis=0)
    return Band(_costs(places, axis), low, high)


def _costs(places: npt.NDArray[np.float64], axis: Axis) -> Numbers:
    return np.exp2(places) if axis is Axis.LOG2 else places


def _gains(
    frontiers: Mapping[str, Frontier], curves: Mapping[str, Sequence[Curve]], axis: Axis, problems: int
) -> dict[tuple[str, str], GainBand]:
    found = {}
    for one, other in combinations(frontiers, 2):
        whole = gain(frontiers[one], frontiers[other], axis)
        pairs = zip(curves[one], curves[other], strict=True)
        all_gains = [mean_difference(*pair) for pair in pairs]
        there = [value for value in all_gains if value is not None]
        known = bool(there) and whole is not None and problems > 1
        low, high = np.quantile(there, [widened(end, problems) for end in _ENDS]).tolist() if known else (None, None)
        undefined = 1 - len(there) / len(all_gains)
        span = _span(frontiers[one], frontiers[other]) if whole is not None else None
        found[one, other] = GainBand(whole, low, high, undefined, span)
        found[other, one] = GainBand(_minus(whole), _minus(high), _minus(low), undefined, span)
    return found


def _span(one: Frontier, other: Frontier) -> tuple[float, float]:
    return float(max(one.costs[0], other.costs[0])), float(min(one.costs[-1], other.costs[-1]))


def _minus(value: float | None) -> float | None:
    return None if value is None else -value
