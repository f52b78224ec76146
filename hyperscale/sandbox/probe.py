"""Attacks on a sandbox, before anything is graded in it: all must be tried, and none may succeed."""

import os
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from hyperscale.errors import Refusal
from hyperscale.sandbox import attacks
from hyperscale.sandbox.host import UNSAFE, Host, Layer, LayerState
from hyperscale.sandbox.orders import source
from hyperscale.sandbox.outcome import MIB, Ending, Limits, Outcome
from hyperscale.sandbox.sandbox import Sandbox

_LIMITS = Limits(cpu_seconds=5, memory=512 * MIB, scratch=4 * MIB)
_THREADS = 64
_WALLS_S = (0.5, 5.0, 30.0)  # a longer one only where a busy machine could not start the interpreter in time

_ORDINARY = """
import bisect, collections, ctypes, decimal, functools, hashlib, heapq, itertools, math, random, re, sys, threading
total = []
thread = threading.Thread(target=lambda: total.append(sum(map(int, sys.stdin))))
thread.start(); thread.join()
print("\\u00e9", total[0])
"""
_STUBBORN = """
import signal, time
for number in set(range(1, 65)) - {signal.SIGKILL, signal.SIGSTOP, 32, 33}:
    signal.signal(number, signal.SIG_IGN)
while True:
    try:
        time.sleep(60)
    except BaseException:
        pass
"""
_TALKATIVE = "while True: print('x' * 4096)"
_MANY_THREADS = f"""
import threading
threading.stack_size(1 << 16)
end = threading.Event()
for _ in range({4 * _THREADS}):
    threading.Thread(target=end.wait, args=(2,), daemon=True).start()
end.wait(1)
"""
# Files that nobody sees from outside: unlinked, or in a folder that forbids to be read. Each tries for twice what it may have.
_FILLING = f"""
import errno, os
held = []
def write(path, hide):
    held.append(open(path, "wb", buffering=0))
    hide(path)
    for _ in range(16):
        held[-1].write(bytes(1 << 16))
try:
    PREPARE
    for number in range({2 * _LIMITS.scratch // MIB}):
        write(PATH, HIDE)
except OSError as error:
    if error.errno not in (errno.EACCES, errno.ENOSPC):
        raise
    print("denied")
"""
_HOLDING = _FILLING.replace("PREPARE", "pass").replace("PATH", '"held"').replace("HIDE", "os.unlink")
_HIDING = _FILLING.replace("PREPARE", 'os.mkdir("folder", 0o300)').replace("PATH", 'f"folder/{number}"').replace("HIDE", "len")


@dataclass(frozen=True, slots=True)
class Hole:
    """An attack that was not denied, and what happened instead."""

    attack: str
    what: str

    def __str__(self) -> str:
        return f"{self.attack}: {self.what}"


def probed(host: Host) -> Host:
    """The host with all the walls that hold, bubblewrap's too if it works.

    Raises
    ------
    Refusal
        The sandbox has a hole.
    """
    host = with_bubblewrap(host)
    found = holes(host)
    if found:
        listed = "; ".join(map(str, found))
        raise Refusal(f"The sandbox does not hold on this machine, so no program is run. {listed}. {_remedy(host)} {UNSAFE}")
    return host


def with_bubblewrap(host: Host) -> Host:
    """The host with bubblewrap, if it is there and starts an interpreter; it often does not inside of containers."""
    if host.bubblewrap is None:
        return host.reporting(Layer.BUBBLEWRAP, LayerState.OFF, "not found (the package bubblewrap has it)")
    wrapped = host.reporting(Layer.BUBBLEWRAP, LayerState.ON, host.bubblewrap)
    outcome = Sandbox(wrapped).run_program("", "", _LIMITS)
    if outcome.finished:
        return wrapped
    return host.reporting(Layer.BUBBLEWRAP, LayerState.OFF, f"{host.bubblewrap} does not work here ({outcome.detail})")


def holes(host: Host) -> list[Hole]:
    """Attack; what is not denied is a hole."""
    sandbox = Sandbox(host)
    trials: list[Callable[[Sandbox], list[Hole]]] = [_intrude, _ordinary, _outlive, _flood, _multiply, _hold, _hide]
    with ThreadPoolExecutor(len(trials)) as pool:  # mostly they wait
        return [hole for found in pool.map(lambda trial: trial(sandbox), trials) for hole in found]


