import pytest

from hyperscale.figures.axes import Amounts
from hyperscale.figures.pareto import NOTHING, Curve, Mark, ParetoPanel
from hyperscale.figures.terminal import LEAST_WIDTH, text_plot

UNIT = Amounts(binary=True)
DENSE = Mark(2.0**13, 0.5, "1-1k-1x", on_frontier=False)


def plot(*curves: Curve, width: int = 60, height: int = 9, dense: Mark | None = None, title: str = "modchain") -> list[str]:
    return text_plot(ParetoPanel(title, list(curves), dense), UNIT, width, height, "KV reads").plain.splitlines()


def line(*accuracies: float) -> list[Mark]:
    return [Mark(2.0 ** (10 + n), accuracy, f"{1 << n}-1k-8x", True) for n, accuracy in enumerate(accuracies)]


def test_axes_are_named_and_ticked_at_round_numbers() -> None:
    assert plot(Curve("dms", line(0.0, 0.3, 0.3, 0.5, 0.8), remark="gain +3.0"), width=43) == [
        "modchain",
        "accuracy, %",
        f" 80 ┤{36 * ' '}D",
        "    │",
        " 60 ┤",
        f"    │{27 * ' '}D",
        " 40 ┤",
        f"    │{9 * ' '}D{8 * ' '}D",
        " 20 ┤",
        "    │",
        "  0 ┤D",
        "    └┴────────┴────────┴────────┴────────┴",
        "    1k       2k       4k       8k      16k",
        "                   KV reads",
        "  D dms: gain +3.0",
        "    1-1k-8x 2-1k-8x 4-1k-8x 8-1k-8x",
        "    16-1k-8x",
    ]


def test_points_below_the_frontier_are_dots_and_frontiers_lie_above_them() -> None:
    both = [Mark(1024, 0.5, "a", False), Mark(4096, 0.1, "b", False), Mark(1024, 0.5, "c", True)]
    lines = plot(Curve("tova", both))
    assert lines[2] == " 50 ┤T"
    assert lines[10].endswith("·")
    assert lines[-1] == "  · not on its method's frontier"


def test_frontiers_that_meet_say_so() -> None:
    lines = plot(Curve("dms", line(0.1, 0.5)), Curve("tova", line(0.3, 0.5)))
    assert lines[2].endswith("+")
    assert lines[-1] == "  + frontiers of several methods"
    apart = plot(Curve("dms", line(0.1, 0.5)), Curve("tova", line(0.3, 0.4)))
    assert not any("+" in row for row in apart)


def test_the_dense_cache_is_a_line_behind_the_points() -> None:
    lines = plot(Curve("dms", line(0.1, 0.5, 0.9)), dense=DENSE)
    assert lines[6].replace("D", "┄").count("┄") == 54
    assert lines[-1] == "  ┄ dense cache, 1-1k-1x: 50.0%"
    assert plot(Curve("dms", line(0.1, 0.2)), dense=DENSE)[2].count("┄") == 54  # above all points, yet on the plot


@pytest.mark.parametrize("width", [1, 8, 24, 30, 80])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    long = "MyPolicyWithALongName alpha=0.1"
    curve = Curve(long, line(0.1, 0.5, 0.9), remark="gain +29.1 [+26.1, +32.4]; paper +4.2 (1.5B), +5.1 (7B)")
    lines = plot(curve, width=width, dense=DENSE, title="aime24 · deepseek-ai/DeepSeek-R1-Distill-Qwen-7B · 40 problems")
    assert max(map(len, lines)) <= max(width, LEAST_WIDTH)
    legend = lines[next(number for number, text in enumerate(lines) if text.startswith("  M ")) :]
    assert all(text.startswith("    ") or text[2] in "M┄" for text in legend)


def test_points_that_cost_nothing_are_left_out() -> None:
    free = Mark(0.0, 0.2, "1-1k-8x", True)
    assert plot(Curve("dms", [free, *line(0.1, 0.5)])) == plot(Curve("dms", line(0.1, 0.5)))
    assert NOTHING in plot(Curve("dms", [free]), dense=DENSE)[1]


def test_letters_differ() -> None:
    lines = plot(*(Curve(name, line(0.1)) for name in ("tova", "tiny", "t", "path/x.py:Mine")))
    assert [row.split()[0] for row in lines if row[2:3].isalnum() and row[4:5] != " "][-4:] == ["T", "I", "2", "M"]


@pytest.mark.parametrize("accuracy", [0.0, 0.4, 1.0])
def test_one_point_is_a_plot_too(accuracy: float) -> None:
    lines = plot(Curve("dms", line(accuracy)))
    assert sum("D" in row for row in lines) == 2
    ticks = [float(row[:4]) for row in lines if "┤" in row]
    assert ticks
    assert 0 <= min(ticks) <= max(ticks) <= 100
