"""A code task on the road of `run`: which rows it takes, and that parts of tests are stamped."""

import io
import json
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

import hyperscale
from hyperscale.cli.summary_table import summary_table
from hyperscale.commands.score import score
from hyperscale.errors import Refusal
from hyperscale.store.run_folder import RunFolder
from tests.card_files import write_rows
from tests.code_files import call_row, stdin_row, write_code_card

# chains this short hold no program, so nothing is executed
SHORT = {"model": "abacus", "method": "vanilla", "max_len": 4, "workers": 1}


@pytest.fixture(autouse=True)
def _no_local_data(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HYPERSCALE_DATA", raising=False)


def run(tmp_path: Path, rows: list[dict[str, Any]], **options: Any) -> dict[str, Any]:
    data = write_rows(tmp_path / "rows.jsonl", rows)
    return hyperscale.run(task=str(write_code_card(tmp_path)), data=data, out=tmp_path / "results", **SHORT, **options)


def test_parts_of_tests_are_stamped_in_manifest_and_summary_and_scored_again(tmp_path: Path) -> None:
    rows = [stdin_row(_recovered_status=[]), call_row()]
    with pytest.raises(Refusal, match="--allow-partial-tests"):
        run(tmp_path, rows)
    summary = run(tmp_path, rows, allow_partial_tests=True)
    assert (summary["problems"], summary["partial_tests"]) == (2, True)
    assert json.loads(json.dumps(summary))["partial_tests"] is True
    assert RunFolder.read(Path(summary["run"])).manifest.fields["partial_tests"] is True
    assert score([Path(summary["run"])], data=tmp_path / "rows.jsonl")[0]["partial_tests"] is True


@pytest.mark.parametrize(("width", "words"), [(1, "any of 1 chain passes"), (2, "any of 2 chains passes")])
def test_the_table_of_a_run_says_that_one_passing_chain_is_enough(tmp_path: Path, width: int, words: str) -> None:
    shown = table_of(run(tmp_path, [stdin_row()], width=width))
    assert words in shown
    assert "vote" not in shown


def test_the_table_of_other_tasks_says_that_chains_vote(tmp_path: Path) -> None:
    assert "vote of 1 chain," in table_of(hyperscale.run(task="modchain", limit=1, out=tmp_path, **SHORT))


def table_of(summary: dict[str, Any]) -> str:
    console = Console(width=200, file=io.StringIO())
    console.print(summary_table(summary))
    return console.file.getvalue()  # type: ignore[attr-defined]


def test_whole_tests_are_not_stamped(tmp_path: Path) -> None:
    summary = run(tmp_path, [stdin_row()], allow_partial_tests=True)
    assert "partial_tests" not in summary
    assert "partial_tests" not in RunFolder.read(Path(summary["run"])).manifest.fields


def test_another_window_takes_other_problems(tmp_path: Path) -> None:
    rows = [stdin_row("old", day="2023-05-01"), stdin_row("new", day="2024-09-01")]
    assert run(tmp_path, rows, since="2023-01-01")["problems"] == 2
    assert run(tmp_path, rows)["problems"] == 1


def test_the_option_reaches_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from hyperscale.cli.main import execute

    data = write_rows(tmp_path / "rows.jsonl", [stdin_row(_recovered_status=[])])
    words = ["run", "--task", str(write_code_card(tmp_path)), "--data", str(data), "--out", str(tmp_path / "results")]
    words += ["--model", "abacus", "--method", "vanilla", "--max-len", "4"]
    assert execute(words) == 3
    assert "--allow-partial-tests" in capsys.readouterr().err
    assert execute([*words, "--allow-partial-tests", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["partial_tests"] is True
    assert execute([*words, "--allow-partial-tests"]) == 0
    assert "partial" in capsys.readouterr().out


def test_tasks_lists_known_defects_and_does_not_read_gigabytes_to_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from hyperscale.cli.main import execute

    (tmp_path / "livecodebench").mkdir()
    with (tmp_path / "livecodebench" / "test.jsonl").open("wb") as file:
        file.truncate(1 << 30)  # takes no room
    monkeypatch.setenv("HYPERSCALE_DATA", str(tmp_path))
    assert execute(["tasks", "--json"]) == 0
    tasks = {task["name"]: task for task in json.loads(capsys.readouterr().out)["tasks"]}
    task = tasks["livecodebench"]
    assert (task["origin"], task["problems"], task["fault"]) == ("local", None, None)
    assert len(task["errata"]) == 14
    assert task["errata"]["abc337_e"] == "interactive"
    assert tasks["modchain"]["errata"] == {}
