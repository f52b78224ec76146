import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hyperscale.errors import Refusal
from hyperscale.scoring.grader_pool import GraderPool
from hyperscale.scoring.grader_process import GraderProcess
from hyperscale.scoring.verdict import Grade, Verdict
from hyperscale.store.records import FinishReason
from hyperscale.tasks.task_card import Fallback
from tests.scoring.shared_files import REPOSITORY
from tests.scoring.test_limits import TOWER

ACT = "tests.scoring.misbehaving:act"
RUNAWAY = r"\int_0^{\infty}\frac{\sin^{5}(x) e^{-x^{3}}}{1+x^7}dx"


def runs(pid: int) -> bool:
    """Whether a process exists and is more than an entry waiting to be reaped."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def exists(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


def until(condition: Callable[[], bool], seconds: float = 30.0) -> bool:
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.02)
    return condition()


@pytest.fixture
def pool() -> Iterator[GraderPool[object]]:
    with GraderPool[object](seconds=1.0, comparator=ACT) as pool:
        yield pool


def test_easy_answers_start_no_worker() -> None:
    with GraderPool[str]() as pool:
        assert pool.grade("025", r"so \boxed{25}") == Grade("25", Verdict.EQUAL)
        assert pool.grade("025", r"\boxed{26}").verdict is Verdict.DIFFERENT
        assert pool.grade("025", "no box") == Grade(None, Verdict.NO_ANSWER)
        assert pool.grade("", "no box").verdict is Verdict.UNPARSED_GOLD
        assert pool.grade("5", r"\boxed{5}", FinishReason.LENGTH) == Grade(None, Verdict.NO_ANSWER)
        assert pool.compare("5", TOWER) is Verdict.LIMIT
        assert pool.pids == ()


def test_a_pool_falls_back_where_its_task_does() -> None:
    with GraderPool[str](fallback=Fallback.LAST_NUMBER) as pool:
        assert pool.grade("5", "it is 5") == Grade("5", Verdict.EQUAL, by_fallback=True)


def test_hard_answers_go_to_a_worker_that_is_bounded() -> None:
    with GraderPool[str](seconds=10.0) as pool:
        assert pool.grade(r"\sqrt{2}", r"\boxed{2^{1/2}}").correct
        assert pool.grade(r"\frac{", r"\boxed{5}").verdict is Verdict.UNPARSED_GOLD
    with GraderPool[str](seconds=1.0) as pool:
        assert pool.compare("1", RUNAWAY) is Verdict.TIMEOUT


@pytest.mark.parametrize("action", ["sleep", "big power", "deaf spin", "stop"])
def test_whatever_hangs_is_killed_and_the_pool_goes_on(pool: GraderPool[object], action: str) -> None:
    assert pool.compare("x+1", "x") is not Verdict.TIMEOUT  # started before the clock runs
    started = time.monotonic()
    assert pool.compare("x", f"({action})") is Verdict.TIMEOUT
    assert time.monotonic() - started < 6
    assert pool.compare("x+1", "x+y") is Verdict.DIFFERENT


@pytest.mark.parametrize("action", ["segfault", "exit", "raise"])
def test_whatever_crashes_is_named_and_the_pool_goes_on(pool: GraderPool[object], action: str) -> None:
    assert pool.compare("x", f"({action})") is Verdict.CRASHED
    assert pool.compare("x+1", "x+y") is Verdict.DIFFERENT


@pytest.mark.parametrize("action", ["hoard", "recurse"])
def test_whatever_exhausts_memory_is_a_limit_and_keeps_its_worker(pool: GraderPool[object], action: str) -> None:
    pool.compare("x+1", "x")
    before = pool.pids
    assert pool.compare("x", f"({action})") is Verdict.LIMIT
    assert pool.compare("x+1", "x+y") is Verdict.DIFFERENT
    assert pool.pids == before


def test_a_worker_killed_from_outside_costs_one_verdict(pool: GraderPool[object]) -> None:
    pool.compare("x+1", "x")
    pool.submit("lost", "x", r"\boxed{(sleep)}")
    os.kill(pool.pids[0], signal.SIGKILL)
    pool.submit("kept", "x", r"\boxed{x+y}")
    assert {key: grade.verdict for key, grade in pool.drain()} == {"lost": Verdict.CRASHED, "kept": Verdict.DIFFERENT}


def test_a_worker_that_dies_idle_costs_nothing(pool: GraderPool[object]) -> None:
    pool.compare("x+1", "x")
    (pid,) = pool.pids
    os.kill(pid, signal.SIGKILL)
    assert until(lambda: not runs(pid))
    assert pool.compare("x+1", "x+y") is not Verdict.EQUAL
    assert pool.compare("x+1", "x+z") is Verdict.DIFFERENT


def test_nothing_a_comparison_prints_passes_for_a_verdict(pool: GraderPool[object]) -> None:
    assert pool.compare("x", "(chatter)") is Verdict.DIFFERENT
    assert pool.compare("x", "x+y") is Verdict.DIFFERENT


def test_workers_ignore_ctrl_c(pool: GraderPool[object]) -> None:
    pool.compare("x+1", "x")
    before = pool.pids
    os.kill(before[0], signal.SIGINT)
    assert pool.compare("x+1", "x+y") is Verdict.DIFFERENT
    assert pool.pids == before


def test_a_comparator_that_cannot_start_is_refused_and_leaves_nothing_behind() -> None:
    with GraderPool[str](comparator="tests.scoring.misbehaving:absent") as pool, pytest.raises(Refusal, match="math_verify"):
        pool.compare("x", "y")
    assert pool.pids == ()


def test_submitting_never_waits_and_results_come_under_their_keys(pool: GraderPool[object]) -> None:
    started = time.monotonic()
    pool.submit("slow", "x", r"\boxed{(sleep)}")
    pool.submit("quick", "5", r"\boxed{5}")
    assert [key for key, _ in pool.results()] == ["quick"]
    assert time.monotonic() - started < 1
    assert pool.pending == 1
    assert [(key, grade.verdict) for key, grade in pool.drain()] == [("slow", Verdict.TIMEOUT)]
    assert pool.pending == 0
    assert list(pool.results()) == []


def test_a_verdict_that_came_while_nobody_looked_is_kept(pool: GraderPool[object]) -> None:
    pool.compare("x+1", "x")
    pool.submit("a", "x", r"\boxed{x+y}")
    time.sleep(2.5)  # longer than a comparison may take
    assert [grade.verdict for _, grade in pool.drain()] == [Verdict.DIFFERENT]


def test_equal_questions_are_asked_once(pool: GraderPool[object]) -> None:
    for chain in range(4):
        pool.submit(chain, "x", r"\boxed{(sleep)}")
    started = time.monotonic()
    assert [key for key, _ in pool.drain()] == [0, 1, 2, 3]
    assert pool.compare("x", "(sleep)") is Verdict.TIMEOUT
    assert time.monotonic() - started < 15  # one start and one time limit; four of each would be far more on any machine


def test_workers_share_the_work() -> None:
    with GraderPool[int](2, seconds=20.0, comparator=ACT) as pool:
        for key in range(6):
            pool.submit(key, "x", rf"\boxed{{x+{key + 1}}}")
        assert len(pool.pids) == 2
        assert sorted(key for key, _ in pool.drain()) == list(range(6))
        assert len(pool.pids) == 2


def test_equivalence_needs_only_one_direction() -> None:
    with GraderPool[str]() as pool:
        assert pool.compare("(1,2)", "1<x<2") is Verdict.DIFFERENT
        assert pool.equivalent("(1,2)", "1<x<2")
        assert not pool.equivalent("(1,2)", "1<x<3")


@pytest.mark.parametrize("action", ["(sleep)", "x+y"])
def test_closing_reaps_every_worker(action: str) -> None:
    with GraderPool[str](2, comparator=ACT) as pool:
        pool.submit("a", "x", rf"\boxed{{{action}}}")
        pool.submit("b", "y", rf"\boxed{{{action}}}")
        pids = pool.pids
        assert len(pids) == 2
    assert not any(exists(pid) for pid in pids)


PARENT = """
import sys, time
from hyperscale.scoring.grader_pool import GraderPool
pool = GraderPool(seconds=3.0, comparator="tests.scoring.misbehaving:act")
pool.compare("x+1", "x")
if sys.argv[1] == "busy":
    pool.submit(0, "x", r"\\boxed{(sleep)}")
