"""What completions made elsewhere are held against, for each kind of task."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hyperscale.commands.completions import Completion
from hyperscale.errors import Refusal
from hyperscale.tasks.cards import Problem, ProblemSet, TaskCard
from hyperscale.tasks.choices import is_order, right_letter
from hyperscale.tasks.task_card import Kind

Load = Callable[[], ProblemSet]
"""Reads the task's problems; called only where some row does not carry what it is held against."""


@dataclass(frozen=True, slots=True)
class References:
    """How rows of one kind of task say, or leave to the task's problems, what is right.

    Attributes
    ----------
    columns : str
        What a row holds, for messages.
    of : callable
        One reference for each row, as the grader of this kind takes them; raises Refusal for a row without one.
    """

    columns: str
    of: Callable[[Sequence[Completion], TaskCard, Load], list[Any]]


def problem_of(row: Completion, problems: Mapping[str, Problem], task: str, remedy: str) -> Problem:
    """The problem that a row names; raises Refusal where there is none."""
    problem = problems.get(row.problem_id or "")
    if problem is None:
        raise Refusal(f"{row.where}: {task} has no problem {row.problem_id!r}. {remedy}.")
    return problem


def _golds(rows: Sequence[Completion], card: TaskCard, load: Load) -> list[str]:
    """Gold answers: the row's own, else its problem's."""
    golds = [row.scalar("gold") for row in rows]
    for row, gold in zip(rows, golds, strict=True):
        if gold is None and row.problem_id is None:
            raise Refusal(f"{row.where}: the row has neither gold nor problem_id. {_MATH_COLUMNS}.")
    loaded = load() if None in golds else None
    problems = {problem.id: problem for problem in loaded.problems} if loaded else {}
    task = f"{card.name} ({loaded.origin})" if loaded else card.name
    remedy = "Correct the problem_id, or give the gold answer"
    return [
        problem_of(row, problems, task, remedy).gold if gold is None else gold for row, gold in zip(rows, golds, strict=True)
    ]


def _letters(rows: Sequence[Completion], card: TaskCard, load: Load) -> list[str]:
    """Letters of the right options: the row's own, else where its permutation puts the first option. Needs no problems."""
    count = 1 + len(card.columns.distractors)
    return [gold if (gold := row.scalar("gold")) is not None else _letter(row, count) for row in rows]


def _letter(row: Completion, count: int) -> str:
    stated = row.row.get("permutation")
    if stated is None:
        raise Refusal(
            f"{row.where}: the row has neither gold nor permutation, without which nobody can say which letter is right. "
            f"{_CHOICE_COLUMNS}."
        )
    try:
        order = json.loads(stated) if isinstance(stated, str) else stated  # a .csv has only texts
    except (ValueError, RecursionError):
        order = None
    if not isinstance(order, Sequence) or not is_order(order, count):
        raise Refusal(
            f"{row.where}: permutation must be a list of the numbers 0 to {count - 1}, one for each letter: the option that "
            f"stood under it, where 0 is the right one."
        )
    return right_letter(order)


def _tests(rows: Sequence[Completion], card: TaskCard, load: Load) -> list[Any]:
    """Where the tests of the rows' problems lie."""
    for row in rows:
        if row.problem_id is None:
            raise Refusal(f"{row.where}: the row has no problem_id, without which nobody can say which tests it has to pass.")
    loaded = load()
    problems = {problem.id: problem for problem in loaded.problems}
    task = f"{card.name} ({loaded.origin})"
    return [problem_of(row, problems, task, _OTHER_PROBLEMS).tests for row in rows]


_OTHER_PROBLEMS = "Correct the problem_id, or take other problems with --data, --since and --until"
_MATH_COLUMNS = "A row is {problem_id or gold, text} and, if known, finish_reason"
_CHOICE_COLUMNS = "A row is {gold (a letter) or permutation, text} and, if known, problem_id and finish_reason"
_CODE_COLUMNS = "A row is {problem_id, text} and, if known, finish_reason"

REFERENCES: Mapping[Kind, References] = {
    Kind.MATH: References(_MATH_COLUMNS, _golds),
    Kind.CHOICE: References(_CHOICE_COLUMNS, _letters),
    Kind.CODE: References(_CODE_COLUMNS, _tests),
}
