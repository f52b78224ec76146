"""`hyperscale grade`: completions that were made elsewhere, graded as `run` grades its own."""

from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from hyperscale.cards import load_card, load_problems
from hyperscale.errors import Refusal, UsageError
from hyperscale.rows import Row, read_file
from hyperscale.scoring.graders import make_grader
from hyperscale.scoring.verdict import Grade, Verdict
from hyperscale.store.records import FinishReason
from hyperscale.task_card import Kind, TaskCard

_COLUMNS = "A row is {problem_id or gold, text} and, if known, finish_reason"


@dataclass(frozen=True, slots=True)
class GradedRow:
    """The grade of one completion; `index` counts the input rows from 0."""

    index: int
    problem_id: str | None
    grade: Grade

    def to_dict(self) -> dict[str, Any]:
        return {
            "index": self.index,
            "problem_id": self.problem_id,
            "extracted": self.grade.extracted,
            "verdict": self.grade.verdict.value,
            "correct": self.grade.correct,
        }


@dataclass(frozen=True, slots=True)
class GradeReport:
    """The grades of all rows, in input order."""

    task: str
    rows: tuple[GradedRow, ...]

    @property
    def accuracy(self) -> float:
        """The share of all rows graded correct, in 0..1; see `counts` for why the others were not."""
        return sum(row.grade.correct for row in self.rows) / len(self.rows)

    @property
    def counts(self) -> dict[Verdict, int]:
        """How many rows got each verdict that occurs."""
        verdicts = [row.grade.verdict for row in self.rows]
        return {verdict: verdicts.count(verdict) for verdict in Verdict if verdict in verdicts}

    def to_dict(self) -> dict[str, Any]:
        """The report as one JSON object, as `--json` prints it."""
        return {"task": self.task, "accuracy": self.accuracy, "rows": [row.to_dict() for row in self.rows]}


@dataclass(frozen=True, slots=True)
class _Completion:
    """A checked input row and where it stands."""

    where: str
    problem_id: str | None
    gold: str | None
    text: str
    finish_reason: FinishReason


def grade(
    task: str,
    completions: Path | Iterable[Mapping[str, Any]],
    data: Path | None = None,
    *,
    workers: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> GradeReport:
    """Grade completions made elsewhere.

    Parameters
    ----------
    task : str
        A task's name or the path of its card; it says how answers are found and, for rows without gold, what they should be.
    completions : Path or iterable of mappings
        Rows `{"problem_id" or "gold", "text"}`, where gold wins; an optional "finish_reason" other than "stop" means no answer.
    data : Path, optional
        The task's problems, as for `run`. Looked at only if some row has no gold.
    progress : callable, optional
        Called with (rows graded, rows) after each.

    Raises
    ------
    UsageError
        If there is no such task, or its answers are not mathematics.
    Refusal
        If a file cannot be read or a row cannot be understood; names the file and line.
    """
    card = load_card(task)
    if card.kind is not Kind.MATH:
        raise UsageError(f"Only completions of math tasks can be graded; {card.name} is a {card.kind} task.")
    rows = _with_gold(_completions(completions), card, data)
    graded: dict[int, Grade] = {}
    with closing(make_grader(card, workers)) as grader:
        for index, row in enumerate(rows):
            grader.submit(index, row.gold or "", row.text, row.finish_reason)
        for index, result in grader.drain():
            graded[index] = result
            if progress is not None:
                progress(len(graded), len(rows))
    return GradeReport(card.name, tuple(GradedRow(i, row.problem_id, graded[i]) for i, row in enumerate(rows)))


def _completions(source: Path | Iterable[Mapping[str, Any]]) -> list[_Completion]:
    if isinstance(source, str | Path):
        rows = [_completion(row, f"{source}, {where}") for where, row in read_file(Path(source)).rows]
    else:
        rows = [_completion(row, f"completions, row {number}") for number, row in enumerate(source, 1)]
    if not rows:
        raise Refusal("There are no completions to grade. Give at least one row.")
    return rows


def _completion(row: Row, where: str) -> _Completion:
    text = row.get("text")
    if not isinstance(text, str):
        raise Refusal(f"{where}: the row has no text to grade. {_COLUMNS}.")
    gold, problem_id = _scalar(row, "gold", where), _scalar(row, "problem_id", where)
    if gold is None and problem_id is None:
        raise Refusal(f"{where}: the row has neither gold nor problem_id. {_COLUMNS}.")
    return _Completion(where, problem_id, gold, text, _finish_reason(row, where))


def _finish_reason(row: Row, where: str) -> FinishReason:
    reason = row.get("finish_reason")
    if reason is None:
        return FinishReason.STOP
    try:
        return FinishReason(str(reason))
    except ValueError:
        known = ", ".join(FinishReason)
        raise Refusal(f"{where}: finish_reason is {reason!r}. Write one of {known}, or leave it out.") from None


def _scalar(row: Row, column: str, where: str) -> str | None:
    value = row.get(column)
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Refusal(f"{where}: {column} holds a {type(value).__name__}, not a text or number.")
    return str(value)


def _with_gold(rows: list[_Completion], card: TaskCard, data: Path | None) -> list[_Completion]:
    """Look up the gold answers that rows leave out."""
    if all(row.gold is not None for row in rows):
        return rows
    loaded = load_problems(card, data)
    golds = {problem.id: problem.gold for problem in loaded.problems}
    return [row if row.gold is not None else _filled(row, golds, f"{card.name} ({loaded.origin})") for row in rows]


def _filled(row: _Completion, golds: Mapping[str, str], task: str) -> _Completion:
    gold = golds.get(row.problem_id or "")
    if gold is None:
        remedy = "Correct the problem_id, or give the gold answer"
        raise Refusal(f"{row.where}: {task} has no problem {row.problem_id!r}. {remedy}.")
    return replace(row, gold=gold)
