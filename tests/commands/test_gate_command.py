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
    assert "| accuracy | ❌ fail | 50.0% | 15.0% | -35.0 [" in text
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
    with pytest.raises(Refusal, match="empty has no problem whose chains are all finished, graded and free of errors"):
        hyperscale.gate(runs / "baseline", empty)
    single, other = (write_run(tmp_path / name, [hits]) for name, hits in (("single", 1), ("other", 2)))
    with pytest.raises(Refusal, match="two problems"):
        hyperscale.gate(single, other)


def test_a_half_finished_run_is_named(runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    half = write_run(tmp_path / "half", FEW)
    manifest = half / "manifest.json"
    content = json.loads(manifest.read_text())
    content["problem_ids"] += [f"q{number}" for number in range(5)]
    manifest.write_text(json.dumps(content))
    assert gate(tmp_path, "half", baseline="half") == 4  # what is missing may be what went wrong
    assert "half: 10 of its 15 problems count" in capsys.readouterr().err


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
    assert "average, these 50.0% 15.0% -35.0 [" in text
    assert "x 1.000 [1.000, 1.000]" in text
    assert "Votes differ with p = " in text


def test_compare_as_json_and_markdown(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert execute(["compare", str(runs / "baseline"), str(runs / "baseline"), "--json"]) == 0
    (pair,) = json.loads(capsys.readouterr().out)["pairs"]
    assert (pair["identical"], pair["accuracy"]["mean"], pair["sign_flip"]["p"], pair["p_adjusted"]) == (True, 0, 1, 1)
    assert execute(["compare", str(runs / "baseline"), str(runs / "worse"), "--markdown"]) == 0
    assert "| average, these | 50.0% | 15.0% |" in capsys.readouterr().out
    assert execute(["compare", str(runs / "baseline"), str(runs / "worse"), "--markdown", "--json"]) == 2


def test_several_pairs_are_adjusted_together(tmp_path: Path) -> None:
    for side, right in (("a", RIGHT), ("b", WORSE)):
        for budget in ("2x", "4x"):
            write_run(tmp_path / side / budget, right, budget=budget)
    pairs = hyperscale.compare(tmp_path / "a", tmp_path / "b")
    assert [pair.pair.candidate.fields["budget"] for pair in pairs] == ["2x", "4x"]
    assert [pair.adjusted for pair in pairs] == [min(1.0, 2 * pair.comparison.sign_flip.p) for pair in pairs]


@pytest.mark.parametrize("width", [40, 60, 80, 200])
def test_a_narrow_terminal_leaves_out_numbers_but_never_the_outcome(
    runs: Path, width: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    assert gate(runs, "worse") == 1
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= width
    (accuracy,) = (line.split() for line in lines if line.startswith(" accuracy"))
    (reads,) = (line.split() for line in lines if line.startswith(" KV reads"))
    assert accuracy[1] == "fail"
    assert reads[2] == "pass"
    assert "…" not in "".join(lines)
    assert ("detects" in "".join(lines[:3])) == (width >= 80)


def test_sides_of_different_widths_are_held_against_each_other_at_the_smaller_one(runs: Path, tmp_path: Path) -> None:
    narrow = write_run(tmp_path / "narrow", [hits // 2 for hits in RIGHT], width=2)
    told: list[str] = []
    found = hyperscale.gate(runs / "baseline", narrow, note=told.append).runs[0].verdict
    accuracy, reads = found.checks
    assert reads.outcome == "pass"  # two chains read what two of four do
    assert reads.change is not None
    assert reads.change.value == pytest.approx(0)
    assert any("both at 2 of their 2 and 4 chains" in text for text in told)
    assert accuracy.baseline == pytest.approx(sum(RIGHT) / len(RIGHT) / 4)  # by all its chains


def test_a_run_against_itself_is_called_that(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert gate(runs, "baseline") == 0
    assert "tova 4x against itself" in capsys.readouterr().out


def test_hostile_names_break_neither_table_nor_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    name = "m|x\n# h <img src=x> \x1b[31m\u202e"
    one = write_run(tmp_path / "one", RIGHT, model=name, base_model="abacus")
    other = write_run(tmp_path / "other", RIGHT, model="abacus", base_model="abacus", reads=999.0)
    files = tmp_path / "gate.xml", tmp_path / "gate.md"
    execute(["gate", "--baseline", str(one), "--candidate", str(other), "--junit", str(files[0]), "--summary", str(files[1])])
    printed = capsys.readouterr().out
    assert "\x1b" not in printed
    assert "\u202e" not in printed
    ElementTree.parse(files[0])
    text = files[1].read_text()
    assert "<img" not in text
    assert "\n# h" not in text


def test_words_that_do_not_exist_are_answered_with_those_that_do(runs: Path) -> None:
    with pytest.raises(UsageError, match="Did you mean 'kv_reads'"):
        hyperscale.gate(runs / "baseline", runs / "worse", metric="kv_read")


def test_a_ratio_cannot_fall_by_more_than_all_of_it(runs: Path) -> None:
    (check,) = hyperscale.gate(runs / "baseline", runs / "worse", metric="ratio").runs[0].verdict.checks
    assert check.detectable is not None
    assert -1 < check.detectable < -0.05


def test_a_candidate_whose_chains_fail_does_not_pass_on_those_that_are_left(runs: Path, tmp_path: Path) -> None:
    broken = write_run(tmp_path / "broken", RIGHT, failed=range(0, 300, 2))
    found = hyperscale.gate(runs / "baseline", broken)
    assert found.decision == "inconclusive"
    check = found.runs[0].verdict.checks[-1]
    assert (check.name, check.baseline, check.candidate) == ("problems", 300, 150)
    assert "150 of the candidate's 300 problems" in check.reason
    assert found.runs[0].verdict.unshared == (0, 150)


def test_every_problem_with_an_error_is_named_as_that(runs: Path, tmp_path: Path) -> None:
    broken = write_run(tmp_path / "broken", RIGHT, failed=range(300))
    with pytest.raises(Refusal, match="free of errors"):
        hyperscale.gate(runs / "baseline", broken, metric="accuracy-at-reads")


def test_a_run_that_the_candidate_lacks_is_named(tmp_path: Path) -> None:
    for side in ("old", "new"):
        write_run(tmp_path / side / "kept", RIGHT)
    write_run(tmp_path / "old" / "dropped", RIGHT, budget="2x")
    told: list[str] = []
    assert hyperscale.gate(tmp_path / "old", tmp_path / "new", note=told.append).decision == "pass"
    assert any("dropped" in text for text in told)


@pytest.mark.parametrize("metric", ["per-read", "ratio", "accuracy-at-reads", "peak"])
def test_a_run_of_one_problem_passes_against_itself(tmp_path: Path, metric: str) -> None:
    one = write_run(tmp_path / "one", [0])
    assert hyperscale.gate(one, one, metric=metric, margin=0).decision == "pass"


def test_a_ratio_of_hardly_any_right_answer_decides_nothing(tmp_path: Path) -> None:
    sides = [write_run(tmp_path / name, right) for name, right in (("one", [1] + [0] * 39), ("none", [0] * 40))]
    (check,) = hyperscale.gate(sides[0], sides[1], metric="ratio").runs[0].verdict.checks
    assert check.outcome == "inconclusive"
    assert "a ratio needs 20" in check.reason


def test_seeds_below_nothing_and_files_that_cannot_be_written_are_refused_first(runs: Path) -> None:
    with pytest.raises(UsageError, match="--seed"):
        hyperscale.gate(runs / "nowhere", runs / "worse", seed=-1)
    with pytest.raises(Refusal, match=r"gate\.xml"):
        hyperscale.gate(runs / "nowhere", runs / "worse", junit_file=Path("/proc/none/gate.xml"))


def test_cautions_are_printed(runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    gate(runs, "few-others", "--summary", str(tmp_path / "gate.md"), baseline="few")
    for text in (capsys.readouterr().out, (tmp_path / "gate.md").read_text()):
        assert "With fewer than 100 problems" in " ".join(text.split())
