from itertools import pairwise
from math import log2

import numpy as np
import pytest

from hyperscale.figures.axes import Amounts, cost_limits, cost_ticks
from hyperscale.figures.pareto import Band, Curve, Mark, ParetoPanel, pareto
from hyperscale.figures.style import looks_of
from tests.figures.legible import collisions

METHODS = ["vanilla", "dms", "tova", "h2o", "quest", "window"]


def curve(method: str, points: int, shift: float = 0.0, remark: str = "") -> Curve:
    """Points along a rising line, every third one below it."""
    places = np.linspace(0, 1, points)
    costs = 2 ** (15 + 7 * places + shift)
    below = [number % 3 == 1 for number in range(points)]
    heights = [0.2 + 0.6 * float(place) - 0.1 * low for place, low in zip(places, below, strict=True)]
    marks = [
        Mark(float(cost), heights[number], f"{1 << number % 4}-{1 << number // 4}k-8x", not below[number])
        for number, cost in enumerate(costs)
    ]
    whole = [mark for mark in marks if mark.on_frontier]
    band = Band([m.cost for m in whole], [m.accuracy - 0.03 for m in whole], [m.accuracy + 0.03 for m in whole])
    return Curve(method, marks, band, remark)


def panel(methods: int, points: int, title: str = "modchain · abacus · 300 problems") -> ParetoPanel:
    curves = [curve(name, points, 0.3 * n, "gain +12.3 [+10.1, +14.5]") for n, name in enumerate(METHODS[:methods])]
    return ParetoPanel(title, curves, Mark(curves[0].marks[0].cost, 0.4, "1-1k-1x", on_frontier=False))


@pytest.mark.parametrize(("methods", "points"), [(1, 1), (1, 2), (2, 6), (6, 12), (4, 50)])
def test_all_words_can_be_read(methods: int, points: int) -> None:
    assert not collisions(pareto([panel(methods, points)], "KV reads per problem", Amounts(binary=True)))


def test_several_panels_can_be_read_too() -> None:
    panels = [panel(3, 8, f"{task} · DeepSeek-R1-Distill-Qwen-7B") for task in ("aime24", "math500", "gpqa_diamond")]
    figure = pareto(panels, "KV reads per problem", Amounts(binary=True))
    assert not collisions(figure)
    assert sum(axes.axison for axes in figure.get_axes()) == 3


def test_the_line_goes_through_the_frontier_alone_and_every_point_is_drawn() -> None:
    one = curve("dms", 6)
    figure = pareto([ParetoPanel("t", [one])], "KV reads", Amounts(binary=True))
    (axes,) = figure.get_axes()
    line = next(line for line in axes.get_lines() if line.get_label() == "dms")
    assert line.get_xydata().tolist() == [[mark.cost, mark.accuracy] for mark in one.marks if mark.on_frontier]
    points = sum(len(line.get_xdata()) for line in axes.get_lines())
    assert points == len(one.marks)


def test_names_are_of_the_frontier_and_as_many_as_have_room() -> None:
    figure = pareto([panel(1, 6)], "KV reads", Amounts(binary=True))
    names = {text.get_text() for text in figure.get_axes()[0].texts}
    whole = {mark.label for mark in panel(1, 6).curves[0].marks if mark.on_frontier}
    assert names == whole
    crowd = pareto([panel(6, 40)], "KV reads", Amounts(binary=True))
    assert 6 < len(crowd.get_axes()[0].texts) < 6 * 27


def test_a_methods_look_is_the_same_in_every_figure() -> None:
    assert looks_of(["dms", "tova"])["dms"] == looks_of(["mine", "vanilla", "dms"])["dms"]
    looks = looks_of([*METHODS, "mine", "yours"])
    assert len(set(looks.values())) == 8
    assert len({(look.linestyle, look.marker) for look in looks.values()}) >= 6


@pytest.mark.parametrize(("low", "high"), [(1000.0, 1000.0), (1000.0, 1100.0), (1e3, 1e4), (5e4, 9e8), (0.2, 40.0)])
def test_cost_ticks_are_few_rising_and_within_the_axis(low: float, high: float) -> None:
    ends = cost_limits(low, high)
    ticks = cost_ticks(*ends)
    assert ends[0] < low <= high < ends[1]
    assert 2 <= len(ticks) <= 7
    assert ends[0] <= ticks[0] < ticks[-1] <= ends[1]
    steps = [log2(b / a) for a, b in pairwise(ticks)]
    assert max(steps) - min(steps) < 1e-9


def test_amounts() -> None:
    binary, plain = Amounts(binary=True), Amounts(binary=False)
    assert [binary(2.0**n) for n in (9, 10, 20, 29, 30, 41)] == ["512", "1k", "1M", "512M", "1G", "2T"]
    assert plain(2048) == "2.05e+03"
    assert plain(0.25) == "0.25"
