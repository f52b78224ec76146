"""Grading programs: a program is right if it passes every test in the sandbox."""

import hashlib
import json
import queue
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Generic

from hyperscale.code_tests import CodeStyle, CodeTest, CodeTests, TestSource
from hyperscale.sandbox import Ending, Limits, Outcome, Sandbox
from hyperscale.scoring.grader import K
from hyperscale.scoring.prelude import PRELUDE
from hyperscale.scoring.program import extract_program, with_setup
from hyperscale.scoring.program_output import output_matches, result_matches
from hyperscale.scoring.verdict import Grade, Verdict
from hyperscale.store.records import FinishReason

GRADER_VERSION = "code-1"  # raised whenever a rule could change a verdict

VERDICTS = {
    Ending.CHECK_FAILED: Verdict.WRONG_ANSWER,
    Ending.RUNTIME_ERROR: Verdict.RUNTIME_ERROR,
    Ending.TIME_LIMIT: Verdict.TIME_LIMIT,
    Ending.MEMORY_LIMIT: Verdict.MEMORY_LIMIT,
    Ending.OUTPUT_LIMIT: Verdict.OUTPUT_LIMIT,
    Ending.SANDBOX_ERROR: Verdict.SANDBOX_ERROR,
}
# what a busy machine can bring about: decided again when nothing else of ours runs
_TRIED_AGAIN = (Verdict.TIME_LIMIT, Verdict.SANDBOX_ERROR)


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
    """Runs programs in `workers` sandboxes at a time, on threads that only wait for them; fulfils `Grader`.

    Tests of a program run in their order, each in a fresh process, until one does not pass. A time limit, and a fault of the
    sandbox, are final only after a second attempt with no other program beside it, which `drain` makes.
    """

    def __init__(self, sandbox: Sandbox, workers: int = 1, limits: Limits | None = None) -> None:
        if workers < 1:
            raise ValueError("a code grader needs at least one worker")
        self._judge = _Judge(sandbox, limits or Limits())
        self._threads = ThreadPoolExecutor(workers, thread_name_prefix="grader")
        self._done: queue.SimpleQueue[tuple[_Case[K], Future[Grade]]] = queue.SimpleQueue()
        self._finished: list[tuple[K, Grade]] = []
        self._running = 0
        self._again: list[_Case[K]] = []
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
            yield self._finished.pop(0)

    def drain(self) -> Iterator[tuple[K, Grade]]:
        """Hand out every grade that is still owed."""
        while True:
            yield from self.results()
            if self._running:
                self._take_next()
            elif self._again:
                case = self._again.pop(0)
                self._settle(case, self._judge.grade(case.code, case.tests))
            else:
                return

    def equivalent(self, a: str, b: str) -> bool:
        """Programs are not voted on; equal ones are the same text."""
        return a == b

    def close(self) -> None:
        """Drop what is waiting; a test that is running ends within its limits."""
        self._judge.stop.set()
        self._threads.shutdown(cancel_futures=True)

    def _start(self, case: _Case[K]) -> None:
        self._running += 1
        future = self._threads.submit(self._judge.grade, case.code, case.tests)
        future.add_done_callback(lambda done: self._done.put((case, done)))

    def _take_next(self) -> None:
        case, future = self._done.get()
        self._take(case, future.result())

    def _take(self, case: _Case[K], grade: Grade) -> None:
        self._running -= 1
        if grade.verdict in _TRIED_AGAIN:
            self._again.append(case)
        else:
            self._settle(case, grade)

    def _settle(self, case: _Case[K], grade: Grade) -> None:
        self._grades[case.question] = grade
        self._finished.extend((waiting.key, grade) for waiting in self._waiting.pop(case.question))


class _Judge:
    """Grades one program after the other; several threads may use it at once."""

    def __init__(self, sandbox: Sandbox, limits: Limits) -> None:
        self.sandbox, self.limits = sandbox, limits
        self.stop = threading.Event()

    def grade(self, code: str, source: TestSource) -> Grade:
        tests = source.load()
        if tests.style is CodeStyle.CHECK:
            outcome = self._check(code, tests)
            return Grade(code, VERDICTS.get(outcome.ending, Verdict.PASS), detail=outcome.detail)
        for number, test in enumerate(tests.cases, 1):
            if self.stop.is_set():
                break
            verdict, detail = self._try(code, tests, test)
            if verdict is not Verdict.PASS:
                return Grade(code, verdict, detail=f"test {number} of {len(tests)}" + (f": {detail}" if detail else ""))
        else:
            return Grade(code, Verdict.PASS, detail=f"{len(tests)} tests")
        return Grade(code, Verdict.SANDBOX_ERROR, detail="grading was stopped")

    def _check(self, code: str, tests: CodeTests) -> Outcome:
        function = str(tests.function)
        whole = with_setup(code, tests.setup, function)
        return self.sandbox.check_function(whole, function, tests.setup, tests.check, self.limits)

    def _try(self, code: str, tests: CodeTests, test: CodeTest) -> tuple[Verdict, str]:
        if tests.style is CodeStyle.STDIN:
            outcome = self.sandbox.run_program(code, test.input, self.limits, prelude=PRELUDE)
        else:
            try:
                arguments = [json.loads(line) for line in test.input.split("\n") if line.strip()]
            except ValueError as error:
                return Verdict.SANDBOX_ERROR, f"the test is broken: {error}"
            outcome = self.sandbox.call_function(code, str(tests.function), arguments, self.limits, prelude=PRELUDE)
        if not outcome.finished:
            return VERDICTS[outcome.ending], outcome.detail
        try:
            right = _right(outcome, tests.style, test.output)
        except ValueError as error:
            return Verdict.SANDBOX_ERROR, f"the test is broken: {error}"
        return (Verdict.PASS, "") if right else (Verdict.WRONG_ANSWER, "")


def _right(outcome: Outcome, style: CodeStyle, expected: str) -> bool:
    if style is CodeStyle.STDIN:
        return output_matches(outcome.stdout, expected)
    return result_matches(json.dumps(outcome.value), expected)
