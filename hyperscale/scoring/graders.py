"""The grader of each kind of task."""

from typing import Any

from hyperscale.sandbox import Isolation, Sandbox
from hyperscale.scoring.choice import ChoiceGrader
from hyperscale.scoring.code import CodeGrader
from hyperscale.scoring.grader import Grader
from hyperscale.scoring.grader_pool import GraderPool
from hyperscale.tasks.task_card import Kind, TaskCard

MOST_FOR_FORMULAS = 8  # each holds a computer-algebra system, and few formulas take it longer than a moment


def make_grader(card: TaskCard, workers: int = 1, isolation: Isolation = Isolation.STRICT) -> Grader[Any]:
    """A grader for the completions of a task, with so many worker processes at most; close it when done.

    Raises
    ------
    Refusal
        The task's answers are programs, and this machine cannot keep them in.
    """
    if card.kind is Kind.CHOICE:
        return ChoiceGrader(1 + len(card.columns.distractors))
    if card.kind is Kind.CODE:
        return CodeGrader(Sandbox.open(isolation), workers)
    return GraderPool(min(workers, MOST_FOR_FORMULAS), fallback=card.scorer.fallback)
