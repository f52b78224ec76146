"""What a grader says about one answer."""

from dataclasses import dataclass
from enum import StrEnum

GRADER_VERSION = "math-1"  # raised whenever a rule below could change a verdict


def walls_of(version: str) -> str:
    """What kept programs in while they were graded, which their grader's version names behind a plus; empty for other kinds."""
    return version.partition("+")[2]


class Verdict(StrEnum):
    """The outcome of grading one answer. Only `equal` (a stated answer) and `pass` (a program) count as correct."""

    EQUAL = "equal"
    DIFFERENT = "different"
    UNPARSED_GOLD = "unparsed_gold"
    UNPARSED_ANSWER = "unparsed_answer"
    NO_ANSWER = "no_answer"  # no box, or the chain was cut off
    LIMIT = "limit"  # too large to look at, or out of memory while looking
    TIMEOUT = "timeout"
    CRASHED = "crashed"
    # programs: the outcome of the first test that did not pass
    PASS = "pass"
    WRONG_ANSWER = "wrong_answer"
    RUNTIME_ERROR = "runtime_error"
    TIME_LIMIT = "time_limit"
    MEMORY_LIMIT = "memory_limit"
    OUTPUT_LIMIT = "output_limit"
    NO_CODE = "no_code"
    SANDBOX_ERROR = "sandbox_error"  # says something about the sandbox, not about the program


@dataclass(frozen=True, slots=True)
class Grade:
    """The grade of one completion.

    `by_fallback` flags an answer that was not boxed but guessed from the text; `detail` says more for people, such as which
    test failed.
    """

    extracted: str | None
    verdict: Verdict
    by_fallback: bool = False
    detail: str = ""

    @property
    def correct(self) -> bool:
        return self.verdict in (Verdict.EQUAL, Verdict.PASS)
