from collections import Counter
from dataclasses import replace
from itertools import pairwise
from math import log2

import numpy as np
import pytest
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure

from hyperscale.figures.axes import Amounts, cost_limits, cost_ticks
from hyperscale.figures.pareto import NOTHING, Band, Curve, Mark, ParetoPanel, pareto
from tests.figures.legible import collisions, misplaced, squeezed

METHODS = ["vanilla", "dms", "tova", "h2o", "quest", "window"]
GAIN = "gain +29.1 [+26.1, +32.4]"
PAPER = "paper +4.2 (1.5B), +5.1 (7B), +10.6 (14B)"
LONG = "aime24 · deepseek-ai/DeepSeek-R1-Distill-Qwen-7B · 40 problems"


def curve(method: str, points: int, shift: float = 0.0, remark: str = "") -> Curve:
    """Points along a rising line, every third one below it."""
    places = np.linspace(0, 1, points)
    costs = 2 ** (15 + 7 * places + shift)
    below = [number % 3 == 1 for number in range(points)]
    heights = [0.2 + 0.6 * float(place) - 0.1 * low for place, low in zip(places, below, strict=True)]
    marks = [
        Mark(float(cost), heights[number], f"{1 << number % 4}-{1 << number // 8}k-8x", not below[number])
        for number, cost in enumerate(costs)
    ]
    whole = [mark for mark in marks if mark.on_frontier]
    band = Band([m.cost for m in whole], [m.accuracy - 0.03 for m in whole], [m.accuracy + 0.03 for m in whole])
    return Curve(method, marks, band, remark)


def panel(methods: int, points: int, title: str = "modchain · abacus · 300 problems") -> ParetoPanel:
    curves = [curve(name, points, 0.3 * n, "gain +12.3 [+10.1, +14.5]") for n, name in enumerate(METHODS[:methods])]
    return ParetoPanel(title, curves, Mark(curves[0].marks[0].cost, 0.4, "1-1k-1x", on_frontier=False))


def drawn(*panels: ParetoPanel) -> Figure:
    return pareto(panels, "KV reads per problem", Amounts(binary=True))


def notes(figure: Figure) -> str:
    return figure.texts[-1].get_text()


@pytest.mark.parametrize(("methods", "points"), [(1, 1), (1, 2), (2, 6), (6, 12), (4, 50)])
def test_all_words_can_be_read(methods: int, points: int) -> None:
    figure = drawn(panel(methods, points))
    assert not collisions(figure)
    assert not misplaced(figure.get_axes()[0])


@pytest.mark.parametrize("name", ["dms", "MyPolicyWithALongName alpha=0.1", "path/to/" + 70 * "x"])
def test_long_words_take_nothing_from_the_axes(name: str) -> None:
    curves = [curve(f"{name}{n}", 6, 0.3 * n, f"{GAIN}; {PAPER}") for n in range(6)]
    many = [ParetoPanel(title, curves) for title in (LONG, "modchain · abacus", 20 * "model_")]
    for figure in (drawn(many[0]), drawn(*many)):
        assert not collisions(figure)
        assert not squeezed(figure)
        words = "".join(text.get_text() for legend in figure.legends for text in legend.get_texts())
        assert words.replace("\n", "").replace(" ", "").count(f"{GAIN};{PAPER}".replace(" ", "")) == 6 * len(figure.legends)
    assert figure.texts[0].get_text().replace("\n", " · ") == LONG


def test_several_panels_can_be_read_too() -> None:
    panels = [panel(3, 8, f"{task} · DeepSeek-R1-Distill-Qwen-7B") for task in ("aime24", "math500", "gpqa_diamond")]
    figure = drawn(*panels)
    assert not collisions(figure)
    sizes = {(round(axes.bbox.width, 6), round(axes.bbox.height, 6)) for axes in figure.get_axes()}
    assert len(sizes) == 1
    assert len({round(axes.bbox.y0, 6) for axes in figure.get_axes()[:2]}) == 1


def test_names_are_no_formulas() -> None:
    name = "$\\alpha_{$"
    figure = drawn(ParetoPanel(f"task {name}", [curve(name, 3, remark=name)]))
    assert not collisions(figure)
    assert figure.legends[0].get_texts()[0].get_text() == f"{name}: {name}"
    assert not figure.legends[0].get_texts()[0].get_parse_math()


def test_points_that_cost_nothing_are_left_out() -> None:
    free = Mark(0.0, 0.2, "1-1k-8x", on_frontier=True)
    some = curve("dms", 6)
    band = Band([0.0, *some.band.costs], [0.1, *some.band.low], [0.3, *some.band.high])  # type: ignore[union-attr]
    with_free = replace(some, marks=[free, *some.marks], band=band)
    (axes,), (same,) = drawn(ParetoPanel("t", [with_free])).get_axes(), drawn(ParetoPanel("t", [some])).get_axes()
    assert axes.get_xlim() == same.get_xlim()
    assert [line.get_xydata().tolist() for line in axes.get_lines()] == [
        line.get_xydata().tolist() for line in same.get_lines()
    ]
    (nothing,) = drawn(ParetoPanel("t", [Curve("dms", [free], Band([0.0], [0.1], [0.3]))], free)).get_axes()
    assert [text.get_text() for text in nothing.texts] == [NOTHING]


