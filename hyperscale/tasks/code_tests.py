"""What a program is tested with."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol


class CodeStyle(StrEnum):
    """How a program is tested."""

    STDIN = "stdin"  # a whole program: the input on its standard input, the output compared
    CALL = "call"  # a method of a class Solution (or a function): arguments in JSON, the result compared
    CHECK = "check"  # code of the benchmark calls the function and raises where it is wrong


@dataclass(frozen=True, slots=True)
class CodeTest:
    """One input and the output that is expected; of a call, JSON: one argument a line, and the result."""

    input: str
    output: str


@dataclass(frozen=True, slots=True)
class CodeTests:
    """All tests of one problem, of which there is always at least one.

    Attributes
    ----------
    cases : tuple of CodeTest
        Public ones first, as often as they are listed. Empty for `CHECK`, whose only test is `check`.
    function : str or None
        What is called: the method for `CALL`, the entry point for `CHECK`.
    setup : str
        Code that stands before the program of a `CHECK`: imports, helper functions and the head that it may continue.
    check : str
        Code defining ``check(candidate)``.
    partial : bool
        These are known not to be all tests: a program that passes may still be wrong.
    """

    style: CodeStyle
    cases: tuple[CodeTest, ...] = ()
    function: str | None = None
    setup: str = ""
    check: str = ""
    partial: bool = False

    def __post_init__(self) -> None:
        if not (self.check.strip() if self.style is CodeStyle.CHECK else self.cases):
            raise ValueError("a program without tests would pass them all")
        if (self.function is None) != (self.style is CodeStyle.STDIN):
            wanted = "no function" if self.style is CodeStyle.STDIN else "a function to call"
            raise ValueError(f"tests of the style {self.style} take {wanted}")

    def __len__(self) -> int:
        """How many tests there are."""
        return len(self.cases) or 1


class TestSource(Protocol):
    """Where the tests of a problem lie; they are read when they are needed, and the source keeps none of them."""

    def load(self) -> CodeTests:
        """Read and decode the tests; raises Refusal, naming the row, if they cannot be had any more."""

    def discard(self) -> None:
        """Give up what was kept on disk for them."""
