"""Frontier: the most accuracy there is for a cost, and how far one method's lies above another's."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from statistics import fmean

import numpy as np
import numpy.typing as npt

from hyperscale.analysis.point import Cost, Numbers, Point
from hyperscale.analysis.staircase import level, staircase
from hyperscale.analysis.summary import Accounting


class Axis(StrEnum):
    """How costs are spaced, between points and in means over costs."""

    LOG2 = "log2"
    LINEAR = "linear"

    def place(self, costs: npt.ArrayLike) -> Numbers:
        """Where costs lie on the axis; they are above zero on a logarithmic one."""
        values = np.asarray(costs, dtype=np.float64)
        return np.log2(values) if self is Axis.LOG2 else values


@dataclass(frozen=True, slots=True)
class Frontier:
    """The Pareto-optimal points of some configurations.

    Attributes
    ----------
    costs, accuracies : array
        ``[points]``, both strictly rising.
    points : tuple of Point
        The configurations they come from; empty for a frontier that was published as numbers.
    """

    costs: Numbers
    accuracies: Numbers
    points: tuple[Point, ...] = ()

    def __post_init__(self) -> None:
        if self.costs.ndim != 1 or not len(self.costs) or self.costs.shape != self.accuracies.shape:
            raise ValueError("a frontier has at least one point, and one accuracy per cost")
        if (np.diff(self.costs) <= 0).any() or (np.diff(self.accuracies) <= 0).any():
            raise ValueError("along a frontier, costs and accuracies rise")

    def accuracy_at(self, costs: npt.ArrayLike, axis: Axis = Axis.LOG2) -> Numbers:
        """Accuracy at these costs, linear on the axis between neighbours; NaN below the first point and above the last."""
        xs, ys = curve(self.costs, self.accuracies, axis)
        there = np.asarray(costs, dtype=np.float64)
        if not len(xs):
            return np.full(there.shape, np.nan)
        inside = (there >= self.costs[-len(xs)]) & (there <= self.costs[-1])
        found: Numbers = np.where(inside, np.interp(axis.place(np.where(inside, there, self.costs[-1])), xs, ys), np.nan)
        return found


def frontier(points: Sequence[Point], cost: Cost = Cost.READS, accounting: Accounting = Accounting.FULL) -> Frontier:
    """The frontier of points on the same problems: mean accuracy against mean cost.

    A frontier takes the best of several noisy estimates, so it lies a little too high, and more so the more points there are:
    compare methods on their `CommonGrid`.

    Raises
    ------
    ValueError
        There is no point, they are not on the same problems, or the cost of one was not measured.
    """
    if not share_problems(points):
        raise ValueError("a frontier needs points, all of them on the same problems")
    costs = np.array([point.cost(cost, accounting).mean() for point in points])
    accuracies = np.array([point.accuracy.mean() for point in points])
    chosen = staircase(costs, level(accuracies))
    return Frontier(costs[chosen], accuracies[chosen], tuple(points[number] for number in chosen))


def share_problems(points: Sequence[Point]) -> bool:
    """Whether there are points, all on the same problems."""
    return bool(points) and all(point.problems == points[0].problems for point in points)


def gain(a: Frontier, b: Frontier, axis: Axis = Axis.LOG2) -> float | None:
    """Mean height of frontier `a` above frontier `b` over the costs that both span; in accuracy, 0..1.

    R = 1/|I| * integral over I of (A(x) - B(x)) dx, where I is the largest common interval of costs, and A and B are linear
    between the points of their frontiers (arXiv 2506.05345, appendix G). Both are piecewise linear, so the integral is exact.

    The paper does not say whether x is the cost or its logarithm; its figures are logarithmic, and so is the default here.
    On a logarithmic axis, points that cost nothing have no place and are left out.

    Returns
    -------
    float or None
        None, the paper's NA, where the intervals do not meet. Where they meet in a single cost (one frontier is a single point
        within the other's reach, or one ends where the other begins), the difference there, which is what the mean tends to.
    """
    return mean_difference(curve(a.costs, a.accuracies, axis), curve(b.costs, b.accuracies, axis))


Curve = tuple[Numbers, Numbers]
"""Places on an axis, strictly rising, and the accuracy at each."""


def curve(costs: Numbers, accuracies: Numbers, axis: Axis) -> Curve:
    """A frontier as it lies on an axis."""
    there = costs > 0 if axis is Axis.LOG2 else np.ones(costs.shape, dtype=np.bool_)
    return axis.place(costs[there]), accuracies[there]


def mean_difference(a: Curve, b: Curve) -> float | None:
    """Mean of a - b where both are; both are linear between their points. None where they do not meet."""
    (xs, ys), (us, vs) = a, b
    if not len(xs) or not len(us):
        return None
    low, high = max(xs[0], us[0]), min(xs[-1], us[-1])
    if low > high:
        return None
    bends = np.concatenate([xs, us])
    places = np.concatenate([[low], np.sort(bends[(bends > low) & (bends < high)]), [high]])
    apart = np.interp(places, xs, ys) - np.interp(places, us, vs)
    if low == high:
        return float(apart[0])
    return float(((apart[1:] + apart[:-1]) * np.diff(places)).sum() / (2 * (high - low)))


def average_gains(gains: Iterable[float | None]) -> float | None:
    """Mean of the gains there are, as the paper averages over its models; None where there are none."""
    there = [gain for gain in gains if gain is not None]
    return fmean(there) if there else None
