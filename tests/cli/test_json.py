import json
from pathlib import Path

import pytest

from hyperscale.cli.main import execute
from hyperscale.cli.output import print_json
from tests.cli.conftest import Command

SUMMARY = """
task model base_model method budget width max_len problems chains accuracy accuracy_ci95 accuracy_avg pass_at kv_reads aux_reads
peak_tokens realised_cr accuracy_per_mread tokens truncated errors tokens_per_s run
"""
FIELDS = set(SUMMARY.split())

LOUD = '''
import os

print("loading a policy")

from hyperscale.cache.policy import Policy


class Loud(Policy):
    """Keeps everything and talks about it."""

    def setup(self) -> None:
        print("setting up")
        os.write(1, b"written past Python\\n")
'''


@pytest.fixture(scope="module")
def results(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    from hyperscale.commands.run import run

    out = tmp_path_factory.mktemp("stored")
    run(model=str(tiny_model), method="tova", budget="4x", limit=2, width=2, max_len=16, workers=1, out=out)
    return out


def only_object(capfd: pytest.CaptureFixture[str]) -> dict:
    value = json.loads(capfd.readouterr().out)
    assert isinstance(value, dict)
    return value


@pytest.mark.parametrize("workers", ["1", "2"])
def test_run_prints_its_summary_and_nothing_else_whatever_a_policy_prints(
    workers: str, tiny_model: Path, command: Command
) -> None:
    Path("loud.py").write_text(LOUD)
    few = ["--limit", "2", "--max-len", "8", "--workers", workers, "--rows", "1"]
    done = command("run", "--model", str(tiny_model), "--method", "loud.py:Loud", "--budget", "1x", *few, "--json")
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout)
    assert set(summary) >= FIELDS
    assert summary["chains"] == 2
    assert "written past Python" in done.stderr
    assert "setting up" in done.stderr
    assert "2/2 chains (100%)" in done.stderr


def test_run_without_json_shows_the_numbers_and_the_run_folder(
    tiny_model: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / ("a-name-that-is-longer-than-a-line-of-a-terminal-" * 3)
    few = ["--limit", "2", "--max-len", "8", "--workers", "1", "--method", "tova", "--budget", "2x", "--out", str(out)]
    assert execute(["run", "--model", str(tiny_model), *few]) == 0
    shown = capfd.readouterr().out
    for words in (
        "modchain, tiny, tova 2x, W=1, L=8",
        "accuracy %",
        "KV reads",
        "realised CR",
        "acc/Mread",
        "tokens/s",
        "truncated %",
    ):
        assert words in shown
    folder = next(out.glob("*/*/*/manifest.json")).parent
    assert shown.splitlines()[-1] == f"run folder: {folder}"
    assert max(map(len, shown.splitlines()[:-1])) <= 80


@pytest.mark.parametrize("name", ["score", "report"])
def test_commands_over_runs_print_one_object(name: str, results: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert execute([name, str(results), "--json"]) == 0
    (row,) = only_object(capfd)["runs"]
    assert set(row) >= FIELDS
    assert (row["method"], row["width"], row["chains"]) == ("tova", 2, 4)


@pytest.mark.parametrize("name", ["score", "report"])
def test_commands_over_runs_show_a_table(name: str, results: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert execute([name, str(results)]) == 0
    assert "KV reads" in capfd.readouterr().out


def test_report_prints_markdown(results: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert execute(["report", str(results), "--markdown"]) == 0
    assert capfd.readouterr().out.startswith("| task | model |")


def test_report_looks_at_results_by_default(results: Path, capfd: pytest.CaptureFixture[str]) -> None:
    Path("results").symlink_to(results)
    assert execute(["report", "--json"]) == 0
    assert len(only_object(capfd)["runs"]) == 1


def test_an_exported_file_stands_for_its_runs(results: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert execute(["export", str(results), "--out", "runs.parquet"]) == 0
    assert capfd.readouterr().out == "runs.parquet\n"
    assert execute(["report", "runs.parquet", "--json"]) == 0
    assert len(only_object(capfd)["runs"]) == 1


def test_grade_prints_verdicts_in_input_order(capfd: pytest.CaptureFixture[str]) -> None:
    rows = [("7", r"\boxed{7}"), ("8", r"\boxed{9}"), ("8", "eight"), ("½", r"\boxed{\frac{1}{2}}")]
    Path("rows.jsonl").write_text("".join(json.dumps({"gold": gold, "text": text}) + "\n" for gold, text in rows))
    assert execute(["grade", "--task", "modchain", "--completions", "rows.jsonl", "--json"]) == 0
    report = only_object(capfd)
    assert report["task"] == "modchain"
    assert [row["index"] for row in report["rows"]] == [0, 1, 2, 3]
    assert [row["verdict"] for row in report["rows"]] == ["equal", "different", "no_answer", "unparsed_gold"]
    assert (report["accuracy"], report["errors"]) == (1 / 3, 1), "a gold that cannot be parsed is no wrong answer"


def test_grade_shows_how_many_got_each_verdict(capfd: pytest.CaptureFixture[str]) -> None:
    Path("rows.jsonl").write_text(json.dumps({"gold": "7", "text": r"\boxed{7}"}) + "\n")
    assert execute(["grade", "--task", "modchain", "--completions", "rows.jsonl"]) == 0
    shown = capfd.readouterr().out
    assert "equal" in shown
    assert "Accuracy: 100.0%" in shown


def test_json_is_ascii_and_has_no_nan(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"text": "∑ 😀 \ud800"})
    shown = capsys.readouterr().out
    assert shown.isascii()
    assert json.loads(shown) == {"text": "∑ 😀 \ud800"}
    with pytest.raises(ValueError):
        print_json({"value": float("nan")})
