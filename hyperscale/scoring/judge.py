"""Running one program through the tests of its problem."""

import threading
from collections import OrderedDict
from dataclasses import dataclass

from hyperscale.sandbox import Ending, Limits, Outcome, Sandbox
from hyperscale.scoring.prelude import PRELUDE
from hyperscale.scoring.program import continued
from hyperscale.scoring.program_output import output_matches, result_matches
from hyperscale.scoring.verdict import Grade, Verdict
from hyperscale.tasks.code_tests import CodeStyle, CodeTest, CodeTests, TestSource

VERDICTS = {
    Ending.CHECK_FAILED: Verdict.WRONG_ANSWER,
    Ending.RUNTIME_ERROR: Verdict.RUNTIME_ERROR,
    Ending.TIME_LIMIT: Verdict.TIME_LIMIT,
    Ending.MEMORY_LIMIT: Verdict.MEMORY_LIMIT,
    Ending.OUTPUT_LIMIT: Verdict.OUTPUT_LIMIT,
    Ending.SANDBOX_ERROR: Verdict.SANDBOX_ERROR,
}


@dataclass(frozen=True, slots=True)
class Judged:
    """A grade, the test that decided it (from 0), and whether a busy machine may have brought it about."""

    grade: Grade
    test: int = 0
    doubtful: bool = False


class Judge:
    """Grades one program after the other; several threads may use it at once.

    `keep`: of so many problems the decoded tests stay in memory, for chains of one problem come one after the other.
    """

    def __init__(self, sandbox: Sandbox, limits: Limits, keep: int = 1) -> None:
        self.sandbox, self.limits, self.keep = sandbox, limits, keep
        self.stop = threading.Event()
        self._decoded: OrderedDict[int, tuple[TestSource, CodeTests]] = OrderedDict()
        self._lock = threading.Lock()

    def judge(self, code: str, source: TestSource, first: int = 0) -> Judged:
        """Run the tests from `first` on until one does not pass."""
        tests = self._tests(source)
        if tests.style is CodeStyle.CHECK:
            outcome = self._check(code, tests)
            verdict = VERDICTS.get(outcome.ending, Verdict.PASS)
            return Judged(Grade(code, verdict, detail=outcome.detail), doubtful=self._doubtful(verdict, outcome))
        for number, test in enumerate(tests.cases[first:], first):
            if self.stop.is_set():
                return Judged(Grade(code, Verdict.SANDBOX_ERROR, detail="grading was stopped"))
            outcome = self._run(code, tests, test)
            verdict, detail = _verdict(outcome, tests.style, test.output)
            if verdict is not Verdict.PASS:
                where = f"test {number + 1} of {len(tests)}" + (f": {detail}" if detail else "")
                return Judged(Grade(code, verdict, detail=where), number, self._doubtful(verdict, outcome))
        return Judged(Grade(code, Verdict.PASS, detail=f"{len(tests)} tests"))

    def _doubtful(self, verdict: Verdict, outcome: Outcome) -> bool:
        if verdict is Verdict.TIME_LIMIT:
            return outcome.cpu_s < self.limits.cpu_seconds  # killed by the clock on the wall
        return verdict is Verdict.SANDBOX_ERROR or outcome.disturbed

    def _tests(self, source: TestSource) -> CodeTests:
        with self._lock:
            _, tests = self._decoded.get(id(source), (None, None))
            if tests is None:
                tests = source.load()
                self._decoded[id(source)] = source, tests
            self._decoded.move_to_end(id(source))
            while len(self._decoded) > self.keep:
                self._decoded.popitem(last=False)
            return tests

    def _check(self, code: str, tests: CodeTests) -> Outcome:
        function = str(tests.function)
        return self.sandbox.check_function(
            code,
            function,
            tests.setup,
            tests.check,
            self.limits,
            prefix=tests.setup,
            continuation=continued(code, tests.setup),
        )

    def _run(self, code: str, tests: CodeTests, test: CodeTest) -> Outcome:
        if tests.style is CodeStyle.STDIN:
            return self.sandbox.run_program(code, test.input, self.limits, prelude=PRELUDE)
        texts = [line for line in test.input.split("\n") if line.strip()]
        return self.sandbox.call_function(code, str(tests.function), limits=self.limits, texts=texts, prelude=PRELUDE)


def _verdict(outcome: Outcome, style: CodeStyle, expected: str) -> tuple[Verdict, str]:
    if not outcome.finished:
        return VERDICTS[outcome.ending], outcome.detail
    try:
        stdin = style is CodeStyle.STDIN
        right = output_matches(outcome.stdout, expected) if stdin else result_matches(outcome.text, expected)
    except ValueError as error:
        return Verdict.SANDBOX_ERROR, f"the test is broken: {error}"
    return (Verdict.PASS, "") if right else (Verdict.WRONG_ANSWER, "")
