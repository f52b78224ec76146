"""Grading of choices: the letter a completion states against the letter of the right option."""

import re
from collections import deque
from collections.abc import Iterator
from typing import Generic

from hyperscale.scoring.grader import K
from hyperscale.scoring.letter import choose
from hyperscale.scoring.verdict import Grade, Verdict
from hyperscale.store.records import FinishReason
from hyperscale.tasks.choices import LETTERS

_GOLD = re.compile(r"\s*\(?([A-Za-z])\)?\s*")


class ChoiceGrader(Generic[K]):
    """Grades completions against letters, at once and without processes.

    Parameters
    ----------
    options : int
        How many options a question has: they stand under A, B, ...
    """

    version = "choice-1"  # raised whenever a rule could change a verdict

    def __init__(self, options: int) -> None:
        self.letters = LETTERS[:options]
        self._finished: deque[tuple[K, Grade]] = deque()

    def submit(self, key: K, reference: str, text: str, finish_reason: FinishReason = FinishReason.STOP) -> None:
        """Grade a completion; `results` or `drain` hand the grade out under `key`."""
        self._finished.append((key, self.grade(reference, text, finish_reason)))

    def grade(self, reference: str, text: str, finish_reason: FinishReason = FinishReason.STOP) -> Grade:
        """Grade one completion; a chain that did not stop by itself has no answer."""
        chosen = choose(text, self.letters) if finish_reason is FinishReason.STOP else None
        gold = _GOLD.fullmatch(reference)
        if gold is None or gold[1].upper() not in self.letters:
            return Grade(chosen, Verdict.UNPARSED_GOLD)
        if chosen is None:
            return Grade(None, Verdict.NO_ANSWER)
        return Grade(chosen, Verdict.EQUAL if chosen == gold[1].upper() else Verdict.DIFFERENT)

    def results(self) -> Iterator[tuple[K, Grade]]:
        """Hand out the grades that are ready, in the order they became so."""
        while self._finished:
            yield self._finished.popleft()

    def drain(self) -> Iterator[tuple[K, Grade]]:
        """Hand out every grade that is still owed."""
        return self.results()

    def equivalent(self, a: str, b: str) -> bool:
        """Whether two letters are the same; the chains of a question share the order of its options."""
        return a == b

    def close(self) -> None:
        """Drop what was not handed out."""
        self._finished.clear()
