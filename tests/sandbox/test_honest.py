"""Correct programs, however unusual, pass."""

import pytest

from hyperscale.sandbox import Ending, Limits, Sandbox
from tests.sandbox.honest import PROGRAMS


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_correct_program_passes(sandbox: Sandbox, name: str) -> None:
    code, stdin, expected = PROGRAMS[name]
    outcome = sandbox.run_program(code, stdin, Limits(cpu_seconds=10))
    assert outcome.ending is Ending.FINISHED, outcome.detail
    wanted = expected if isinstance(expected, bytes) else expected.encode()
    assert outcome.stdout.strip() == wanted


def test_there_are_many_of_them() -> None:
    assert len(PROGRAMS) >= 40


def test_tens_of_megabytes_go_in_and_come_out(bare: Sandbox) -> None:
    line = "0123456789" * 10 + "\n"
    outcome = bare.run_program(
        "import sys\nfor l in sys.stdin: sys.stdout.write(l[:20])", line * 400_000, Limits(cpu_seconds=30)
    )
    assert outcome.ending is Ending.FINISHED, outcome.detail
    assert outcome.stdout == (line[:20] * 400_000).encode()


def test_output_comes_while_input_still_goes_in(bare: Sandbox) -> None:
    code = "import sys\nfor l in sys.stdin:\n    print(l, end='', flush=True)"
    outcome = bare.run_program(code, "x" * 99 + "\n" + "y\n" * 100_000)
    assert outcome.finished
    assert len(outcome.stdout) == 200_100


def test_a_program_of_many_megabytes_runs(bare: Sandbox) -> None:
    outcome = bare.run_program("x = '" + "a" * 10_000_000 + "'\nprint(len(x))", "", Limits(cpu_seconds=20))
    assert outcome.stdout == b"10000000\n", outcome.detail


def test_a_prelude_comes_before_a_future_import(sandbox: Sandbox) -> None:
    outcome = sandbox.run_program("from __future__ import annotations\nprint(floor(1.5))", "", prelude="from math import *")
    assert outcome.stdout == b"1\n", outcome.detail


def test_sets_iterate_in_the_same_order_every_time(bare: Sandbox) -> None:
    outcomes = {bare.run_program("print(*{'a', 'b', 'c', 'd', 'e'})", "").stdout for _ in range(3)}
    assert len(outcomes) == 1


def test_a_quarter_of_a_gigabyte_is_fine(bare: Sandbox) -> None:
    outcome = bare.run_program("x = bytearray(b'1') * (1 << 28)\nprint(len(x))", "")
    assert outcome.finished, outcome.detail


def test_what_fails_says_why(sandbox: Sandbox) -> None:
    outcome = sandbox.run_program("print('begun', flush=True)\n1/0", "")
    assert (outcome.ending, outcome.detail) == (Ending.RUNTIME_ERROR, "ZeroDivisionError: division by zero")
    assert outcome.stdout == b"begun\n"
    assert sandbox.run_program("import sys; sys.exit(3)", "").detail == "exit status 3"
    assert sandbox.run_program("import sys; sys.exit('sorry')", "").detail == "sorry"
    assert sandbox.run_program("def f(:", "").detail == "SyntaxError: invalid syntax"
    assert sandbox.run_program("import ctypes; ctypes.string_at(0)", "").detail == "SIGSEGV"
    assert sandbox.run_program("import os; os.abort()", "").detail == "SIGABRT"
    assert sandbox.run_program("x = '\0'", "").ending is Ending.RUNTIME_ERROR
    assert sandbox.run_program("x = '\ud800'", "").ending is Ending.RUNTIME_ERROR
