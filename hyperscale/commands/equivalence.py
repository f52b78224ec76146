"""Whether two answers say the same, for votes outside a grading."""

import operator
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from hyperscale.scoring.grader_pool import GraderPool
from hyperscale.scoring.vote import Equivalent
from hyperscale.tasks.task_card import Kind

EquivalenceOf = Callable[[str], Equivalent]
"""The equivalence that answers of a kind of task have."""


@contextmanager
def equivalences() -> Iterator[EquivalenceOf]:
    """Nothing is started unless a vote has to compare formulas that differ as text."""
    with GraderPool[Any]() as pool:
        yield lambda kind: operator.eq if kind == Kind.CHOICE else pool.equivalent  # letters are no formulas
