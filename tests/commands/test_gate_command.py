"""hyperscale gate and compare: exit codes, files, what is refused."""

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

import hyperscale
from hyperscale.cli.main import execute
from hyperscale.commands.export import export
from hyperscale.errors import Refusal, UsageError
from tests.commands.made_runs import write_run

RIGHT = [0, 1, 2, 3, 4] * 60
WORSE = [max(0, hits - 2) for hits in RIGHT]
FEW = RIGHT[:10]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs")
    write_run(folder / "baseline", RIGHT)
    write_run(folder / "worse", WORSE)
    write_run(folder / "dearer", RIGHT, reads=2000.0)
    write_run(folder / "few", FEW)
    write_run(folder / "few-others", [hits ^ 1 if hits < 4 else hits for hits in FEW])
    return folder


def gate(runs: Path, candidate: str, *options: str, baseline: str = "baseline") -> int:
    return execute(["gate", "--baseline", str(runs / baseline), "--candidate", str(runs / candidate), *options])


@pytest.mark.parametrize(("candidate", "code"), [("baseline", 0), ("worse", 1), ("dearer", 1)])
def test_exit_codes(runs: Path, candidate: str, code: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert gate(runs, candidate) == code
    assert f"gate: {'pass' if code == 0 else 'fail'}" in capsys.readouterr().out


def test_a_gate_that_cannot_tell_says_so_and_may_count_as_either(runs: Path) -> None:
    assert gate(runs, "few-others", baseline="few") == 4
    assert gate(runs, "few-others", "--inconclusive", "fail", baseline="few") == 1
    assert gate(runs, "few-others", "--inconclusive", "pass", baseline="few") == 0


def test_an_exported_file_stands_for_its_runs(runs: Path, tmp_path: Path) -> None:
    export([runs / "baseline"], tmp_path / "baseline.parquet")
    found = hyperscale.gate(tmp_path / "baseline.parquet", runs / "worse")
    assert found.decision == "fail"
    assert [check.outcome for check in found.runs[0].verdict.checks] == ["fail", "pass"]


def test_json_holds_everything(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert gate(runs, "dearer", "--json") == 1
    found = json.loads(capsys.readouterr().out)
    assert found["decision"] == "fail"
    accuracy, reads = found["runs"][0]["checks"]
    assert (accuracy["outcome"], accuracy["change"]["value"]) == ("pass", 0)
    assert reads["change"]["value"] == pytest.approx(1.0)
    assert {"limit", "detectable", "estimand", "reason"} <= reads.keys()


@pytest.mark.parametrize(("inconclusive", "element"), [("inconclusive", "error"), ("fail", "failure"), ("pass", None)])
def test_junit(runs: Path, tmp_path: Path, inconclusive: str, element: str | None) -> None:
    file = tmp_path / "deep" / "junit.xml"
    gate(runs, "few-others", "--junit", str(file), "--inconclusive", inconclusive, baseline="few")
    (suite,) = ElementTree.parse(file).getroot()
    accuracy, reads = suite
    assert suite.get("tests") == "2"
    assert (suite.get("errors"), suite.get("failures")) == (str(int(element == "error")), str(int(element == "failure")))
    assert [case.get("name") for case in suite] == ["accuracy", "KV reads"]
    assert accuracy[0].tag == (element or "system-out")
    assert reads[0].tag == "system-out"
    assert "detects" in (accuracy[0].text or "")


def test_the_summary_is_a_table_that_says_what_failed(runs: Path, tmp_path: Path) -> None:
    gate(runs, "worse", "--summary", str(tmp_path / "summary.md"))
    text = (tmp_path / "summary.md").read_text()
    assert text.startswith("### hyperscale gate: ❌ fail")
    assert "| accuracy | 50.0% | 15.0% | -35.0 [" in text
    assert "accuracy: beyond the limit." in text
    assert "| KV reads | " in text


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"task_version": 2}, "version of the task"),
        ({"sampling": {"temperature": 0.5, "top_p": 1.0}}, "sampling"),
        ({"base_model": "other"}, "base model"),
    ],
)
def test_strangers_are_refused_unless_told(runs: Path, tmp_path: Path, changes: dict[str, Any], word: str) -> None:
    other = write_run(tmp_path / "other", RIGHT, **changes)
    with pytest.raises(Refusal, match=word):
        hyperscale.gate(runs / "baseline", other)
    assert hyperscale.gate(runs / "baseline", other, mixed=True).decision == "pass"


