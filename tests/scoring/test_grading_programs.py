"""Programs through the commands: `grade`, and a run whose chains hold programs."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import hyperscale
from hyperscale.commands.grade import grade
from hyperscale.commands.report import report
from hyperscale.commands.score import score
from hyperscale.errors import Refusal
from hyperscale.sandbox import Ending, Isolation, Outcome
from hyperscale.scoring.graders import make_grader
from hyperscale.scoring.verdict import Verdict
from hyperscale.store.records import FinishReason
from hyperscale.store.run_folder import RunFolder
from hyperscale.tasks.task_card import TaskCard
from tests.card_files import write_rows
from tests.code_files import call_row, stdin_row, write_code_card

ECHO = "```python\nprint(input())\n```"
ONE = "```python\nprint(1)\n```"
PLUS = "```python\nclass Solution:\n    def plus(self, a, b):\n        return a + b\n```"


@pytest.fixture(autouse=True)
def _no_local_data(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HYPERSCALE_DATA", raising=False)


@pytest.fixture
def task(tmp_path: Path) -> dict[str, Any]:
    rows = [stdin_row(), call_row(), stdin_row("part", _recovered_status=[])]
    return {"task": str(write_code_card(tmp_path)), "data": write_rows(tmp_path / "rows.jsonl", rows)}


def test_completions_are_run_against_the_tests_of_their_problem(task: dict[str, Any]) -> None:
    rows = [
        {"problem_id": "echo", "text": ECHO},
        {"problem_id": "plus", "text": PLUS},
        {"problem_id": "echo", "text": ONE},
        {"problem_id": "plus", "text": ECHO},
        {"problem_id": "plus", "text": "I do not know."},
        {"problem_id": "echo", "text": ECHO, "finish_reason": "length"},
    ]
    graded = grade(**task, completions=rows, allow_partial_tests=True)
    assert [row.grade.verdict for row in graded.rows] == [
        Verdict.PASS,
        Verdict.PASS,
        Verdict.WRONG_ANSWER,
        Verdict.RUNTIME_ERROR,
        Verdict.NO_CODE,
        Verdict.NO_CODE,
    ]
    assert graded.accuracy == 2 / 6
    assert graded.rows[2].grade.detail == "test 2 of 3"
    assert "landlock" in graded.to_dict()["sandbox"]
    assert "partial_tests" not in graded.to_dict()


def test_partial_tests_are_stamped_where_they_were_used(task: dict[str, Any]) -> None:
    rows = [{"problem_id": "part", "text": ECHO}]
    with pytest.raises(Refusal, match="--allow-partial-tests"):
        grade(**task, completions=rows)
    assert grade(**task, completions=rows, allow_partial_tests=True).to_dict()["partial_tests"] is True


def test_rows_that_name_no_problem_are_refused(task: dict[str, Any]) -> None:
    with pytest.raises(Refusal, match=r"row 1: the row has no problem_id"):
        grade(**task, completions=[{"text": ECHO}])
    with pytest.raises(Refusal, match=r"no problem 'other'.*--since"):
        grade(**task, completions=[{"problem_id": "other", "text": ECHO}], allow_partial_tests=True)


def test_running_without_a_sandbox_is_said_loudly_and_stamped(
    task: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from hyperscale.cli.main import execute

    file = write_rows(tmp_path / "theirs.jsonl", [{"problem_id": "echo", "text": ECHO}])
    words = ["grade", "--task", task["task"], "--data", str(task["data"]), "--completions", str(file)]
    words += ["--allow-partial-tests", "--unsafe-no-sandbox"]
    assert execute([*words, "--json"]) == 0
    shown = capsys.readouterr()
    assert "unsafe" in json.loads(shown.out)["sandbox"]
    assert shown.err.count("--unsafe-no-sandbox: programs that a model wrote run with your rights") == 1
    assert execute(words) == 0
    assert "your own rights" in capsys.readouterr().out.replace("\n", " ")


def test_running_without_a_sandbox_is_said_before_anything_is_run(
    task: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    notes: list[str] = []

    def nothing_ran(*arguments: Any) -> Any:
        assert [note for note in notes if "--unsafe-no-sandbox" in note]
        raise Refusal("far enough")

    monkeypatch.setattr("hyperscale.commands.grade.make_grader", nothing_ran)
    rows = [{"problem_id": "echo", "text": ECHO}]
    with pytest.raises(Refusal, match="far enough"):
        grade(**task, completions=rows, allow_partial_tests=True, unsafe_no_sandbox=True, note=notes.append)


def test_what_loading_tells_is_passed_on(task: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from hyperscale.cli.main import execute

    data = write_rows(
        tmp_path / "more.jsonl", [stdin_row(), stdin_row("none", public_test_cases="[]", private_test_cases="[]")]
    )
    rows = [{"problem_id": "echo", "text": "none"}]
    notes: list[str] = []
    grade(task["task"], rows, data, allow_partial_tests=True, note=notes.append)
    assert notes == ["rows without any test, which are left out: 1"]
    file = write_rows(tmp_path / "theirs.jsonl", rows)
    words = ["grade", "--task", task["task"], "--data", str(data), "--completions", str(file), "--allow-partial-tests"]
    assert execute([*words, "--json"]) == 0
    shown = capsys.readouterr()
    assert shown.err == "rows without any test, which are left out: 1\n"
    assert json.loads(shown.out)["accuracy"] == 0.0


def test_a_fault_of_the_sandbox_is_no_wrong_answer(task: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    broken = Outcome(Ending.SANDBOX_ERROR, detail="no room")
    monkeypatch.setattr("hyperscale.sandbox.Sandbox.call_function", lambda *arguments, **options: broken)
    rows = [{"problem_id": "echo", "text": ECHO}, {"problem_id": "echo", "text": ONE}, {"problem_id": "plus", "text": PLUS}]
    graded = grade(**task, completions=rows, allow_partial_tests=True)
    assert graded.rows[2].grade.verdict is Verdict.SANDBOX_ERROR
    assert (graded.accuracy, graded.errors, graded.to_dict()["errors"]) == (0.5, 1, 1)


def test_scoring_again_uses_the_free_cores(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = write_rows(tmp_path / "rows.jsonl", [stdin_row()])
    summary = hyperscale.run(
        task=str(write_code_card(tmp_path)), data=data, out=tmp_path, model="abacus", method="vanilla", max_len=4, workers=1
    )
    seen: list[int] = []

    def spied(card: TaskCard, workers: int, isolation: Isolation) -> Any:
        seen.append(workers)
        return make_grader(card, workers, isolation)

    monkeypatch.setattr("hyperscale.commands.grading.make_grader", spied)
    monkeypatch.setattr("hyperscale.commands.score.free_cores", lambda generating: 7 - generating)
    score([Path(summary["run"])], data=data)
    assert seen == [7]


def test_a_run_s_programs_are_graded_and_any_passing_chain_counts(tmp_path: Path) -> None:
    """Chains of the bundled model hold no programs, so programs are put in their place."""
    data = write_rows(tmp_path / "rows.jsonl", [stdin_row(), call_row()])
    summary = hyperscale.run(
        task=str(write_code_card(tmp_path)),
        data=data,
        out=tmp_path / "results",
        model="abacus",
        method="vanilla",
        max_len=4,
        width=2,
        workers=1,
    )
    assert summary["accuracy"] == 0.0
    assert "landlock" in summary["sandbox"]
    path = Path(summary["run"])
    texts = {("echo", 0): ONE, ("echo", 1): ECHO, ("plus", 0): ONE, ("plus", 1): ONE}
    with RunFolder.reopen(path) as folder:
        chains, manifest = folder.chains(), folder.manifest
    (path / "chains.jsonl").unlink()
    with RunFolder.open(path, manifest) as folder:
        for key, chain in chains.items():
            folder.add_chain(replace(chain, text=texts[key], finish_reason=FinishReason.STOP))
    (scored,) = score([path], data=data)
    assert (scored["accuracy"], scored["accuracy_avg"], scored["pass_at"]["2"]) == (0.5, 0.25, 0.5)
    stored = RunFolder.read(path).scores()
    assert (stored["echo", 0].detail, stored["echo", 1].verdict) == ("test 2 of 3", "pass")
    assert stored["echo", 1].grader.startswith("code-2+")
    assert "any of W chains passing" in report([path]).markdown()
    assert "without a sandbox" not in report([path]).markdown()
    (unsafe,) = score([path], data=data, unsafe_no_sandbox=True)
    assert "unsafe" in unsafe["sandbox"]
    assert "without a sandbox" in report([path]).markdown()
