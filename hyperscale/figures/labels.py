"""Names beside points, none on top of another."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import cos, pi, sin

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.patheffects import withStroke
from matplotlib.text import Annotation
from matplotlib.transforms import Bbox

LETTERS = 5.5  # points
REACHES = (5.0, 9.0, 14.0, 20.0)  # points between a mark and its name
LEADER = 12.0  # from this reach on a thin line leads from the name to its mark
# to the upper left first: below and right of a frontier is where its other points lie
TURNS = tuple(pi * eighth / 4 for eighth in (3, 2, 4, 1, 7, 6, 0, 5))
MARK = 2.5  # half of a mark's size, points
AIR = 0.8  # between two names, points


@dataclass(frozen=True, slots=True)
class Named:
    """A point of the data and what to write beside it."""

    x: float
    y: float
    name: str
    color: str


def place_labels(axes: Axes, named: Sequence[Named], marks: Iterable[tuple[float, float]]) -> list[str]:
    """Write as many names as have room, the first ones first; returns those that have none.

    The figure's layout must not change afterwards. `marks` are all points that must stay visible, in data coordinates.
    """
    figure = axes.get_figure(root=True)
    assert figure is not None
    canvas = FigureCanvasAgg(figure)
    figure.draw_without_rendering()
    renderer = canvas.get_renderer()
    point = figure.dpi / 72
    taken = [_around(axes, x, y, MARK * point) for x, y in marks]
    left_out = []
    for entry in named:
        for label in _attempts(axes, entry):
            box = label.get_window_extent(renderer).padded(AIR * point)
            if _inside(box, axes.bbox) and not any(box.overlaps(other) for other in taken):
                taken.append(box)
                break
            label.remove()
        else:
            left_out.append(entry.name)
    return left_out


def _attempts(axes: Axes, entry: Named) -> Iterator[Annotation]:
    """The label at one place after the other."""
    for reach in REACHES:
        leader = {"arrowstyle": "-", "linewidth": 0.4, "color": entry.color, "shrinkB": 2} if reach >= LEADER else None
        for turn in TURNS:
            right, up = cos(turn), sin(turn)
            label = axes.annotate(
                entry.name,
                (entry.x, entry.y),
                (reach * right, reach * up),
                textcoords="offset points",
                ha="left" if right > 0.3 else "right" if right < -0.3 else "center",
                va="bottom" if up > 0.3 else "top" if up < -0.3 else "center",
                fontsize=LETTERS,
                color=entry.color,
                arrowprops=leader,
                path_effects=[withStroke(linewidth=1.5, foreground="white")],
                zorder=5,
            )
            label.set_in_layout(False)
            yield label


def _around(axes: Axes, x: float, y: float, half: float) -> Bbox:
    centre_x, centre_y = axes.transData.transform((x, y))
    return Bbox.from_extents(centre_x - half, centre_y - half, centre_x + half, centre_y + half)


def _inside(box: Bbox, whole: Bbox) -> bool:
    return bool(box.x0 >= whole.x0 and box.x1 <= whole.x1 and box.y0 >= whole.y0 and box.y1 <= whole.y1)
