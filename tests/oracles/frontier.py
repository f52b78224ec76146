"""Frontiers and gains by brute force: every pair of points, and sums over very many costs."""

import math
from collections.abc import Sequence
from itertools import pairwise

Pairs = Sequence[tuple[float, float]]
"""(cost, accuracy) of each point."""


def beaten(point: tuple[float, float], points: Pairs) -> bool:
    """Whether some point is at least as good in both numbers and better in one."""
    cost, accuracy = point
    return any(
        other_cost <= cost and other >= accuracy and (other_cost < cost or other > accuracy) for other_cost, other in points
    )


def naive_staircase(points: Pairs) -> list[int]:
    """The points that none beats, the first of equals, by cost."""
    kept = [number for number, point in enumerate(points) if not beaten(point, points) and point not in list(points)[:number]]
    return sorted(kept, key=lambda number: points[number][0])


def naive_height(points: Pairs, cost: float, logarithmic: bool) -> float:
    """Accuracy at a cost between the first and the last of points that rise in both."""
    place = math.log2 if logarithmic else float
    for (left, low), (right, high) in pairwise(points):
        if left <= cost <= right:
            return low + (high - low) * (place(cost) - place(left)) / (place(right) - place(left))
    return next(accuracy for at, accuracy in points if at == cost)


def naive_gain(a: Pairs, b: Pairs, logarithmic: bool, steps: int = 20_000) -> float | None:
    """The mean of a - b at the middles of equal parts of their common costs; None where these have no extent."""
    low, high = max(a[0][0], b[0][0]), min(a[-1][0], b[-1][0])
    if low >= high:
        return None
    place, back = (math.log2, lambda at: 2.0**at) if logarithmic else (float, float)
    start, end = place(low), place(high)
    costs = [min(max(back(start + (end - start) * (step + 0.5) / steps), low), high) for step in range(steps)]
    return sum(naive_height(a, cost, logarithmic) - naive_height(b, cost, logarithmic) for cost in costs) / steps
