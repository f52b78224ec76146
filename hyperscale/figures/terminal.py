"""A frontier as text, for a terminal."""

from collections.abc import Sequence
from math import log2

from rich.text import Text

from hyperscale.figures.axes import Amounts, cost_ticks
from hyperscale.figures.pareto import Curve, ParetoPanel

COLOURS = ("blue", "red", "green", "magenta", "cyan", "yellow", "white")
MARGIN = 7  # columns left of the plot


def text_plot(panel: ParetoPanel, unit: Amounts, width: int = 80, height: int = 18) -> Text:
    """Each method is a letter on its frontier and a dot of its colour below it; where two fall on one place, the better shows.

    Parameters
    ----------
    width, height
        Columns of the whole, and rows of the plot itself.
    """
    letters = dict(zip((curve.method for curve in panel.curves), _letters(panel.curves), strict=True))
    colours = {curve.method: COLOURS[number % len(COLOURS)] for number, curve in enumerate(panel.curves)}
    marks = [mark for curve in panel.curves for mark in curve.marks]
    across = _Scale(*_ends([log2(mark.cost) for mark in marks]), width - MARGIN - 1)
    up = _Scale(*_ends([mark.accuracy for mark in marks]), height)
    cells = [[(" ", "") for _ in range(across.cells)] for _ in range(height)]
    drawn = [(mark.on_frontier, mark.accuracy, curve, mark) for curve in panel.curves for mark in curve.marks]
    for on_frontier, _, curve, mark in sorted(drawn, key=lambda entry: entry[:2]):
        row, column = height - 1 - up.cell(mark.accuracy), across.cell(log2(mark.cost))
        cells[row][column] = (letters[curve.method] if on_frontier else "·", colours[curve.method])
    text = Text.assemble((f"{panel.title}\n", "bold"))
    for number, line in enumerate(cells):
        value = up.value(height - 1 - number)
        text.append(f"{100 * value:5.1f} │" if number % 4 == 0 else "      │", style="dim")
        last = max((place for place, (letter, _) in enumerate(line) if letter != " "), default=-1)
        for letter, colour in line[: last + 1]:
            text.append(letter, style=colour)
        text.append("\n")
    text.append(_costs(across, unit), style="dim")
    for curve in panel.curves:
        text.append(f"\n  {letters[curve.method]}", style=colours[curve.method])
        text.append(f" {curve.method}{': ' if curve.remark else ''}{curve.remark}")
    return text


class _Scale:
    """Values to cells, evenly."""

    def __init__(self, low: float, high: float, cells: int) -> None:
        self.low, self.high, self.cells = low, high, cells

    def cell(self, value: float) -> int:
        return round((value - self.low) / (self.high - self.low) * (self.cells - 1))

    def value(self, cell: int) -> float:
        return self.low + (self.high - self.low) * cell / (self.cells - 1)


def _ends(values: Sequence[float]) -> tuple[float, float]:
    low, high = min(values), max(values)
    return (low, high) if high > low else (low - 0.5, high + 0.5)


def _letters(curves: Sequence[Curve]) -> list[str]:
    """One letter each: the first of a name that no other took, else a digit."""
    taken: list[str] = []
    for number, curve in enumerate(curves):
        name = curve.method.rpartition(":")[2]
        free = (letter.upper() for letter in name if letter.isalnum() and letter.upper() not in taken)
        taken.append(next(free, str(number % 10)))
    return taken


def _costs(across: "_Scale", unit: Amounts) -> str:
    line = [" "] * (across.cells + MARGIN + 8)
    for tick in cost_ticks(2**across.low, 2**across.high):
        name = unit(tick)
        start = min(MARGIN + across.cell(log2(tick)), MARGIN + across.cells - len(name))
        if all(letter == " " for letter in line[max(0, start - 1) : start + len(name) + 1]):
            line[start : start + len(name)] = list(name)
    return "      └" + "─" * across.cells + "\n" + "".join(line).rstrip()
