import gzip
import io
import json
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from hyperscale.cli.grade_table import grade_table
from hyperscale.commands.grade import GradeReport, grade
from hyperscale.errors import Refusal, UsageError
from hyperscale.scoring.graders import make_grader
from hyperscale.scoring.verdict import Verdict
from tests.card_files import write_card, write_rows
from tests.scoring.shared_files import shared_rows

ROWS: list[dict[str, Any]] = [
    {"gold": "025", "text": r"\boxed{25}"},
    {"gold": r"\sqrt{2}", "text": r"\boxed{2^{1/2}}", "problem_id": "p2"},
    {"gold": "7", "text": r"I think \boxed{8}"},
    {"gold": r"\frac{", "text": r"\boxed{5}"},
    {"gold": "7", "text": "it is 7"},
    {"gold": 7, "text": r"\boxed{7}", "finish_reason": "length"},
]
VERDICTS = ["equal", "equal", "different", "unparsed_gold", "no_answer", "no_answer"]


def jsonl(path: Path, rows: list[Any]) -> Path:
    content = "".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows).encode()
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return path


@pytest.fixture
def card(tmp_path: Path) -> str:
    return str(write_card(tmp_path))


def test_report_is_one_object_with_rows_in_input_order(card: str) -> None:
    report = grade(card, ROWS)
    assert report.to_dict() == {
        "task": "sums",
        "accuracy": pytest.approx(2 / 5),
        "errors": 1,
        "rows": [
            {"index": i, "problem_id": problem_id, "extracted": extracted, "verdict": verdict, "correct": verdict == "equal"}
            for i, (problem_id, extracted, verdict) in enumerate(
                zip([None, "p2", *[None] * 4], ["25", "2^{1/2}", "8", "5", None, None], VERDICTS, strict=True)
            )
        ],
    }
    assert json.loads(json.dumps(report.to_dict())) == report.to_dict()
    assert report.counts[Verdict.NO_ANSWER] == 2


def test_rows_that_could_not_be_graded_are_in_no_accuracy(card: str) -> None:
    report = grade(card, ROWS)
    assert (report.accuracy, report.errors) == (2 / 5, 1)
    shown = words_of(report)
    assert "6 completions" in shown
    assert "Accuracy: 40.0%, 95% interval [11.8, 76.9]." in shown
    assert "1 row could not be graded and is in no accuracy." in shown
    assert "2 rows could not be graded and are in no accuracy." in words_of(grade(card, [*ROWS, ROWS[3]]))


def test_where_everything_could_be_graded_nothing_is_said_of_errors(card: str) -> None:
    report = grade(card, ROWS[:3])
    assert "errors" not in report.to_dict()
    assert "could not be graded" not in words_of(report)


def test_where_nothing_could_be_graded_there_is_no_accuracy(card: str) -> None:
    report = grade(card, [ROWS[3]] * 2)
    assert report.accuracy is None
    assert (report.to_dict()["accuracy"], report.to_dict()["errors"]) == (None, 2)
    assert json.loads(json.dumps(report.to_dict()))["rows"][0]["verdict"] == "unparsed_gold"
    assert "Accuracy: -. 2 rows could not be graded" in words_of(report)


def words_of(report: GradeReport) -> str:
    console = Console(width=300, file=io.StringIO())
    console.print(grade_table(report))
    return " ".join(console.file.getvalue().split())  # type: ignore[attr-defined]


@pytest.mark.parametrize("workers", [None, 3])
def test_free_cores_grade_unless_workers_are_counted(card: str, monkeypatch: pytest.MonkeyPatch, workers: int | None) -> None:
    seen: list[int] = []

    def spied(*arguments: Any) -> Any:
        seen.append(arguments[1])
        return make_grader(*arguments)

    monkeypatch.setattr("hyperscale.commands.grade.make_grader", spied)
    monkeypatch.setattr("hyperscale.commands.grade.free_cores", lambda generating: 7 - generating)
    grade(card, ROWS[:1], workers=workers)
    grade(card, ROWS[:1])
    assert seen == [workers or 7, 7]


@pytest.mark.parametrize("name", ["made.jsonl", "made.jsonl.gz"])
def test_reads_plain_and_gzipped_lines(tmp_path: Path, card: str, name: str) -> None:
    report = grade(card, jsonl(tmp_path / name, ROWS))
    assert [row.grade.verdict.value for row in report.rows] == VERDICTS


