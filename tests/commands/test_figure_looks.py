"""What the commands hand to figures, so that a method looks the same in all of them."""

from pathlib import Path

import pytest

from hyperscale.commands import latency_plot, plot, run_points, scaling_plot
from hyperscale.figures.latency import LatencyPanel
from hyperscale.figures.retention import RetentionCurve
from hyperscale.figures.scaling import ScalingPanel
from tests.commands.made_runs import write_run

RIGHT = [3, 3, 1, 4] * 3


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    write_run(tmp_path / "runs" / "a", RIGHT, method="tova", budget="16x")
    write_run(tmp_path / "runs" / "b", RIGHT, method="tova", budget="8x")
    write_run(tmp_path / "runs" / "c", RIGHT, method="vanilla", budget="1x")
    for alpha in (0.1, 0.2):
        write_run(tmp_path / "runs" / str(alpha), RIGHT, method="my/policy.py:Mine", budget="8x", policy={"alpha": alpha})
    return tmp_path / "runs"


def test_scaling_and_retention_know_the_methods(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    panels: list[ScalingPanel] = []
    held: list[RetentionCurve] = []
    monkeypatch.setattr(scaling_plot, "scaling", panels.extend)
    monkeypatch.setattr(plot, "retention", held.extend)
    scaling_plot.scaling_of(run_points.load_points([runs], print))
    plot.retention_figure([runs])
    methods = ["vanilla", "Mine alpha=0.1", "Mine alpha=0.2", "tova", "tova"]
    assert [curve.method for curve in panels[0].curves] == methods
    assert [curve.label for curve in panels[0].curves][-2:] == ["tova 8x", "tova 16x"]
    assert [curve.method for curve in held] == methods
    assert [curve.label for curve in held][-2:] == ["tova 8x", "tova 16x"]


def test_a_run_is_named_by_its_configuration(runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    panels: list[LatencyPanel] = []
    draw = latency_plot.latency
    monkeypatch.setattr(latency_plot, "latency", lambda drawn: (panels.extend(drawn), draw(drawn))[1])
    latency_plot.plot_latency([runs], tmp_path)
    assert {(run.method, run.label) for run in panels[0].runs} >= {("tova", "4-1k-16x"), ("vanilla", "4-1k-1x")}
