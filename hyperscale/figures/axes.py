"""Axes that several figures share: costs in powers of two, accuracy in percent."""

from dataclasses import dataclass
from math import ceil, floor, log2

from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator

MOST_TICKS = 7
ROOM = 0.12  # of an axis, beyond the outermost points, for their names


@dataclass(frozen=True, slots=True)
class Amounts:
    """How the numbers of a cost are written: in powers of two with k, M, G, or as they are."""

    binary: bool

    def __call__(self, value: float) -> str:
        for size, unit in ((1 << 40, "T"), (1 << 30, "G"), (1 << 20, "M"), (1 << 10, "k")):
            if self.binary and value >= size:
                return f"{value / size:.3g}{unit}"
        return f"{value:.3g}"


def cost_limits(low: float, high: float) -> tuple[float, float]:
    """The ends of a logarithmic axis over costs from `low` to `high`, with room for names."""
    low, high = (low / 2, high * 2) if low == high else (low, high)
    beyond = (high / low) ** ROOM
    return low / beyond, high * beyond


def cost_ticks(low: float, high: float) -> list[float]:
    """Whole powers of two between the ends of an axis; halves of an octave, or the ends, where there are too few."""
    for step in (1.0, 0.5, 0.25):
        first, last = ceil(log2(low) / step), floor(log2(high) / step)
        if last - first >= 2:
            stride = ceil((last - first + 1) / MOST_TICKS)
            return [2.0 ** (step * exponent) for exponent in range(first, last + 1, stride)]
    return [low, high]


def cost_axis(axes: Axes, axis: Axis, low: float, high: float, unit: Amounts) -> None:
    """Make `axis` of `axes` a base-2 logarithmic one over the given costs."""
    ends = cost_limits(low, high)
    if axis is axes.xaxis:
        axes.set_xscale("log", base=2)
        axes.set_xlim(ends)
    else:
        axes.set_yscale("log", base=2)
        axes.set_ylim(ends)
    axis.set_major_locator(FixedLocator(cost_ticks(*ends)))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(lambda value, _: unit(value)))


def percent_axis(axes: Axes) -> None:
    """Accuracy in 0..1, written in percent."""
    axes.yaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda share, _: f"{100 * share:.3g}"))
