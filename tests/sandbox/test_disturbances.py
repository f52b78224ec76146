"""What happens to executions from outside: signals, memory that others use up, threads that run out, being abandoned."""

import contextlib
import os
import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from hyperscale.sandbox import Ending, Limits, Outcome, Sandbox

SLEEPY = "import time\ntime.sleep(60)"
PATIENT = Limits(cpu_seconds=5, wall=15)
WAYS: dict[str, Callable[[Sandbox], Outcome]] = {
    "program": lambda sandbox: sandbox.run_program(SLEEPY, "", PATIENT),
    "function": lambda sandbox: sandbox.call_function(SLEEPY, "f", [], PATIENT),
    "check": lambda sandbox: sandbox.check_function(SLEEPY, "f", "", "def check(c): c()", PATIENT),
}


def victims() -> list[int]:
    """Processes below this one that the kernel would kill first."""
    found = []
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError, ValueError):
            chosen = entry.name.isdigit() and (entry / "oom_score_adj").read_text() == "1000\n"
            if chosen and _is_ours(int(entry.name)):
                found.append(int(entry.name))
    return found


def _is_ours(process: int) -> bool:
    while process > 1:
        process = int(Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[1])
        if process == os.getpid():
            return True
    return False


def when(number: int) -> list[int]:
    """Wait for so many victims, which then run for a moment."""
    deadline = time.monotonic() + 10
    while len(found := victims()) < number and time.monotonic() < deadline:
        time.sleep(0.05)
    assert len(found) == number
    time.sleep(0.5)
    return found


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("sign", [signal.SIGKILL, signal.SIGTERM])
def test_a_signal_from_outside_is_told_from_a_limit(sandbox: Sandbox, way: str, sign: signal.Signals) -> None:
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(WAYS[way], sandbox)
        for process in when(2 if way == "check" else 1)[:1]:
            os.kill(process, sign)
        outcome = running.result()
    assert outcome.disturbed or outcome.ending is Ending.SANDBOX_ERROR
    assert outcome.detail
    assert outcome.wall_s < PATIENT.wall_seconds - 5


@pytest.mark.parametrize(
    ("code", "limits"),
    [
        ("print(4)", PATIENT),
        ("1/0", PATIENT),
        ("x = bytearray(3 << 30)", PATIENT),
        ("import time\ntime.sleep(60)", Limits(wall=0.5)),
        ("while True: pass", Limits(cpu_seconds=1, wall=20)),
        ("while True: print('x' * 9999)", Limits(output=1 << 20)),
        ("import os\nos._exit(137)", PATIENT),
        ("import os\nos._exit(143)", PATIENT),
    ],
)
def test_other_endings_are_not_taken_for_it(sandbox: Sandbox, code: str, limits: Limits) -> None:
    assert not sandbox.run_program(code, "", limits).disturbed


@pytest.mark.parametrize("way", WAYS)
def test_what_runs_can_be_abandoned(sandbox: Sandbox, way: str) -> None:
    apart = sandbox.apart()
    with ThreadPoolExecutor(3) as pool:
        running = [pool.submit(WAYS[way], apart) for _ in range(3)]
        when(6 if way == "check" else 3)
        started = time.monotonic()
        apart.abandon()
        outcomes = [each.result() for each in running] + [way(apart) for way in WAYS.values()]
        assert time.monotonic() - started < 0.7
    assert {(outcome.ending, outcome.detail) for outcome in outcomes} == {(Ending.SANDBOX_ERROR, "the sandbox was abandoned")}
    assert victims() == []
    assert sandbox.run_program("print(4)", "").stdout == b"4\n"


def test_being_abandoned_while_processes_start_leaves_none(sandbox: Sandbox) -> None:
    for delay in (0.0, 0.005, 0.01, 0.02, 0.04):
        apart = sandbox.apart()
        with ThreadPoolExecutor(2) as pool:
            running = [pool.submit(way, apart) for way in (WAYS["program"], WAYS["check"])]
            time.sleep(delay)
            started = time.monotonic()
            apart.abandon()
            assert {each.result().ending for each in running} == {Ending.SANDBOX_ERROR}
            assert time.monotonic() - started < 1.5
    assert victims() == []


def test_a_thread_that_does_not_start_is_an_error_of_the_sandbox(bare: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    outcome = bare.check_function("def f(): return 4", "f", "", "def check(c): assert c() == 4")
    assert outcome.ending is Ending.SANDBOX_ERROR
    assert "can't start new thread" in outcome.detail
    assert victims() == []