print(pool.pids[0], flush=True)
time.sleep(600)
"""


@pytest.mark.parametrize("state", ["idle", "busy"])
def test_no_worker_outlives_a_killed_parent(state: str) -> None:
    with subprocess.Popen([sys.executable, "-c", PARENT, state], cwd=REPOSITORY, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        worker = int(parent.stdout.readline())
        try:
            assert runs(worker)
        finally:
            parent.kill()
        assert until(lambda: not runs(worker))


def test_a_worker_loads_no_heavy_library() -> None:
    modules = "import sys, hyperscale.scoring.grader_worker, hyperscale.scoring.algebra; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", modules], cwd=REPOSITORY, capture_output=True, text=True, check=True).stdout
    assert "sympy" in loaded.split()
    assert not {"torch", "transformers", "datasets", "pandas", "numpy"} & set(loaded.split())


def test_a_pool_needs_a_worker_and_a_limit() -> None:
    with pytest.raises(ValueError, match="at least one worker"):
        GraderPool[str](0)
    with pytest.raises(ValueError, match="positive"):
        GraderPool[str](seconds=0)


@pytest.mark.timeout(60)
def test_a_worker_that_dies_the_moment_it_has_its_pair_is_heard_of(
    pool: GraderPool[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    send = GraderProcess._send

    def send_and_see_it_die(self: GraderProcess) -> None:
        send(self)
        self._process.wait(30)

    with monkeypatch.context() as patched:
        patched.setattr(GraderProcess, "_send", send_and_see_it_die)
        assert pool.compare("y", "(segfault)") is Verdict.CRASHED
    assert pool.compare("y", "y+0") is not Verdict.CRASHED
