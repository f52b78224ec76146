"""Grading programs: a program is right if it passes every test in the sandbox."""

import hashlib
import queue
import threading
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Generic

from hyperscale.errors import Refusal
from hyperscale.sandbox import Limits, Sandbox
from hyperscale.scoring.grader import K
from hyperscale.scoring.judge import Judge, Judged
from hyperscale.scoring.memory import free_memory
from hyperscale.scoring.program import extract_program
from hyperscale.scoring.verdict import Grade, Verdict
from hyperscale.store.records import FinishReason
from hyperscale.tasks.code_tests import TestSource

GRADER_VERSION = "code-2"  # raised whenever a rule could change a verdict
TEST_SECONDS = 6.0  # for one test, LiveCodeBench's limit
ALLOWANCE = 3  # machines differ, and one program was seen to need 1.7 times the CPU time where others shared the caches
START_SECONDS = 0.25  # for the interpreter and the imports before the program, which LiveCodeBench's clock does not see
LIMITS = Limits(cpu_seconds=ALLOWANCE * TEST_SECONDS + START_SECONDS, wall=40.0)

Question = tuple[int, bytes]


@dataclass(frozen=True, slots=True)
class _Case(Generic[K]):
    """One completion's program, and where its tests are."""

    key: K
    code: str
    tests: TestSource

    @property
    def question(self) -> Question:
        """What its verdict depends on: chains of one problem often write the same program."""
        return id(self.tests), hashlib.sha256(self.code.encode()).digest()


class CodeGrader(Generic[K]):
    """Runs programs in `workers` sandboxes at a time, on threads that wait for them and compare; fulfils `Grader`.

    Tests of a program run in their order, each in a fresh process, until one does not pass. CPU time is limited. Where a
    program was killed before it had used it up, and after a fault of the sandbox, a second attempt from that test on, with no
    other program beside it, decides; `drain` makes it.

    Parameters
    ----------
    workers : int
        Programs at a time; fewer where memory would not hold them all at their limit.

    Raises
    ------
    Refusal
        No thread can be started.
    """

    def __init__(self, sandbox: Sandbox, workers: int = 1, limits: Limits | None = None) -> None:
        if workers < 1:
            raise ValueError("a code grader needs at least one worker")
        limits = limits or LIMITS
        workers = min(workers, max(1, free_memory() // limits.memory))
        self._judge = Judge(sandbox.apart(), limits, keep=workers + 1)
        self._threads = _started(workers)
        self._done: queue.SimpleQueue[tuple[_Case[K], Future[Judged]]] = queue.SimpleQueue()
        self._finished: deque[tuple[K, Grade]] = deque()
        self._running = 0
        self._again: deque[tuple[_Case[K], int]] = deque()
        self._waiting: dict[Question, list[_Case[K]]] = {}
        self._grades: dict[Question, Grade] = {}
        self._sources: dict[int, TestSource] = {}  # kept, so that no other takes over an id
        self.version = f"{GRADER_VERSION}+{sandbox.level}"

    def submit(self, key: K, tests: TestSource, text: str, finish_reason: FinishReason = FinishReason.STOP) -> None:
        """Ask for the grade of a completion. Never waits."""
        program = extract_program(text, finish_reason)
        if program.code is None:
            self._finished.append((key, Grade(None, program.verdict or Verdict.NO_CODE, detail=program.detail)))
            return
        case = _Case(key, program.code, tests)
        self._sources[id(tests)] = tests
        if case.question in self._grades:
            self._finished.append((key, self._grades[case.question]))
        elif case.question in self._waiting:
            self._waiting[case.question].append(case)
        else:
            self._waiting[case.question] = [case]
            self._start(case)

    def results(self) -> Iterator[tuple[K, Grade]]:
        """Hand out the grades that are ready, without waiting; raises Refusal if tests cannot be read any more."""
        while self._running:
            try:
                case, future = self._done.get_nowait()
            except queue.Empty:
                break
            self._take(case, future.result())
        while self._finished:
            yield self._finished.popleft()

    def drain(self) -> Iterator[tuple[K, Grade]]:
        """Hand out every grade that is still owed."""
        while True:
            yield from self.results()
            if self._running:
                self._take_next()
            elif self._again:
                case, first = self._again.popleft()
                self._settle(case, self._judge.judge(case.code, case.tests, first).grade)
            else:
                return

    def equivalent(self, a: str, b: str) -> bool:
        """Programs are not voted on; equal ones are the same text."""
        return a == b

    def close(self) -> None:
        """Drop what is waiting, and end what is running."""
        self._judge.stop.set()
        self._judge.sandbox.abandon()
        self._threads.shutdown(cancel_futures=True)

    def _start(self, case: _Case[K]) -> None:
        self._running += 1
        future = self._threads.submit(self._judge.judge, case.code, case.tests)
        future.add_done_callback(lambda done: self._done.put((case, done)))

    def _take_next(self) -> None:
        case, future = self._done.get()
        self._take(case, future.result())

    def _take(self, case: _Case[K], judged: Judged) -> None:
        self._running -= 1
        if judged.doubtful:
            self._again.append((case, judged.test))
        else:
            self._settle(case, judged.grade)

    def _settle(self, case: _Case[K], grade: Grade) -> None:
        self._grades[case.question] = grade
        self._finished.extend((waiting.key, grade) for waiting in self._waiting.pop(case.question))


def _started(workers: int) -> ThreadPoolExecutor:
    """A pool whose threads are all there: a program may use up what the system has for threads of this user."""
    threads = ThreadPoolExecutor(workers, thread_name_prefix="grader")
    barrier = threading.Barrier(workers + 1)
    try:
        for _ in range(workers):
            threads.submit(barrier.wait)
    except RuntimeError as error:
        barrier.abort()
        raise Refusal(
            f"No thread can be started to grade programs ({error}). Raise the limit on processes (ulimit -u)."
        ) from error
    barrier.wait()
    return threads
