"""What an execution may use, and how it ended."""

import json
import math
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

MIB = 1 << 20
LEAST_MEMORY = 64 * MIB  # an interpreter with a few modules


class Ending(StrEnum):
    """How an execution ended."""

    FINISHED = "finished"
    CHECK_FAILED = "check_failed"  # trusted asserts ran, and one of them did not hold
    RUNTIME_ERROR = "runtime_error"
    TIME_LIMIT = "time_limit"
    MEMORY_LIMIT = "memory_limit"
    OUTPUT_LIMIT = "output_limit"
    SANDBOX_ERROR = "sandbox_error"  # the sandbox's or the test's own fault: says nothing about the program


class Isolation(StrEnum):
    """How programs are kept apart from the machine."""

    STRICT = "strict"
    NONE = "none"  # resource limits only: a program can do whatever its user can


@dataclass(frozen=True, slots=True)
class Limits:
    """What one process may use.

    Parameters
    ----------
    cpu_seconds
        CPU time over all threads: the judge's clock, so that a busy machine changes no verdict.
    memory
        Bytes of address space. Reserved memory counts, touched or not; stacks of threads do too.
    output
        Bytes of standard output, of standard error and of a result, each.
    scratch
        Bytes of files in the private working directory. A single file may have `output` bytes. Where the directory cannot be
        put into memory, programs write no files at all.
    threads
        How many may run at once. Where the kernel does not count them, they are counted ten times a second.
    wall
        Seconds until the process is killed however little it computed; by default `3 * cpu_seconds + 2`.
    """

    cpu_seconds: float = 6.0
    memory: int = 2048 * MIB
    output: int = 16 * MIB
    scratch: int = 64 * MIB
    threads: int = 512
    descriptors: int = 64
    wall: float | None = None

    def __post_init__(self) -> None:
        if not (self.cpu_seconds > 0 and math.isfinite(self.cpu_seconds)):
            raise ValueError(f"cpu_seconds must be positive, got {self.cpu_seconds}")
        if self.memory < LEAST_MEMORY:
            raise ValueError(f"memory must be at least {LEAST_MEMORY} bytes, got {self.memory}")
        if min(self.output, self.scratch, self.threads) < 1 or self.descriptors < 16:
            raise ValueError("output, scratch and threads must be positive, descriptors at least 16")

    @property
    def wall_seconds(self) -> float:
        return 3 * self.cpu_seconds + 2 if self.wall is None else self.wall


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one execution.

    Attributes
    ----------
    detail
        A short reason when the ending is not FINISHED: the last line of standard error, the signal, the limit.
    text
        What a called function returned, as JSON: valid, but its integers may have any number of digits.
    disturbed
        Whether a process was ended by a signal that may have come from outside, such as from the kernel when memory ran out
        that others use: worth another attempt, alone. Never of an execution that FINISHED, or that a limit ended.
    """

    ending: Ending
    stdout: bytes = b""
    detail: str = ""
    cpu_s: float = 0.0
    wall_s: float = 0.0
    text: str = ""
    disturbed: bool = False

    @property
    def value(self) -> Any:
        """`text` as data; None where there is none.

        Raises
        ------
        ValueError
            An integer has more digits than int() converts: see `sys.set_int_max_str_digits`.
        """
        return json.loads(self.text) if self.text else None

    @property
    def finished(self) -> bool:
        return self.ending is Ending.FINISHED
