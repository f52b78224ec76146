"""The code grader: what a program's tests say about it, in the real sandbox where that is what is tested."""

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal, localcontext

import pytest

from hyperscale.errors import Refusal
from hyperscale.sandbox import Ending, Limits, Outcome, Sandbox
from hyperscale.scoring.code import LIMITS, CodeGrader
from hyperscale.scoring.verdict import Grade, Verdict
from hyperscale.store.records import FinishReason
from hyperscale.tasks.code_tests import CodeStyle, CodeTest, CodeTests

ADD = CodeTests(CodeStyle.STDIN, (CodeTest("1 2\n", "3\n"), CodeTest("4 5\n", "9")))
SCALE = CodeTests(CodeStyle.CALL, (CodeTest("[1, 2, 3]\n2", "[2, 4, 6]"), CodeTest("[]\n7", "[]")), function="scale")
with localcontext() as context:  # integers of more digits than Python converts unasked
    context.prec = 10_000
    HUGE = CodeTests(CodeStyle.CALL, (CodeTest("9000", str(Decimal(7) ** 9000)),), function="power")
SUCCESSOR = CodeTests(
    CodeStyle.CHECK,
    function="successor",
    setup="import math\ndef helper(x):\n    return x\n\ndef successor(x):\n    ''' The next integer. '''\n",
    check="def check(candidate):\n    assert candidate(helper(1)) == 2\n    assert candidate(5) == 6\n",
)


@dataclass(frozen=True, eq=False)
class Held:
    """Tests that lie in memory."""

    tests: CodeTests

    def load(self) -> CodeTests:
        return self.tests

    def discard(self) -> None:
        pass


@dataclass
class Scripted:
    """Stands in for the sandbox: gives what it is told to, and remembers what it was asked."""

    answer: Callable[[str, str], Outcome]
    level: str = "scripted"
    asked: list[tuple[str, str]] = field(default_factory=list)

    def apart(self) -> "Scripted":
        return self

    def abandon(self) -> None:
        pass

    def run_program(self, code: str, stdin: str, limits: Limits, *, prelude: str) -> Outcome:
        self.asked.append((code, stdin))
        return self.answer(code, stdin)


def fenced(code: str) -> str:
    return f"<think>hm</think>\n```python\n{code}\n```\n"


def scripted(answer: Callable[[str, str], Outcome]) -> tuple[Scripted, CodeGrader[object]]:
    sandbox = Scripted(answer)
    return sandbox, CodeGrader(sandbox)  # type: ignore[arg-type]


def right(code: str, stdin: str) -> Outcome:
    return Outcome(Ending.FINISHED, str(sum(map(int, stdin.split()))).encode())


@pytest.fixture(scope="module")
def grader() -> Iterator[CodeGrader[str]]:
    grader = CodeGrader[str](Sandbox.open(), limits=Limits(cpu_seconds=1.0))
    yield grader
    grader.close()