def test_accuracy_stays_between_0_and_100() -> None:
    for low, high in ((0.0, 1.0), (0.5, 1.0), (0.0, 0.02), (0.0, 0.0), (1.0, 1.0)):
        marks = [Mark(1e5, low, "1-1k-8x", True), Mark(4e5, high, "8-1k-8x", True)]
        figure = drawn(ParetoPanel("t", [Curve("dms", marks)]))
        bottom, top = figure.get_axes()[0].get_ylim()
        assert -0.05 < bottom <= low <= high <= top < 1.05
        ticks = [float(tick.label1.get_text()) for tick in figure.get_axes()[0].yaxis.get_major_ticks()]
        assert 0 <= min(ticks) < max(ticks) <= 100
        assert not collisions(figure)


def test_a_frontier_of_one_point_has_an_interval() -> None:
    one = Curve("dms", [Mark(1e5, 0.4, "1-1k-8x", True)], Band([1e5], [0.3], [0.5]))
    figure = drawn(ParetoPanel("t", [one, curve("tova", 3)]))
    (axes,) = figure.get_axes()
    assert [[1e5, 0.3], [1e5, 0.5]] in [line.get_xydata().tolist() for line in axes.get_lines()]
    assert len([each for each in axes.collections if isinstance(each, PolyCollection)]) == 1


def test_signs_are_explained_where_there_are_any() -> None:
    assert notes(drawn(panel(2, 6))) == "shade, [ ]: 95% · hollow: below its method's frontier"
    point = Curve("dms", [Mark(1e5, 0.4, "1-1k-8x", True)], Band([1e5], [0.3], [0.5]))
    assert notes(drawn(ParetoPanel("t", [point]))) == "bars: 95%"
    unshared = replace(point, marks=[*point.marks, Mark(2e5, 0.4, "1-1k-8x", False, shared=False)])
    assert notes(drawn(ParetoPanel("t", [unshared]))) == "bars: 95% · faint: not shared by all methods"
    plain = replace(point, band=None)
    assert notes(drawn(ParetoPanel("t", [plain]))) == ""


def test_points_that_not_all_methods_share_do_not_look_like_beaten_ones() -> None:
    marks = [Mark(1e5, 0.4, "a", True), Mark(2e5, 0.2, "b", False), Mark(3e5, 0.7, "c", False, shared=False)]
    (axes,) = drawn(ParetoPanel("t", [Curve("dms", marks)])).get_axes()
    by_cost = {line.get_xdata()[0]: line for line in axes.get_lines()}
    assert by_cost[2e5].get_markerfacecolor() == "white"
    assert by_cost[3e5].get_markerfacecolor() == by_cost[3e5].get_color()
    assert by_cost[3e5].get_alpha() < 0.5


def test_every_method_has_names_in_a_crowd() -> None:
    (axes,) = drawn(panel(4, 50)).get_axes()
    counts = Counter(text.get_color() for text in axes.texts)
    assert len(counts) == 4
    assert max(counts.values()) <= 4


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
    assert 6 <= len(crowd.get_axes()[0].texts) < 6 * 27


@pytest.mark.parametrize(
    ("low", "high"), [(1000.0, 1000.0), (1000.0, 1100.0), (1e3, 1e4), (5e4, 9e8), (0.2, 40.0), (1040.0, 7000.0), (3.0, 3.01)]
)
def test_cost_ticks_are_few_rising_and_within_the_axis(low: float, high: float) -> None:
    ends = cost_limits(low, high)
    ticks = cost_ticks(*ends)
    assert ends[0] < low <= high < ends[1]
    assert 3 <= len(ticks) <= 7
    assert ends[0] <= ticks[0] < ticks[-1] <= ends[1]
    steps = [log2(b / a) for a, b in pairwise(ticks)], [b - a for a, b in pairwise(ticks)]
    assert min(max(its) - min(its) for its in steps) < 1e-9


def test_cost_ticks_are_powers_of_two_or_multiples_of_one() -> None:
    assert cost_ticks(1000, 70000) == [2**n for n in range(10, 17)]
    assert cost_ticks(900, 2500) == [1024, 1536, 2048]
    assert cost_ticks(1000, 3900) == [1024, 1536, 2048, 2560, 3072, 3584]


def test_amounts() -> None:
    binary, plain = Amounts(binary=True), Amounts(binary=False)
    assert [binary(2.0**n) for n in (9, 10, 20, 29, 30, 41)] == ["512", "1k", "1M", "512M", "1G", "2T"]
    assert binary(1000) == "1000"
    assert plain(2048) == "2048"
    assert plain(0.25) == "0.25"
