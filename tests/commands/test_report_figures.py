"""The figures of a page: what is drawn, the numbers beside it, and what is left out."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hyperscale.commands import report_figures as module
from hyperscale.commands.pareto_plot import pareto_plot
from hyperscale.commands.report_figures import FRONTIERS, RETENTION, SCALING, report_figures
from tests.commands.made_runs import write_run

RIGHT = [3, 3, 3, 1] * 8


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs")
    write_run(folder / "dense", RIGHT, method="vanilla", budget="1x", reads=4096.0)
    write_run(folder / "dms", [4] * 32, method="dms", budget="8x", model="abacus-dms-8x", reads=1024.0)
    write_run(folder / "tova", RIGHT[:30], width=1, method="tova", budget="4x")
    return folder


def refuse(*_: Any, **__: Any) -> Any:
    raise ZeroDivisionError("no chain\nat all")


def test_figures_and_their_numbers(runs: Path) -> None:
    frontiers, scaling, retention = report_figures([runs], lambda text: None)
    assert [frontiers.title, scaling.title, retention.title] == [FRONTIERS, SCALING, RETENTION]
    assert all("<svg" in drawing.svg and drawing.caption for drawing in (frontiers, scaling, retention))
    assert scaling.tables == retention.tables == ()
    gains, points = frontiers.tables
    assert points.title == "modchain, abacus, 30 problems"
    assert gains.title == "Gains over vanilla: modchain, abacus, 30 problems"
    assert points.headers == ("method", "configuration", "KV reads", "accuracy %", "frontier")
    assert len(points.rows) == 7  # widths 1, 2 and 4 of two methods, 1 of the third
    assert [row[0] for row in points.rows] == ["vanilla"] * 3 + ["dms"] * 3 + ["tova"]
    # 30 problems: six times 1.0, 1.1, 1.2, 1.3 and 1.4 of 1024 reads per chain
    assert points.rows[3] == ("dms", "1-1k-8x", "1.20k", "100.0", "on it")
    assert points.rows[5][1:4] == ("4-1k-8x", "4.80k", "100.0")
    assert "vanilla: left out 2-1k, 4-1k" in points.notes


def test_gains_are_the_figures(runs: Path) -> None:
    gains = report_figures([runs], lambda text: None)[0].tables[0]
    told = pareto_plot([runs]).to_json()["panels"][0]["gains"]
    assert [row[0] for row in gains.rows] == list(told) == ["dms", "tova"]
    for method, gain, interval in gains.rows:
        whole = told[method]["gain"]
        assert gain == ("NA" if whole is None else f"{100 * whole:+.1f}")
        assert (interval == "-") is (told[method]["low"] is None)


@pytest.mark.parametrize(
    ("broken", "left"),
    [("pareto_of", [SCALING, RETENTION]), ("scaling_of", [FRONTIERS, RETENTION]), ("retention_figure", [FRONTIERS, SCALING])],
)
def test_a_figure_that_fails_is_left_out_and_named(
    broken: str, left: list[str], runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, broken, refuse)
    told: list[str] = []
    assert [drawing.title for drawing in report_figures([runs], told.append)] == left
    (missing,) = {FRONTIERS, SCALING, RETENTION} - set(left)
    assert f'without the figure "{missing}": ZeroDivisionError: no chain<U+000A>at all' in told


def test_runs_are_loaded_once_even_if_that_fails(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tries: list[str] = []

    def load(paths: object, note: Callable[[str], None]) -> Any:
        tries.append("")
        raise ValueError("odd numbers")

    monkeypatch.setattr(module, "load_points", load)
    told: list[str] = []
    assert [drawing.title for drawing in report_figures([runs], told.append)] == [RETENTION]
    assert tries == [""]
    assert told == [f'without the figure "{FRONTIERS}; {SCALING}": ValueError: odd numbers']


def test_names_cannot_hide_anything(tmp_path: Path) -> None:
    write_run(tmp_path / "run", RIGHT, method="tova\x1b[31m", base_model="a\u202eb", budget="4x")
    drawings = report_figures([tmp_path], lambda text: None)
    tables = [table for drawing in drawings for table in drawing.tables]
    texts = [*(table.title for table in tables), *(cell for table in tables for row in table.rows for cell in row)]
    assert "modchain, a<U+202E>b, 32 problems" in texts
    assert "tova<U+001B>[31m" in texts
    assert not {"\x1b", "\u202e"} & set("".join(texts))
