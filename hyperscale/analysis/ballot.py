"""Ballot: what the chains of one problem would score together, whatever the kind of task."""

from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from hyperscale.analysis.estimate import pass_at
from hyperscale.scoring.vote import majority_at
from hyperscale.tasks.task_card import Kind


class Mark(NamedTuple):
    """One chain's part in a vote: the class of its answer (None abstains), and whether it is right."""

    label: int | None
    correct: bool


CUT_OFF = Mark(None, False)  # an answer that is cut off is none


def expected_vote(kind: str, marks: Sequence[Mark], width: int) -> float:
    """The expected score of `width` of these chains, drawn without replacement; exact.

    Parameters
    ----------
    kind : str
        Of the task: any passing chain is enough for code, the majority decides elsewhere.
    marks : sequence of Mark
        Of all the problem's chains, with labels as from `hyperscale.scoring.vote.classes_of`.

    Raises
    ------
    ValueError
        There are fewer chains than `width`.
    """
    if kind == Kind.CODE:
        return pass_at(len(marks), sum(mark.correct for mark in marks), width)
    sizes: Counter[int] = Counter(mark.label for mark in marks if mark.label is not None)
    right: Counter[int] = Counter(mark.label for mark in marks if mark.label is not None and mark.correct)
    classes = sorted((size, right[label]) for label, size in sizes.items())
    return _majority(tuple(classes), len(marks) - sum(sizes.values()), width)


@lru_cache(1 << 16)  # thousands of problems have few different outcomes
def _majority(classes: tuple[tuple[int, int], ...], abstaining: int, width: int) -> float:
    """`majority_at` of classes given as (chains, right chains)."""
    labels: list[int | None] = [label for label, (size, _) in enumerate(classes) for _ in range(size)]
    correct = [number < right for size, right in classes for number in range(size)]
    return majority_at([*labels, *[None] * abstaining], [*correct, *[False] * abstaining], width)