def test_runs_without_a_partner_and_without_a_finished_problem_are_named(runs: Path, tmp_path: Path) -> None:
    elsewhere = write_run(tmp_path / "a", RIGHT, task="aime24")
    with pytest.raises(Refusal, match="no run of aime24"):
        hyperscale.gate(runs / "baseline", elsewhere)
    with pytest.raises(Refusal, match="Name one run on each side"):
        hyperscale.gate(runs, runs / "worse")
    empty = write_run(tmp_path / "empty", [])
    with pytest.raises(Refusal, match="empty has no problem whose chains are all finished"):
        hyperscale.gate(runs / "baseline", empty)
    single = write_run(tmp_path / "single", [1])
    with pytest.raises(Refusal, match="two problems"):
        hyperscale.gate(single, single)


def test_a_half_finished_run_is_named(runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    half = write_run(tmp_path / "half", FEW)
    manifest = half / "manifest.json"
    content = json.loads(manifest.read_text())
    content["problem_ids"] += [f"q{number}" for number in range(5)]
    manifest.write_text(json.dumps(content))
    assert gate(tmp_path, "half", baseline="half") == 0
    assert "half is not finished: 10 of its 15 problems count" in capsys.readouterr().err


def test_fewer_chains_in_the_baseline_are_told(runs: Path, tmp_path: Path) -> None:
    narrow = write_run(tmp_path / "narrow", [min(hits, 2) for hits in RIGHT], width=2)
    verdict = hyperscale.gate(narrow, runs / "baseline", metric="accuracy").runs[0].verdict
    assert verdict.chains == (4, 2)


@pytest.mark.parametrize(
    "options", [["--metric", "speed"], ["--margin", "-1"], ["--margin", "100"], ["--inconclusive", "maybe"], ["--score", "x"]]
)
def test_wrong_words_are_found_before_anything_is_read(options: list[str], tmp_path: Path) -> None:
    nowhere = str(tmp_path / "nowhere")
    assert execute(["gate", "--baseline", nowhere, "--candidate", nowhere, *options]) == UsageError.exit_code


def test_compare_shows_both_sides(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert execute(["compare", str(runs / "baseline"), str(runs / "worse")]) == 0
    text = " ".join(capsys.readouterr().out.split())
    assert "average, these problems 50.0% 15.0% -35.0 [" in text
    assert "x 1.000 [1.000, 1.000]" in text
    assert "Votes differ with p = " in text


def test_compare_as_json_and_markdown(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert execute(["compare", str(runs / "baseline"), str(runs / "baseline"), "--json"]) == 0
    (pair,) = json.loads(capsys.readouterr().out)["pairs"]
    assert (pair["identical"], pair["accuracy"]["mean"], pair["sign_flip"]["p"], pair["p_adjusted"]) == (True, 0, 1, 1)
    assert execute(["compare", str(runs / "baseline"), str(runs / "worse"), "--markdown"]) == 0
    assert "| average, these problems | 50.0% | 15.0% |" in capsys.readouterr().out
    assert execute(["compare", str(runs / "baseline"), str(runs / "worse"), "--markdown", "--json"]) == 2


def test_several_pairs_are_adjusted_together(tmp_path: Path) -> None:
    for side, right in (("a", RIGHT), ("b", WORSE)):
        for budget in ("2x", "4x"):
            write_run(tmp_path / side / budget, right, budget=budget)
    pairs = hyperscale.compare(tmp_path / "a", tmp_path / "b")
    assert [pair.pair.candidate.fields["budget"] for pair in pairs] == ["2x", "4x"]
    assert [pair.adjusted for pair in pairs] == [min(1.0, 2 * pair.comparison.sign_flip.p) for pair in pairs]
