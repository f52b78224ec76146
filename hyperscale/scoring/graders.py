"""The grader of each kind of task."""

from typing import Any

from hyperscale.scoring.grader import Grader
from hyperscale.scoring.grader_pool import GraderPool
from hyperscale.task_card import TaskCard


def make_grader(card: TaskCard, workers: int = 1) -> Grader[Any]:
    """A grader for the completions of a task, with so many worker processes at most; close it when done."""
    return GraderPool(workers, fallback=card.scorer.fallback)
