"""Problems: what a benchmark asks."""

from collections.abc import Mapping
from dataclasses import dataclass

from hyperscale.tasks.code_tests import TestSource


@dataclass(frozen=True, slots=True)
class Problem:
    """One question and its reference answer.

    Attributes
    ----------
    gold : str
        The reference answer; of a choice, the text of the right option; of a program, the sha256 of its tests.
    options : tuple of str
        Of a choice: all options, the right one first. In which order a chain sees them is drawn for each run.
    starter : str
        Of a program: the code it has to start from, empty where there is none.
    tests : TestSource or None
        Of a program: where its tests lie.
    """

    id: str
    question: str
    gold: str
    metadata: Mapping[str, object]
    options: tuple[str, ...] = ()
    starter: str = ""
    tests: TestSource | None = None


@dataclass(frozen=True, slots=True)
class ProblemSet:
    """The problems of a run, ordered by sha256 of their id.

    Attributes
    ----------
    problems : tuple of Problem
        What `limit` left.
    data_hash : str
        sha256 over ids, questions, golds and wrong options of everything inside the date window, whatever `limit` and the row
        order.
    revision : str or None
        The card's pinned revision, or the commit its branch was at, where the rows are known to be those; else None.
    origin : str
        Where the rows came from, to be read by people.
    partial_tests : bool
        Some rows inside the date window are known to hold only part of their tests.
    """

    problems: tuple[Problem, ...]
    data_hash: str
    revision: str | None
    origin: str
    partial_tests: bool = False
