"""Names beside points: none on top of anything, none that could be taken for another point's."""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import IntEnum
from math import cos, pi, sin
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.patheffects import withStroke

from hyperscale.figures.style import ink

Numbers = npt.NDArray[np.float64]
Place = tuple[float, float]

LETTERS = 5.5  # points
REACHES = (5.0, 9.0, 14.0, 20.0, 28.0)  # points between a mark and its name
LEADER = 12.0  # from this reach on a thin line leads from the name to its mark
SHORTEST = 8.0  # reach at which such a line can be seen well
CLEAR = 6.0  # points from a name, at the end of such a line, to a mark that is nearer than its own
DOUBT = 2.0  # so many times nearer than any other mark a name must be to go without that line
# to the upper left first: below and right of a frontier is where its other points lie
TURNS = tuple(pi * part / 8 for part in (6, 4, 8, 2, 14, 12, 0, 10, 5, 7, 3, 1, 15, 13, 11, 9))
MARK = 2.5  # half of a mark's size, points
AIR = 0.8  # around a name, points
FAIR = 4  # names that a method may have though another has no room for more


@dataclass(frozen=True, slots=True)
class Named:
    """A point of the data and what to write beside it."""

    x: float
    y: float
    name: str
    color: str


class _Standing(IntEnum):
    """How a name stands to its mark, the best first; all but the first need a line between them."""

    BESIDE = 0
    LED = 1
    LED_PAST_OTHERS = 2  # another mark is nearer


@dataclass(frozen=True, slots=True)
class _Spot:
    """Where a name could stand: right and up of its mark in points, its box in pixels, and how well."""

    right: float
    up: float
    box: Numbers
    standing: _Standing


def place_labels(
    axes: Axes, groups: Sequence[Sequence[Named]], marks: Iterable[Place], lines: Iterable[Sequence[Place]] = ()
) -> None:
    """Write as many names as have room.

    Each group's ends come first: they say what was run. Then the groups take turns; beyond `FAIR` names none gets another one
    unless all have as many. The figure's layout must not change afterwards.

    Parameters
    ----------
    groups
        The points of each method, in the order of its line.
    marks
        All points that must stay visible, in data coordinates.
    lines
        Polylines that no name may cross, in data coordinates.
    """
    room = _Room(axes, list(marks), lines)
    queues = [deque(_ends_first(group)) for group in groups]
    written = [0] * len(groups)
    for turn in range(max(map(len, groups), default=0)):
        for number, queue in enumerate(queues):
            while queue:
                placed = room.write(queue.popleft())
                written[number] += placed
                if placed or turn < 2:  # no other point takes the place of an end before all ends had their turn
                    break
        if turn + 1 >= FAIR and any(names < min(turn + 1, len(group)) for names, group in zip(written, groups, strict=True)):
            break


def _ends_first(group: Sequence[Named]) -> list[Named]:
    """The first point, the last one, the middle, the middles of the halves, and so on."""
    order = dict.fromkeys([0, len(group) - 1] if group else [])
    parts = deque([(0, len(group) - 1)])
    while parts:
        first, last = parts.popleft()
        if last - first > 1:
            middle = (first + last) // 2
            order[middle] = None
            parts += [(first, middle), (middle, last)]
    return [group[number] for number in order]