def _intrude(sandbox: Sandbox) -> list[Hole]:
    with _bait() as (folder, descriptor):
        target = {"folder": str(folder), "secret": str(folder / "secret"), "parent": os.getpid(), "memory": _LIMITS.memory}
        outcome = sandbox.run_program(f"{source('attacks')}\nrun({target!r})", "", _LIMITS)
        written = (folder / "written").exists() or not (folder / "secret").read_bytes()
        assert os.fstat(descriptor)  # it was open all the time
    if outcome.ending is Ending.SANDBOX_ERROR:
        return [Hole("start", outcome.detail)]
    said = dict(line.split(": ", 1) for line in outcome.stdout.decode().splitlines())
    found = [Hole(name, said.get(name, f"not reported ({outcome.detail or outcome.ending})")) for name in attacks.attacks({})]
    found += [Hole("write a file outside", "a file has changed")] if written else []
    return [hole for hole in found if hole.what != attacks.DENIED]


@contextmanager
def _bait() -> Iterator[tuple[Path, int]]:
    """A folder and a file that all users may read and write, and an open descriptor that processes would inherit."""
    with tempfile.TemporaryDirectory(prefix="hyperscale-bait-") as name:
        folder = Path(name)
        (folder / "secret").write_text("expected output")
        folder.chmod(0o777)
        (folder / "secret").chmod(0o666)
        descriptor = os.open(folder / "secret", os.O_RDONLY)
        os.set_inheritable(descriptor, True)
        try:
            yield folder, descriptor
        finally:
            os.close(descriptor)


def _ordinary(sandbox: Sandbox) -> list[Hole]:
    """A sandbox that stops honest programs is of no use either."""
    outcome = sandbox.run_program(_ORDINARY, "1\n2\n3\n", _LIMITS)
    if outcome.finished and outcome.stdout.decode() == "\u00e9 6\n":
        return []
    return [Hole("an ordinary program", f"{outcome.ending} {outcome.detail}".rstrip())]


def _outlive(sandbox: Sandbox) -> list[Hole]:
    for wall in _WALLS_S:
        outcome = sandbox.run_program(_STUBBORN, "", replace(_LIMITS, wall=wall))
        if outcome.ending is not Ending.SANDBOX_ERROR:
            break
    return _unless(Ending.TIME_LIMIT, outcome, "outlive the deadline")


def _flood(sandbox: Sandbox) -> list[Hole]:
    return _must_end(sandbox, "print without end", _TALKATIVE, replace(_LIMITS, output=MIB), Ending.OUTPUT_LIMIT)


def _multiply(sandbox: Sandbox) -> list[Hole]:
    limits = replace(_LIMITS, threads=_THREADS)
    return _must_end(sandbox, "threads beyond the limit", _MANY_THREADS, limits, Ending.RUNTIME_ERROR)


def _hold(sandbox: Sandbox) -> list[Hole]:
    return _must_be_denied(sandbox, "hold unlinked files", _HOLDING)


def _hide(sandbox: Sandbox) -> list[Hole]:
    return _must_be_denied(sandbox, "hide files in a folder", _HIDING)


def _must_be_denied(sandbox: Sandbox, attack: str, program: str) -> list[Hole]:
    outcome = sandbox.run_program(program, "", _LIMITS)
    if outcome.finished and outcome.stdout == b"denied\n":
        return []
    return [Hole(attack, f"{attacks.SUCCEEDED} or failed otherwise: {outcome.ending} {outcome.detail}".rstrip())]


def _must_end(sandbox: Sandbox, attack: str, program: str, limits: Limits, wanted: Ending) -> list[Hole]:
    return _unless(wanted, sandbox.run_program(program, "", limits), attack)


def _unless(wanted: Ending, outcome: Outcome, attack: str) -> list[Hole]:
    return [] if outcome.ending is wanted else [Hole(attack, f"{outcome.ending} {outcome.detail}".rstrip())]


def _remedy(host: Host) -> str:
    advice = ["Start hyperscale as an ordinary user, outside of containers that restrict Landlock or seccomp"]
    if not host.has(Layer.BUBBLEWRAP):
        advice.append("installing bubblewrap may help")
    return "; ".join(advice) + "."
