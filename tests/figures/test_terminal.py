from hyperscale.figures.axes import Amounts
from hyperscale.figures.pareto import Curve, Mark, ParetoPanel
from hyperscale.figures.terminal import text_plot

UNIT = Amounts(binary=True)


def plot(*curves: Curve, width: int = 60, height: int = 9) -> list[str]:
    return text_plot(ParetoPanel("modchain · abacus", list(curves)), UNIT, width, height).plain.splitlines()


def test_corners_hold_the_cheapest_and_the_dearest_point() -> None:
    curve = Curve("dms", [Mark(2.0**10, 0.1, "1-1k-8x", True), Mark(2.0**14, 0.9, "8-1k-8x", True)], remark="gain +3.0")
    lines = plot(curve)
    assert lines[0] == "modchain · abacus"
    assert lines[1].startswith(" 90.0 │")
    assert lines[1].endswith("D")
    assert lines[9].startswith(" 10.0 │D")
    assert all(len(line) <= 60 for line in lines)
    assert lines[-1].strip() == "D dms: gain +3.0"
    assert lines[11].split() == ["1k", "2k", "4k", "8k", "16k"]


def test_points_below_the_frontier_are_dots_and_frontiers_lie_above_them() -> None:
    both = [Mark(1024, 0.5, "a", False), Mark(4096, 0.1, "b", False), Mark(1024, 0.5, "c", True)]
    lines = plot(Curve("tova", both))
    assert lines[1] == " 50.0 │T"
    assert lines[9].endswith("·")


def test_letters_differ() -> None:
    mark = [Mark(1.0, 0.1, "a", True)]
    lines = plot(*(Curve(name, mark) for name in ("tova", "tiny", "t", "path/x.py:Mine")))
    assert [line.split()[0] for line in lines[-4:]] == ["T", "I", "2", "M"]


def test_one_point_is_a_plot_too() -> None:
    assert any("D" in line for line in plot(Curve("dms", [Mark(1000.0, 0.4, "1-1k-8x", True)])))