def test_golds_come_from_the_problems_where_rows_have_none(tmp_path: Path, card: str) -> None:
    problems = write_rows(tmp_path / "test.jsonl")
    rows = [{"problem_id": "b2", "text": r"\boxed{14}"}, {"problem_id": "b2", "gold": "15", "text": r"\boxed{14}"}]
    report = grade(card, rows, data=problems)
    assert [row.grade.correct for row in report.rows] == [True, False]
    assert [row.problem_id for row in report.rows] == ["b2", "b2"]


def test_problems_are_not_looked_for_when_every_row_has_gold(tmp_path: Path, card: str) -> None:
    assert grade(card, [{"gold": "1", "text": r"\boxed{1}"}], data=tmp_path / "absent.jsonl").accuracy == 1.0


def test_cards_may_allow_the_last_number(tmp_path: Path) -> None:
    card = write_card(tmp_path, tail='fallback = "last_number"')
    rows = [{"gold": "18", "text": "so 18"}, {"gold": "18", "text": "so 18", "finish_reason": "reads"}]
    report = grade(str(card), rows)
    assert [row.grade.correct for row in report.rows] == [True, False]
    assert [row.grade.by_fallback for row in report.rows] == [True, False]


def test_progress_counts_up_to_all_rows(card: str) -> None:
    seen: list[tuple[int, int]] = []
    grade(card, ROWS, progress=lambda done, rows: seen.append((done, rows)))
    assert seen == [(done, 6) for done in range(1, 7)]


GOOD = {"gold": "1", "text": r"\boxed{1}"}


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ('{"gold": "1", "text": ', "bad JSON"),
        ("[1]", "JSON object"),
        ({"gold": "1"}, "no text"),
        ({"gold": "1", "text": None}, "no text"),
        ({"text": "x"}, "neither gold nor problem_id"),
        ({"gold": ["1"], "text": "x"}, "gold holds a list"),
        ({"gold": True, "text": "x"}, "gold holds a bool"),
        ({"gold": "1", "text": "x", "finish_reason": "eos"}, "stop, length, reads, error"),
        ({"problem_id": "zz", "text": "x"}, "no problem 'zz'"),
    ],
)
def test_a_bad_row_is_refused_by_file_and_line(tmp_path: Path, card: str, row: Any, message: str) -> None:
    made = jsonl(tmp_path / "made.jsonl", [GOOD, row, GOOD])
    with pytest.raises(Refusal, match=message) as refusal:
        grade(card, made, data=write_rows(tmp_path / "test.jsonl"))
    assert "made.jsonl, line 2" in str(refusal.value)


def test_a_bad_row_of_an_iterable_is_refused_by_number(card: str) -> None:
    with pytest.raises(Refusal, match=r"completions, row 2: .*neither gold nor problem_id"):
        grade(card, [GOOD, {"text": "x"}])


@pytest.mark.parametrize("name", ["absent.jsonl", "folder.jsonl", "empty.jsonl", "torn.jsonl.gz"])
def test_a_bad_file_is_refused(tmp_path: Path, card: str, name: str) -> None:
    (tmp_path / "folder.jsonl").mkdir()
    (tmp_path / "empty.jsonl").write_text("\n")
    (tmp_path / "torn.jsonl.gz").write_bytes(gzip.compress(b'{"gold": "1"}')[:-9])
    with pytest.raises(Refusal, match=name):
        grade(card, tmp_path / name)


def test_nothing_to_grade_is_refused(card: str) -> None:
    with pytest.raises(Refusal, match="no completions"):
        grade(card, [])


def test_an_unknown_task_is_found_before_any_file_is_touched(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="math500"):
        grade("mth500", tmp_path / "absent.jsonl")


def test_every_gold_of_a_real_benchmark_equals_itself() -> None:
    golds = [row["answer"] for row in shared_rows("math500", "test.jsonl")]
    report = grade("math500", [{"gold": gold, "text": rf"so it is $\boxed{{{gold}}}$."} for gold in golds])
    assert report.accuracy == 1.0


@pytest.mark.slow
def test_every_gold_of_a_real_benchmark_can_be_read_by_algebra() -> None:
    golds = [row["answer"] for row in shared_rows("math500", "test.jsonl")]
    report = grade("math500", [{"gold": gold, "text": r"\boxed{123456789 \sqrt{7}}"} for gold in golds])
    assert set(report.counts) == {Verdict.DIFFERENT}