class _Room:
    """What of the axes is taken, in pixels."""

    def __init__(self, axes: Axes, marks: Sequence[Place], lines: Iterable[Sequence[Place]]) -> None:
        figure = axes.get_figure(root=True)
        assert figure is not None
        figure.draw_without_rendering()
        self.axes, self.renderer, self.point = axes, FigureCanvasAgg(figure).get_renderer(), figure.dpi / 72
        self.whole = np.array(axes.bbox.extents)
        self.marks = self._pixels(marks)
        self.mark_boxes = self._around(self.marks, MARK)
        self.names = np.empty((0, 4))
        ends = [self._pixels(line) for line in lines]
        self.segments = np.concatenate([np.empty((0, 4)), *(np.hstack([line[:-1], line[1:]]) for line in ends if len(line))])

    def _pixels(self, places: Sequence[Place]) -> Numbers:
        return np.asarray(self.axes.transData.transform(np.array(places, dtype=float).reshape(-1, 2)))

    def _around(self, places: Numbers, points: float) -> Numbers:
        """Boxes, ``[places, 4]``: left, bottom, right, top."""
        return np.tile(places, 2) + points * self.point * np.array([-1, -1, 1, 1])

    def write(self, named: Named) -> bool:
        """Write a name where there is room, without a line to its mark if possible."""
        spots = [spot for spot in self._spots(named) if self._is_free(spot.box)]
        judged = (self._judged(spot, named) for spot in spots)
        spot = min((spot for spot in judged if spot), key=lambda spot: spot.standing, default=None)
        if spot is None:
            return False
        color = ink(named.color)
        leader: Any = {"arrowstyle": "-", "linewidth": 0.4, "color": color, "shrinkA": 0, "shrinkB": 2}
        label = self.axes.annotate(
            named.name,
            (named.x, named.y),
            (spot.right, spot.up),
            textcoords="offset points",
            fontsize=LETTERS,
            color=color,
            arrowprops=leader if spot.standing else None,
            path_effects=[withStroke(linewidth=1.5, foreground="white")],
            zorder=5,
            ha=("center", "left", "right")[_side(spot.right)],
            va=("center", "bottom", "top")[_side(spot.up)],
        )
        label.set_in_layout(False)
        self.names = np.vstack([self.names, spot.box])
        if spot.standing:
            self.segments = np.vstack([self.segments, self._leader(spot, named)])
        return True

    def _spots(self, named: Named) -> Iterator[_Spot]:
        probe = self.axes.text(0, 0, named.name, fontsize=LETTERS)
        extent = probe.get_window_extent(self.renderer)
        probe.remove()
        (mark,) = self._pixels([(named.x, named.y)])
        for reach in REACHES:
            for turn in TURNS:
                right, up = reach * cos(turn), reach * sin(turn)
                x, y = mark + self.point * np.array([right, up])
                left = x - extent.width * (1 - _side(right)) / 2
                bottom = y - extent.height * (1 - _side(up)) / 2
                box = np.array([left, bottom, left + extent.width, bottom + extent.height])
                yield _Spot(right, up, box, _Standing.LED if reach >= LEADER else _Standing.BESIDE)

    def _is_free(self, box: Numbers) -> bool:
        box = box + AIR * self.point * np.array([-1, -1, 1, 1])
        inside = (box[:2] >= self.whole[:2]).all() and (box[2:] <= self.whole[2:]).all()
        taken = np.vstack([self.mark_boxes, self.names])
        covers = ((box[:2] < taken[:, 2:]) & (box[2:] > taken[:, :2])).all(1).any()
        return bool(inside and not covers and not _crosses(self.segments, box).any())

    def _judged(self, spot: _Spot, named: Named) -> _Spot | None:
        """The spot, with a line to the mark where the name may be taken for another's; None where that would not help."""
        (mark,) = self._pixels([(named.x, named.y)])
        others = np.abs(self.marks - mark).max(1) > 0.5
        own = _distances(spot.box, mark[None])[0]
        nearest = _distances(spot.box, self.marks[others]).min(initial=np.inf)
        standing = spot.standing
        if nearest <= own:
            if np.hypot(spot.right, spot.up) < SHORTEST or nearest < CLEAR * self.point:
                return None
            standing = _Standing.LED_PAST_OTHERS
        elif nearest < DOUBT * own:
            standing = _Standing.LED
        # a line may touch the rim of a mark: its own has others close by
        crossed = np.vstack([self._around(self.marks[others], MARK / 2), self.names])
        if standing and _crosses(self._leader(spot, named), crossed).any():
            return None
        return replace(spot, standing=standing)

    def _leader(self, spot: _Spot, named: Named) -> Numbers:
        return np.hstack([self._pixels([(named.x, named.y)]), (spot.box[None, :2] + spot.box[None, 2:]) / 2])


def _side(offset: float) -> int:
    return (offset > 0.5) - (offset < -0.5)


def _distances(box: Numbers, points: Numbers) -> Numbers:
    beyond = np.maximum(np.maximum(box[:2] - points, points - box[2:]), 0)
    return np.asarray(np.hypot(beyond[:, 0], beyond[:, 1]))


def _crosses(segments: Numbers, boxes: Numbers) -> npt.NDArray[np.bool_]:
    """Which segments ``[..., 4]`` (x, y, x, y) enter which boxes ``[..., 4]``: where they are within both ranges at once."""
    start, way = segments[..., :2], segments[..., 2:] - segments[..., :2]
    still = way == 0
    low, high = boxes[..., :2] - start, boxes[..., 2:] - start
    step = np.where(still, 1.0, way)
    within = (low <= 0) & (high >= 0)
    enters = np.where(still, np.where(within, -np.inf, np.inf), np.minimum(low / step, high / step)).max(-1)
    leaves = np.where(still, np.where(within, np.inf, -np.inf), np.maximum(low / step, high / step)).min(-1)
    return np.asarray((enters <= leaves) & (leaves >= 0) & (enters <= 1))
