"""What compared methods have in common, by hand."""

import pytest

from hyperscale.analysis.common_grid import common_grid
from hyperscale.analysis.point import Panel, Point
from tests.analysis.made_points import made_point, same


def at(width: int, length: int, method: str = "tova", budget: str = "8x", problems: str = "abc") -> Point:
    values = [ord(problem) / 128 for problem in problems]
    return made_point(values, values, width=width, length=length, method=method, budget=budget, problems=list(problems))


def test_only_configurations_that_all_methods_have() -> None:
    grid = common_grid(
        {
            "vanilla": [at(1, 64, "vanilla", "1x"), at(1, 128, "vanilla", "1x"), at(2, 128, "vanilla", "1x")],
            "tova": [at(1, 128, budget="4x"), at(1, 128), at(2, 128), at(4, 128), at(1, 256)],
        }
    )
    assert grid.configurations == ((1, 128), (2, 128))
    assert [point.label for point in grid.points["vanilla"]] == ["1-128-1x", "2-128-1x"]
    assert [point.label for point in grid.points["tova"]] == ["1-128-4x", "1-128-8x", "2-128-8x"]  # at all its budgets
    assert {method: [point.label for point in points] for method, points in grid.dropped_points.items()} == {
        "vanilla": ["1-64-1x"],
        "tova": ["4-128-8x", "1-256-8x"],
    }
    assert grid.remarks == [
        "vanilla: left out 1-64, which not all methods have.",
        "tova: left out 4-128, 1-256, which not all methods have.",
    ]


def test_only_problems_that_all_points_have() -> None:
    dropped = at(1, 256, problems="c")  # at another configuration: it takes no problem with it
    grid = common_grid({"a": [at(1, 64, problems="abcd"), dropped], "b": [at(1, 64, problems="bcde")]})
    assert grid.problems == ("b", "c", "d")
    assert grid.dropped_problems == ("a", "e")
    assert same(grid.points["a"][0], at(1, 64, problems="bcd"))
    assert grid.remarks[-1] == "2 of 5 problems left out, which not all points have."


def test_methods_that_are_alike_lose_nothing() -> None:
    methods = {name: [at(1, 64), at(2, 64)] for name in ("a", "b")}
    grid = common_grid(methods)
    assert (grid.dropped_points, grid.dropped_problems, grid.remarks) == ({}, (), [])
    assert all(same(*pair) for name in methods for pair in zip(grid.points[name], methods[name], strict=True))


def test_where_nothing_is_shared_nothing_is_left() -> None:
    grid = common_grid({"a": [at(1, 64)], "b": [at(2, 64)]})
    assert (grid.points, grid.configurations, grid.problems) == ({"a": (), "b": ()}, (), ())
    grid = common_grid({"a": [at(1, 64, problems="a")], "b": [at(1, 64, problems="b")]})
    assert (grid.points, grid.configurations, grid.problems) == ({"a": (), "b": ()}, ((1, 64),), ())
    assert common_grid({"a": [at(1, 64)], "b": []}).points == {"a": (), "b": ()}


def test_many_configurations_are_not_all_named() -> None:
    wide = [at(width, 1024) for width in range(1, 12)]
    (remark,) = common_grid({"a": wide, "b": wide[:1]}).remarks
    assert remark == "a: left out 2-1k, 3-1k, 4-1k, 5-1k, 6-1k, 7-1k and 4 more, which not all methods have."


def test_methods_of_one_panel_alone() -> None:
    elsewhere = made_point([1.0], [1.0], panel=Panel("aime24", "abacus"))
    for methods in ({}, {"a": [at(1, 64)], "b": [elsewhere]}):
        with pytest.raises(ValueError, match="one panel"):
            common_grid(methods)
