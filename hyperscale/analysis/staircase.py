"""Staircase: the points that nothing beats, of accuracies and what they cost."""

from typing import Any

import numpy as np
import numpy.typing as npt

from hyperscale.analysis.point import Numbers

Indices = npt.NDArray[np.intp]
Flags = npt.NDArray[np.bool_]

_GRAINS = float(1 << 40)


def staircase(costs: npt.ArrayLike, accuracies: npt.ArrayLike) -> Indices:
    """The Pareto-optimal points: those that no other equals in accuracy for less, or beats in accuracy for no more.

    Parameters
    ----------
    costs, accuracies : array
        ``[points]``.

    Returns
    -------
    array of int
        Which they are, by rising cost, and so by rising accuracy. Of points equal in both, the first.

    Raises
    ------
    ValueError
        The arrays do not fit each other, or hold a number that is not finite.
    """
    xs, ys = np.asarray(costs, dtype=np.float64), np.asarray(accuracies, dtype=np.float64)
    if xs.ndim != 1 or xs.shape != ys.shape or not (np.isfinite(xs).all() and np.isfinite(ys).all()):
        raise ValueError("a staircase needs one finite cost and one finite accuracy per point")
    order, steps = climb(xs, ys)
    chosen: Indices = order[steps]
    return chosen


def level(accuracies: Numbers) -> Numbers:
    """Accuracies to the nearest 2^-40, so that means which differ by rounding alone are equal; binary fractions stay exact."""
    levelled: Numbers = np.rint(accuracies * _GRAINS) / _GRAINS
    return levelled


def climb(costs: Numbers, accuracies: Numbers) -> tuple[Indices, Flags]:
    """Sort points along the last axis by cost, dearer beside better of equal cost last, and flag those on the staircase.

    Returns
    -------
    order, steps : array
        As `costs`: indices in the sorted order, and whether the point there is better than all before it.
    """
    order: Indices = np.lexsort((-accuracies, costs), axis=-1)  # stable: of equals the first
    sorted_up = np.take_along_axis(accuracies, order, -1)
    steps = np.ones(order.shape, dtype=np.bool_)
    steps[..., 1:] = sorted_up[..., 1:] > np.maximum.accumulate(sorted_up, -1)[..., :-1]
    return order, steps


def unbeaten(costs: Numbers, accuracies: Numbers) -> Flags:
    """Whether each point, along the last axis, is on the staircase or equals one that is in both numbers."""
    order, steps = climb(costs, accuracies)
    places = np.arange(order.shape[-1])
    xs, ys = (np.take_along_axis(values, order, -1) for values in (costs, accuracies))
    repeats = np.zeros(order.shape, dtype=np.bool_)
    repeats[..., 1:] = (xs[..., 1:] == xs[..., :-1]) & (ys[..., 1:] == ys[..., :-1])
    first: Any = np.maximum.accumulate(np.where(repeats, 0, places), -1)  # of the equals that a point stands among
    flags = np.empty(order.shape, dtype=np.bool_)
    np.put_along_axis(flags, order, np.take_along_axis(steps, first, -1), -1)
    return flags