@pytest.mark.parametrize(
    ("tests", "code", "verdict", "detail"),
    [
        (ADD, "a, b = map(int, input().split())\nprint(a + b)", Verdict.PASS, "2 tests"),
        (ADD, "print(3)", Verdict.WRONG_ANSWER, "test 2 of 2"),
        (ADD, "print('3')\nraise ValueError('no')", Verdict.RUNTIME_ERROR, "test 1 of 2: ValueError: no"),
        (ADD, "while True:\n    pass", Verdict.TIME_LIMIT, "test 1 of 2"),
        (ADD, "x = bytearray(3 << 30)", Verdict.MEMORY_LIMIT, "test 1 of 2"),
        (ADD, "while True:\n    print('x' * 100000)", Verdict.OUTPUT_LIMIT, "test 1 of 2"),
        (ADD, "print(gcd(3, 6) if sqrt(4) == 2 else 9) if input() == '1 2' else print(9)", Verdict.PASS, "2 tests"),
        (
            SCALE,
            "class Solution:\n    def scale(self, a: List[int], k):\n        return tuple(x * k for x in a)",
            Verdict.PASS,
            "2 tests",
        ),
        (
            SCALE,
            "class Same(list):\n    def __eq__(self, other):\n        return True\nclass Solution:\n"
            "    def scale(self, a, k):\n        return Same()",
            Verdict.WRONG_ANSWER,
            "test 1 of 2",
        ),
        (SCALE, "class Solution:\n    pass", Verdict.RUNTIME_ERROR, "test 1 of 2"),
        (HUGE, "def power(n):\n    return 7 ** n", Verdict.PASS, "1 tests"),
        (SUCCESSOR, "def successor(x):\n    return helper(x) + math.floor(1.5)", Verdict.PASS, ""),
        (SUCCESSOR, "    return x + 1", Verdict.PASS, ""),
        (SUCCESSOR, "from __future__ import annotations\ndef successor(x: int) -> int:\n    return x + 1", Verdict.PASS, ""),
        (SUCCESSOR, "if True:\n def successor(x):\n  return x + 1", Verdict.PASS, ""),
        (SUCCESSOR, "successor = lambda x: x + 1", Verdict.PASS, ""),
        (SUCCESSOR, "total = x\ntotal += 1\nreturn total", Verdict.PASS, ""),
        (SUCCESSOR, "def plus(x):\n    return x + 1", Verdict.WRONG_ANSWER, ""),
        (SUCCESSOR, "def successor(x):\n    return 2", Verdict.WRONG_ANSWER, ""),
        (SUCCESSOR, "import sys\nsys.exit(0)", Verdict.RUNTIME_ERROR, ""),
    ],
)
def test_a_program_gets_the_verdict_of_its_first_failing_test(
    grader: CodeGrader[str], tests: CodeTests, code: str, verdict: Verdict, detail: str
) -> None:
    grader.submit("key", Held(tests), fenced(code))
    ((key, grade),) = grader.drain()
    assert (key, grade.verdict, grade.extracted, grade.correct) == ("key", verdict, code, verdict is Verdict.PASS)
    assert grade.detail.startswith(detail)


def test_completions_without_a_program_run_nothing() -> None:
    sandbox, grader = scripted(right)
    grader.submit(1, Held(ADD), "no code")
    grader.submit(2, Held(ADD), fenced("print(3)"), FinishReason.LENGTH)
    grader.submit(3, Held(ADD), fenced("#" * 11_000_000))
    grades = dict(grader.drain())
    assert [grades[key].verdict for key in (1, 2, 3)] == [Verdict.NO_CODE, Verdict.NO_CODE, Verdict.LIMIT]
    assert not sandbox.asked
    assert not any(grade.correct for grade in grades.values())


def test_nothing_runs_after_the_first_failing_test() -> None:
    sandbox, grader = scripted(lambda code, stdin: Outcome(Ending.FINISHED, b"4"))
    grader.submit("key", Held(ADD), fenced("x"))
    assert next(grader.drain())[1].verdict is Verdict.WRONG_ANSWER
    assert len(sandbox.asked) == 1


@pytest.mark.parametrize("ending", [Ending.TIME_LIMIT, Ending.SANDBOX_ERROR])
def test_what_load_can_cause_is_tried_again_with_nothing_beside_it(ending: Ending) -> None:
    held, busy = Held(ADD), []

    def first_time_slow(code: str, stdin: str) -> Outcome:
        busy.append(threading.current_thread().name)
        return Outcome(ending) if code == "slow" and len(busy) == 1 else right(code, stdin)

    sandbox, grader = scripted(first_time_slow)
    grader.submit("slow", held, fenced("slow"))
    grader.submit("other", held, fenced("other"))
    grades = dict(grader.drain())
    assert [grade.verdict for grade in grades.values()] == [Verdict.PASS, Verdict.PASS]
    assert [code for code, _ in sandbox.asked] == ["slow", "other", "other", "slow", "slow"]


def test_the_second_attempt_is_final() -> None:
    sandbox, grader = scripted(lambda code, stdin: Outcome(Ending.TIME_LIMIT, detail="computed 6 s"))
    grader.submit("key", Held(ADD), fenced("slow"))
    assert list(grader.results()) == []
    ((_, grade),) = grader.drain()
    assert grade == Grade("slow", Verdict.TIME_LIMIT, detail="test 1 of 2: computed 6 s")
    assert len(sandbox.asked) == 2


def test_a_program_that_used_up_its_time_is_not_tried_again() -> None:
    sandbox, grader = scripted(lambda code, stdin: Outcome(Ending.TIME_LIMIT, cpu_s=LIMITS.cpu_seconds))
    grader.submit("key", Held(ADD), fenced("slow"))
    assert next(grader.drain())[1].verdict is Verdict.TIME_LIMIT
    assert len(sandbox.asked) == 1


