"""`hyperscale grade`: completions that were made elsewhere, graded as `run` grades its own."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from hyperscale.analysis.summary import FAULTS
from hyperscale.commands.completions import Completion, read_completions
from hyperscale.commands.grading import free_cores, isolation_of
from hyperscale.commands.references import REFERENCES
from hyperscale.scoring.grader import Grader
from hyperscale.scoring.graders import make_grader
from hyperscale.scoring.verdict import Grade, Verdict, walls_of
from hyperscale.tasks.cards import load_card, load_problems
from hyperscale.tasks.code_loading import StoredTests


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
    """The grades of all rows, in input order; `partial_tests`: programs were tested with only part of their tests."""

    task: str
    rows: tuple[GradedRow, ...]
    grader: str  # the rules, and for programs the walls around them
    partial_tests: bool = False

    @property
    def correct(self) -> int:
        """How many rows were graded correct; see `counts` for why the others were not."""
        return sum(row.grade.correct for row in self.rows)

    @property
    def errors(self) -> int:
        """How many rows could not be graded: their verdict says nothing about the answer."""
        return sum(row.grade.verdict in FAULTS for row in self.rows)

    @property
    def accuracy(self) -> float | None:
        """The share of correct rows among those that could be graded, in 0..1; None if none could."""
        graded = len(self.rows) - self.errors
        return self.correct / graded if graded else None

    @property
    def counts(self) -> dict[Verdict, int]:
        """How many rows got each verdict that occurs."""
        verdicts = [row.grade.verdict for row in self.rows]
        return {verdict: verdicts.count(verdict) for verdict in Verdict if verdict in verdicts}

    def to_dict(self) -> dict[str, Any]:
        """The report as one JSON object, as `--json` prints it."""
        rows = [row.to_dict() for row in self.rows]
        walls = {"sandbox": level} if (level := walls_of(self.grader)) else {}
        errors = {"errors": self.errors} if self.errors else {}
        partial = {"partial_tests": True} if self.partial_tests else {}
        return {"task": self.task, "accuracy": self.accuracy, "rows": rows, **errors, **walls, **partial}


def grade(
    task: str,
    completions: Path | Iterable[Mapping[str, Any]],
    data: Path | None = None,
    *,
    since: str | None = None,
    until: str | None = None,
    allow_partial_tests: bool = False,
    unsafe_no_sandbox: bool = False,
    workers: int | None = None,
    progress: Callable[[int, int], None] | None = None,
    note: Callable[[str], None] = lambda text: None,
) -> GradeReport:
    """Grade completions made elsewhere.

    Parameters
    ----------
    task : str
        A task's name or the path of its card; it says how answers are found and, for rows without gold, what they should be.
    completions : Path or iterable of mappings
        Rows `{"problem_id" or "gold", "text"}`, where gold wins; of a choice `{"gold" or "permutation", "text"}`, where gold is
        a letter and permutation says which option stood under which letter, 0 being the right one; of a program
        `{"problem_id", "text"}`. An optional "finish_reason" other than "stop" means no answer.
    data : Path, optional
        The task's problems, as for `run`. Looked at only if some row of a math task has no gold.
    since, until, allow_partial_tests
        Which of the task's problems are taken, as for `run`.
    unsafe_no_sandbox
        Run programs without any isolation where none can be had.
    workers : int, optional
        How many grade at a time; without it, one for each core.
    progress : callable, optional
        Called with (rows graded, rows) after each.
    note : callable
        Told, in one line each, what a user should know before anything is graded.

    Raises
    ------
    UsageError
        If there is no such task.
    Refusal
        If a file cannot be read or a row cannot be understood; names the file and line.
    """
    card = load_card(task)
    kind = REFERENCES[card.kind]
    isolation = isolation_of(note, unsafe_no_sandbox=unsafe_no_sandbox)
    load = partial(load_problems, card, data, since=since, until=until, allow_partial_tests=allow_partial_tests, note=note)
    rows = read_completions(completions, kind.columns)
    references = kind.of(rows, card, load)
    with closing(make_grader(card, free_cores(0) if workers is None else workers, isolation)) as grader:
        graded = _graded(grader, rows, references, progress)
        version = grader.version
    partial_tests = any(isinstance(reference, StoredTests) and reference.partial for reference in references)
    graded_rows = tuple(GradedRow(i, row.problem_id, graded[i]) for i, row in enumerate(rows))
    return GradeReport(card.name, graded_rows, version, partial_tests)


def _graded(
    grader: Grader[int], rows: Sequence[Completion], references: Sequence[Any], progress: Callable[[int, int], None] | None
) -> dict[int, Grade]:
    """The grade of each row, under its index."""
    graded: dict[int, Grade] = {}
    for index, (row, reference) in enumerate(zip(rows, references, strict=True)):
        grader.submit(index, reference, row.text, row.finish_reason)
    for index, result in grader.drain():
        graded[index] = result
        if progress is not None:
            progress(len(graded), len(rows))
    return graded
