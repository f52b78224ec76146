"""CommonGrid: the configurations and problems that all compared methods have."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hyperscale.analysis.point import Point
from hyperscale.budget import format_size

NAMED = 6  # configurations named in one remark


@dataclass(frozen=True, slots=True)
class CommonGrid:
    """What gains and bands may be made of, so that no method wins by having more points.

    Attributes
    ----------
    points : mapping
        Of each method its points at the shared configurations, at all its budgets, on the shared problems. All are empty where
        nothing is shared.
    configurations : tuple of (width, length)
        Those that every method has at some budget.
    problems : tuple of str
        Those that all these points have.
    dropped_points : mapping
        Of each method the points at other configurations; methods that lost none are not named.
    dropped_problems : tuple of str
        Those that some but not all points at the shared configurations have.
    """

    points: Mapping[str, tuple[Point, ...]]
    configurations: tuple[tuple[int, int], ...]
    problems: tuple[str, ...]
    dropped_points: Mapping[str, tuple[Point, ...]]
    dropped_problems: tuple[str, ...]

    @property
    def remarks(self) -> list[str]:
        """What a reader of a figure should know was left out, one sentence each."""
        found = [f"{method}: left out {_listed(points)}." for method, points in self.dropped_points.items()]
        if self.dropped_problems:
            total = len(self.problems) + len(self.dropped_problems)
            found.append(f"{len(self.dropped_problems)} of {total} problems left out, which not all points have.")
        return found


def common_grid(points_by_method: Mapping[str, Sequence[Point]]) -> CommonGrid:
    """Cut methods down to the configurations W-L that all have, and to the problems that all points there have.

    Raises
    ------
    ValueError
        There is no method, or points are of more than one panel.
    """
    everything = [point for points in points_by_method.values() for point in points]
    if not points_by_method or len({point.panel for point in everything}) > 1:
        raise ValueError("a common grid needs methods, and their points must be of one panel")
    shared = set.intersection(*({_place(point) for point in points} for points in points_by_method.values()))
    kept = {method: [point for point in points if _place(point) in shared] for method, points in points_by_method.items()}
    lost = {method: tuple(p for p in points if _place(p) not in shared) for method, points in points_by_method.items()}
    sets = [set(point.problems) for points in kept.values() for point in points]
    problems = sorted(set.intersection(*sets)) if sets else []
    return CommonGrid(
        points={method: tuple(point.on(problems) for point in points if problems) for method, points in kept.items()},
        configurations=tuple(sorted(shared, key=lambda place: place[::-1])),
        problems=tuple(problems),
        dropped_points={method: points for method, points in lost.items() if points},
        dropped_problems=tuple(sorted(set().union(*sets).difference(problems))),
    )


def _place(point: Point) -> tuple[int, int]:
    return point.width, point.length


def _listed(points: Sequence[Point]) -> str:
    places = list(dict.fromkeys(f"{point.width}-{format_size(point.length)}" for point in points))
    more = f" and {len(places) - NAMED} more" if len(places) > NAMED else ""
    return f"{', '.join(places[:NAMED])}{more}, which not all methods have"
