"""A frontier as text, for a terminal."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import log2
from textwrap import wrap

from rich.text import Text

from hyperscale.figures.axes import Amounts, cost_ticks, percent_ticks
from hyperscale.figures.pareto import NOTHING, Curve, Mark, ParetoPanel, dense_text

COLOURS = ("blue", "red", "green", "magenta", "cyan", "yellow", "white")
LEAST_WIDTH = 24  # columns; a narrower terminal wraps its lines
MARGIN = 5  # columns left of the plot
INDENT = 4
BELOW, MEETING, LEVEL = "·", "+", "┄"
MEANINGS = {BELOW: "not on its method's frontier", MEETING: "frontiers of several methods"}


@dataclass(frozen=True, slots=True)
class _Scale:
    """Values to cells, evenly."""

    low: float
    high: float
    cells: int

    @classmethod
    def over(cls, values: Sequence[float], cells: int) -> "_Scale":
        low, high = min(values), max(values)
        return cls(low, high, cells) if high > low else cls(low - 0.5, high + 0.5, cells)

    def cell(self, value: float) -> int:
        return round((value - self.low) / (self.high - self.low) * (self.cells - 1))


@dataclass(frozen=True, slots=True)
class _Sign:
    letter: str
    colour: str


_Cells = dict[tuple[int, int], _Sign]  # by row, from below, and column


def text_plot(panel: ParetoPanel, unit: Amounts, width: int = 80, height: int = 18, cost: str = "cost") -> Text:
    """Each method is a letter on its frontier and a dot of its colour below it; where two fall on one place, the better shows.

    Points that cost nothing are left out.

    Parameters
    ----------
    width, height
        Columns of the whole, and rows of the plot itself.
    cost
        Name of the horizontal axis.
    """
    panel, width = panel.drawable(), max(width, LEAST_WIDTH)
    signs = {
        curve.method: _Sign(letter, COLOURS[number % len(COLOURS)])
        for number, (curve, letter) in enumerate(zip(panel.curves, _letters(panel.curves), strict=True))
    }
    marks = [mark for curve in panel.curves for mark in curve.marks]
    text = Text.assemble(("\n".join(wrap(panel.title, width)) + "\n", "bold"))
    cells: _Cells = {}
    if marks:
        across = _Scale.over([log2(mark.cost) for mark in marks], width - MARGIN - 1)
        up = _Scale.over([mark.accuracy for mark in [*marks, *([panel.dense] if panel.dense else [])]], height)
        _draw(text, cells := _cells(panel, signs, across, up), panel.dense, across, up)
        _write_costs(text, across, unit, cost)
    else:
        text.append(NOTHING)
    _write_legend(text, panel, signs, cells, width)
    return text


def _draw(text: Text, cells: _Cells, dense: Mark | None, across: _Scale, up: _Scale) -> None:
    ticks = {up.cell(tick): f"{100 * tick:.3g}" for tick in percent_ticks(up.low, up.high)}
    level = up.cell(dense.accuracy) if dense else None
    text.append("accuracy, %\n", style="dim")
    for row in range(up.cells - 1, -1, -1):
        text.append(f"{ticks.get(row, ''):>{MARGIN - 2}} {'┤' if row in ticks else '│'}", style="dim")
        empty = _Sign(LEVEL, "dim") if row == level else _Sign(" ", "")
        last = across.cells if row == level else 1 + max((column for at, column in cells if at == row), default=-1)
        for column in range(last):
            sign = cells.get((row, column), empty)
            text.append(sign.letter, style=sign.colour)
        text.append("\n")


def _cells(panel: ParetoPanel, signs: dict[str, _Sign], across: _Scale, up: _Scale) -> _Cells:
    """What stands where: the best point of each place, or a sign that frontiers of several methods meet there."""
    cells: _Cells = {}
    drawn = [(mark.on_frontier, mark.accuracy, curve.method, mark) for curve in panel.curves for mark in curve.marks]
    for on_frontier, _, method, mark in sorted(drawn, key=lambda entry: entry[:2]):
        place, sign = (up.cell(mark.accuracy), across.cell(log2(mark.cost))), signs[method]
        there = cells.get(place)
        if not on_frontier:
            cells[place] = _Sign(BELOW, sign.colour)
        elif there is None or there.letter in (BELOW, sign.letter):
            cells[place] = sign
        else:
            cells[place] = _Sign(MEETING, "")
    return cells


def _write_costs(text: Text, across: _Scale, unit: Amounts, cost: str) -> None:
    rule, line = ["─"] * across.cells, [" "] * (across.cells + MARGIN)
    for tick in cost_ticks(2**across.low, 2**across.high):
        name, column = unit(tick), across.cell(log2(tick))
        start = min(MARGIN + column - len(name) // 2, len(line) - len(name))
        if all(letter == " " for letter in line[start - 1 : start + len(name) + 1]):
            line[start : start + len(name)] = list(name)
            rule[column] = "┴"
    text.append(f"{' ' * (MARGIN - 1)}└{''.join(rule)}\n{''.join(line).rstrip()}\n", style="dim")
    text.append(" " * MARGIN + f"{cost:^{across.cells}}".rstrip())


def _write_legend(text: Text, panel: ParetoPanel, signs: dict[str, _Sign], cells: _Cells, width: int) -> None:
    """Each method with its remark, and its frontier point by point, as W-L-CR, cheapest first; then what other signs mean."""
    for curve in panel.curves:
        _explain(text, signs[curve.method], f"{curve.method}{': ' if curve.remark else ''}{curve.remark}", width)
        for line in wrap(" ".join(mark.label for mark in curve.frontier), width - INDENT, break_on_hyphens=False):
            text.append(f"\n{' ' * INDENT}{line}", style="dim")
    if panel.dense:
        _explain(text, _Sign(LEVEL, "dim"), dense_text(panel.dense), width)
    there = {sign.letter for sign in cells.values()}
    for sign, meaning in MEANINGS.items():
        if sign in there:
            _explain(text, _Sign(sign, "dim"), meaning, width)


def _explain(text: Text, sign: _Sign, words: str, width: int) -> None:
    text.append(f"\n  {sign.letter}", style=sign.colour)
    text.append(" " + f"\n{' ' * INDENT}".join(wrap(words, width - INDENT)))


def _letters(curves: Sequence[Curve]) -> list[str]:
    """One letter each: the first of a name that no other took, else a digit."""
    taken: list[str] = []
    for number, curve in enumerate(curves):
        name = curve.method.rpartition(":")[2]
        free = (letter.upper() for letter in name if letter.isalnum() and letter.upper() not in taken)
        taken.append(next(free, str(number % 10)))
    return taken
