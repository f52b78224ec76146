"""What grades completions, whatever kind of answer they hold."""

from collections.abc import Hashable, Iterator
from typing import Any, Protocol, TypeVar

from hyperscale.scoring.verdict import Grade
from hyperscale.store.records import FinishReason

K = TypeVar("K", bound=Hashable)


class Grader(Protocol[K]):
    """Takes completions and hands out their grades beside whatever else the caller does, from one thread.

    Attributes
    ----------
    version : str
        Names the rules (and, for programs, the isolation) that a grade was made with; stored in every grade.
    """

    @property
    def version(self) -> str: ...

    def submit(self, key: K, reference: Any, text: str, finish_reason: FinishReason = FinishReason.STOP) -> None:
        """Ask for the grade of a completion; `results` or `drain` hand it out under `key`. Never waits.

        `reference` is what the answer is held against: the gold answer, the letter of the right choice, or the tests.
        """

    def results(self) -> Iterator[tuple[K, Grade]]:
        """Hand out the grades that are ready, in the order they became so, without waiting."""

    def drain(self) -> Iterator[tuple[K, Grade]]:
        """Hand out every grade that is still owed, waiting for it."""

    def equivalent(self, a: str, b: str) -> bool:
        """Whether two extracted answers say the same: what a vote pools by."""

    def close(self) -> None:
        """End whatever was started; what is still waiting is dropped."""