def test_only_the_test_in_doubt_is_tried_again_and_then_those_behind_it() -> None:
    asked: list[str] = []

    def slow_once(code: str, stdin: str) -> Outcome:
        asked.append(stdin)
        return Outcome(Ending.TIME_LIMIT) if asked.count("4 5\n") == 1 and stdin == "4 5\n" else right(code, stdin)

    three = CodeTests(CodeStyle.STDIN, (*ADD.cases, CodeTest("6 6", "12")))
    _, grader = scripted(slow_once)
    grader.submit("key", Held(three), fenced("x"))
    assert next(grader.drain())[1].verdict is Verdict.PASS
    assert asked == ["1 2\n", "4 5\n", "4 5\n", "6 6"]


def test_tests_are_decoded_once_for_chains_that_come_one_after_the_other() -> None:
    loads: list[int] = []

    class Counted(Held):
        def load(self) -> CodeTests:
            loads.append(1)
            return self.tests

    _, grader = scripted(right)
    for problem in (Counted(ADD), Counted(ADD), Counted(ADD)):
        for chain in range(4):
            grader.submit((id(problem), chain), problem, fenced(f"x{chain}"))
        list(grader.drain())
    assert len(loads) == 3


def test_no_more_programs_run_at_a_time_than_memory_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hyperscale.scoring.code.free_memory", lambda: 5 << 30)
    running, most, lock = 0, [0], threading.Lock()

    def counted(code: str, stdin: str) -> Outcome:
        nonlocal running
        with lock:
            running += 1
            most[0] = max(most[0], running)
        time.sleep(0.02)
        with lock:
            running -= 1
        return right(code, stdin)

    grader = CodeGrader[int](Scripted(counted), workers=8, limits=Limits(memory=2 << 30))  # type: ignore[arg-type]
    for number in range(8):
        grader.submit(number, Held(ADD), fenced("x"))
    assert len(dict(grader.drain())) == 8
    assert most == [2]


def test_a_user_without_threads_left_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    with pytest.raises(Refusal, match="ulimit"):
        CodeGrader(Scripted(right))  # type: ignore[arg-type]


def test_equal_programs_of_a_problem_are_run_once() -> None:
    sandbox, grader = scripted(right)
    held, other = Held(ADD), Held(ADD)
    for key, tests in (("a", held), ("b", held), ("c", other)):
        grader.submit(key, tests, fenced("same"))
    assert len(dict(grader.drain())) == 3
    grader.submit("d", held, fenced("same"))
    assert dict(grader.drain())["d"].correct
    assert len(sandbox.asked) == 4  # two tests for each of two problems


def test_submitting_waits_for_nothing_and_results_come_as_they_are_ready() -> None:
    gate = threading.Event()

    def gated(code: str, stdin: str) -> Outcome:
        gate.wait(10)
        return right(code, stdin)

    _, grader = scripted(gated)
    grader.submit("waits", Held(ADD), fenced("x"))
    grader.submit("settled", Held(ADD), "no code")
    assert [key for key, _ in grader.results()] == ["settled"]
    gate.set()
    assert [key for key, _ in grader.drain()] == ["waits"]


def test_closing_drops_what_waits() -> None:
    started, gate = threading.Event(), threading.Event()

    def gated(code: str, stdin: str) -> Outcome:
        started.set()
        gate.wait(10)
        return right(code, stdin)

    sandbox, grader = scripted(gated)
    for number in range(5):
        grader.submit(number, Held(ADD), fenced(str(number)))
    started.wait(10)
    threading.Timer(0.1, gate.set).start()
    grader.close()
    assert len(sandbox.asked) == 1


def test_tests_that_are_gone_stop_the_grading() -> None:
    class Gone(Held):
        def load(self) -> CodeTests:
            raise RuntimeError("gone")

    _, grader = scripted(right)
    grader.submit("key", Gone(ADD), fenced("x"))
    with pytest.raises(RuntimeError, match="gone"):
        list(grader.drain())


def test_the_version_names_rules_and_isolation() -> None:
    _, grader = scripted(right)
    assert grader.version == "code-2+scripted"
    assert grader.equivalent("a", "a")
    assert not grader.equivalent("a", "b")
    with pytest.raises(ValueError, match="worker"):
        CodeGrader(Scripted(right), workers=0)  # type: ignore[arg-type]
