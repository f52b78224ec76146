"""Axes that several figures share: costs in powers of two, accuracy in percent."""

from collections.abc import Iterable
from dataclasses import dataclass
from math import ceil, floor, log2

from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator

MOST_TICKS = 7
ROOM = 0.12  # of an axis, beyond the outermost points, for their names
RIM = 0.03  # of an axis, beyond accuracies of 0 and 1, for marks that lie there
LEAST_SPAN = 0.5  # of accuracy, where all points have the same


@dataclass(frozen=True, slots=True)
class Amounts:
    """How the numbers of a cost are written: in powers of two with k, M, G, or as they are."""

    binary: bool

    def __call__(self, value: float) -> str:
        for size, unit in ((1 << 40, "T"), (1 << 30, "G"), (1 << 20, "M"), (1 << 10, "k")):
            if self.binary and value >= size:
                return f"{value / size:.3g}{unit}"
        return f"{value:.4g}"


def cost_limits(low: float, high: float) -> tuple[float, float]:
    """The ends of a logarithmic axis over costs from `low` to `high`, with room for names."""
    low, high = (low / 2, high * 2) if low == high else (low, high)
    beyond = (high / low) ** ROOM
    return low / beyond, high * beyond


def cost_ticks(low: float, high: float) -> list[float]:
    """Whole powers of two between the ends of an axis; where there are fewer than three, multiples of a smaller one."""
    first, last = ceil(log2(low)), floor(log2(high))
    if last - first >= 2:
        return [2.0**exponent for exponent in range(first, last + 1, ceil((last - first + 1) / MOST_TICKS))]
    step = 2.0 ** floor(log2((high - low) / 3))
    return [step * number for number in range(ceil(low / step), floor(high / step) + 1)]


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


def percent_axis(axes: Axes, shares: Iterable[float]) -> None:
    """A vertical axis in percent over these, each 0..1, with room for names but next to none beyond 0 and 100."""
    low, high = min(shares := [*shares]), max(shares)
    span = high - low or LEAST_SPAN
    low, high = max(low - ROOM * span, -RIM * span), min(high + ROOM * span, 1 + RIM * span)
    axes.set_ylim(low, high)
    axes.yaxis.set_major_locator(FixedLocator(percent_ticks(low, high)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda share, _: f"{100 * share:.3g}"))


def percent_ticks(low: float, high: float) -> list[float]:
    """Whole steps of 1, 2, 5 or 10 times a power of ten between two accuracies, none beyond 0 or 1."""
    percents = MaxNLocator(6, steps=[1, 2, 5, 10]).tick_values(100 * low, 100 * high)
    return [share for share in (percent / 100 for percent in percents) if max(low, 0) <= share <= min(high, 1)]
