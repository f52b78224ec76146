"""hyperscale plot pareto|scaling|latency, from runs to files and numbers."""

import json
import re
from pathlib import Path

import pytest

import hyperscale
from hyperscale.cli.main import execute
from hyperscale.commands.pareto_plot import ask, pareto_plot
from hyperscale.commands.run_points import series_names
from hyperscale.errors import Refusal
from tests.commands.made_runs import write_run

RIGHT = [3, 3, 3, 3, 1] * 8


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs")
    write_run(folder / "dense", RIGHT, method="vanilla", budget="1x", reads=4000.0)
    write_run(folder / "dms", RIGHT, method="dms", budget="8x", model="abacus-dms-8x", reads=1000.0)
    write_run(folder / "tova", [hits // 2 for hits in RIGHT], method="tova", budget="4x", reads=4000.0)
    return folder


@pytest.mark.parametrize("cost", ["reads", "peak", "latency"])
def test_three_files_per_figure(runs: Path, tmp_path: Path, cost: str) -> None:
    paths = hyperscale.plot_pareto([runs], tmp_path, cost=cost)
    assert [path.name for path in paths] == [f"pareto-{cost}.{kind}" for kind in ("png", "svg", "pdf")]
    assert all(path.stat().st_size > 5000 for path in paths)


def test_numbers_behind_the_figure(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert execute(["plot", "pareto", str(runs), "--json"]) == 0
    (panel,) = json.loads(capsys.readouterr().out)["panels"]
    assert (panel["task"], panel["base_model"], panel["problems"]) == ("modchain", "abacus", 40)
    by_name = {(point["method"], point["width"]): point for point in panel["points"]}
    assert len(by_name) == 9  # three methods, widths 1, 2 and 4
    assert by_name["dms", 4]["cost"] * 4 == pytest.approx(by_name["vanilla", 4]["cost"])
    assert by_name["dms", 4]["accuracy"] == by_name["vanilla", 4]["accuracy"]
    assert by_name["dms", 4]["on_frontier"]
    assert by_name["dms", 4]["share_on_overall_frontier"] == 1
    assert by_name["dms", 1]["derived"]
    assert panel["gains"]["dms"]["gain"] > 0 > panel["gains"]["tova"]["gain"]


def test_the_terminal_gets_a_picture_and_no_file(runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert execute(["plot", "pareto", str(runs), "--terminal", "--out", str(tmp_path / "plots")]) == 0
    text = capsys.readouterr().out
    assert re.search(r"D dms: abacus-dms-8x; gain \+[\d.]+ points \[", text)
    assert not (tmp_path / "plots").exists()


def test_gains_use_what_all_methods_have_and_say_so(runs: Path, tmp_path: Path) -> None:
    narrow = write_run(tmp_path / "h2o", RIGHT[:30], width=1, method="h2o", budget="4x")
    told: list[str] = []
    plot = pareto_plot([runs, narrow], note=told.append)
    (numbers,) = plot.numbers
    assert numbers.problems == 30
    assert [text for text in told if "on the 30 problems that all runs have, of up to 40" in text]
    assert [text for text in told if "dms: left out 2-1k, 4-1k" in text]
    on_lines = {point["width"] for point in numbers.points if point["on_frontier"]}
    assert on_lines == {1}


def test_another_reference_and_words_that_are_none(runs: Path, tmp_path: Path) -> None:
    assert set(pareto_plot([runs], ask(reference="tova")).numbers[0].gains) == {"vanilla", "dms"}
    with pytest.raises(Refusal, match="None of these runs is of nobody"):
        pareto_plot([runs], ask(reference="nobody"))
    for words in (["--cost", "money"], ["--axis", "log10"], ["--overlay", "film"]):
        assert execute(["plot", "pareto", str(tmp_path), *words]) == 2


def test_one_run_of_one_problem_is_a_figure(tmp_path: Path) -> None:
    write_run(tmp_path / "one", [1], width=1)
    assert hyperscale.plot_pareto([tmp_path / "one"], tmp_path / "plots")


def test_strangers_do_not_share_an_axis_unless_told(runs: Path, tmp_path: Path) -> None:
    other = write_run(tmp_path / "other", RIGHT, task_version=2)
    with pytest.raises(Refusal, match="version of the task"):
        hyperscale.plot_pareto([runs, other], tmp_path)
    assert hyperscale.plot_pareto([runs, other], tmp_path, mixed=True)


def test_tasks_and_base_models_have_panels_of_their_own(runs: Path, tmp_path: Path) -> None:
    other = write_run(tmp_path / "other", RIGHT, base_model="else", model="else")
    assert [numbers.panel.base_model for numbers in pareto_plot([runs, other]).numbers] == ["abacus", "else"]


def test_times_of_several_machines_are_refused(runs: Path, tmp_path: Path) -> None:
    other = write_run(tmp_path / "other", RIGHT, device="H100", method="quest")
    with pytest.raises(Refusal, match="machines"):
        hyperscale.plot_latency([runs, other], tmp_path)
    assert len(hyperscale.plot_latency([runs], tmp_path)) == 3


def test_scaling_is_drawn(runs: Path, tmp_path: Path) -> None:
    assert next(path.name for path in hyperscale.plot_scaling([runs], tmp_path)) == "scaling.png"


def test_names_tell_settings_apart_only_where_they_must() -> None:
    plain = {"method": "dms", "budget": "8x", "model": "m", "policy": {"offset": 5.0, "decide_at": "arrival"}}
    late = {**plain, "policy": {"offset": 5.0, "decide_at": "exit"}}
    higher = {**plain, "policy": {"offset": 6.0, "decide_at": "arrival"}}
    mine = {"method": "a/b.py:Mine", "budget": "8x", "model": "m"}
    assert series_names([plain, late, mine]) == ["dms", "dms, immediate", "Mine"]
    assert series_names([plain, higher]) == ["dms offset=5.0", "dms offset=6.0"]


def test_published_gains_stand_beside_ours_where_there_are_any(runs: Path, tmp_path: Path) -> None:
    for method, budget, reads in (("vanilla", "1x", 4000.0), ("dms", "8x", 1000.0)):
        write_run(tmp_path / method, RIGHT, method=method, budget=budget, reads=reads, task="aime24")
    (panel,) = pareto_plot([tmp_path], ask(overlay="paper")).panels
    remarks = {curve.method: curve.remark for curve in panel.curves}
    assert remarks["dms"].endswith("; paper +10.6 (1.5B), +15.0 (7B), +12.0 (32B)")
    told: list[str] = []
    pareto_plot([runs], ask(overlay="paper"), note=told.append)
    assert "modchain: the paper has no gains over vanilla for it" in told


def test_methods_without_a_common_length_are_points_without_lines(tmp_path: Path) -> None:
    write_run(tmp_path / "h2o", RIGHT[:30], method="h2o", max_len=128)
    write_run(tmp_path / "tova", RIGHT[:30], method="tova", max_len=64)
    told: list[str] = []
    (numbers,) = pareto_plot([tmp_path], note=told.append).numbers
    assert not numbers.gains
    assert {point["method"] for point in numbers.points} == {"h2o", "tova"}
    assert not any(point["on_frontier"] for point in numbers.points)
    assert any("which not all methods have" in text for text in told)


def test_runs_of_other_code_or_weights_are_told_apart(tmp_path: Path) -> None:
    write_run(tmp_path / "before", RIGHT, policy_code="aaaaaaaaaaaa")
    write_run(tmp_path / "after", RIGHT, policy_code="bbbbbbbbbbbb", reads=500.0)
    (numbers,) = pareto_plot([tmp_path]).numbers
    assert {point["method"] for point in numbers.points} == {"tova code=aaaaaa", "tova code=bbbbbb"}


def test_what_makes_frontiers_unequal_is_said(tmp_path: Path) -> None:
    for name, method, budget in (("a", "tova", "2x"), ("b", "tova", "4x"), ("c", "h2o", "4x")):
        write_run(tmp_path / name, RIGHT, method=method, budget=budget)
    told: list[str] = []
    pareto_plot([tmp_path], note=told.append)
    assert any("tova 2, h2o 1" in text or "h2o 1, tova 2" in text for text in told)
    assert any("bands and gains of 40 problems are rough" in text for text in told)
    assert any("no gains: none of these runs is of vanilla" in text for text in told)


def test_the_paper_is_cited(tmp_path: Path) -> None:
    write_run(
        tmp_path / "a",
        RIGHT,
        task="aime24",
        model="DeepSeek-R1-Distill-Qwen-7B",
        base_model="elsewhere/DeepSeek-R1-Distill-Qwen-7B",
        method="dms",
    )
    write_run(
        tmp_path / "b",
        RIGHT,
        task="aime24",
        model="DeepSeek-R1-Distill-Qwen-7B",
        base_model="elsewhere/DeepSeek-R1-Distill-Qwen-7B",
        method="vanilla",
        budget="1x",
    )
    told: list[str] = []
    plot = pareto_plot([tmp_path], ask(overlay="paper"), note=told.append)
    assert any("2506.05345" in text for text in told)
    assert "2506.05345" in plot.to_json()["citation"]
    (remark,) = (curve.remark for curve in plot.panels[0].curves if curve.method == "dms")
    assert "(7B)" in remark
    assert "(14B)" not in remark


def test_times_of_strangers_are_not_held_against_each_other(tmp_path: Path) -> None:
    for version in (1, 2):
        write_run(tmp_path / str(version), RIGHT, task_version=version, seed=version)
    with pytest.raises(Refusal, match="version of the task"):
        hyperscale.plot_latency([tmp_path], tmp_path / "plots")
    assert hyperscale.plot_latency([tmp_path], tmp_path / "plots", mixed=True)


def test_text_and_json_exclude_each_other(tmp_path: Path) -> None:
    assert execute(["plot", "pareto", str(tmp_path), "--terminal", "--json"]) == 2
