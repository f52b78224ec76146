"""One sandboxed process, seen from the supervisor."""

import contextlib
import os
import resource
import select
import selectors
import signal
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from hyperscale.sandbox import census
from hyperscale.sandbox.outcome import Ending, Limits
from hyperscale.sandbox.scratch import overfull
from hyperscale.sandbox.streams import Catch, Feed

LOOK_S = 0.1  # between looks at the clock, the threads and the scratch directory
_OWN_THREADS = 8  # of bubblewrap and the reaper, with some to spare
GRACE_S = 1.0  # for a process that was told to end and has descendants to take along


@dataclass(frozen=True, slots=True)
class End:
    """How a process ended.

    `status` is as in `subprocess`, `cut` why the supervisor killed it, if it did; one that was `dismissed` had no more to do.
    """

    status: int
    cut: Ending | None
    stdout: bytes
    stderr: bytes
    report: bytes
    cpu_s: float
    wall_s: float
    dismissed: bool = False


@dataclass(slots=True)
class Command:
    """What to start: arguments, and the descriptors, environment and directory to start with."""

    arguments: Sequence[str]
    environment: dict[str, str]
    scratch: Path | None  # a folder to watch
    descriptors: Sequence[int] = field(default_factory=tuple)
    patient: bool = False  # whether it takes its descendants along when told to end


class Execution:
    """A process from its start to its end, with everything that goes in and comes out. Used by one thread, dismissed by any."""

    def __init__(self, command: Command, limits: Limits) -> None:
        self._command, self._limits = command, limits
        self._started = time.monotonic()
        with contextlib.ExitStack() as theirs, contextlib.ExitStack() as ours:
            orders, self._orders = _pipe(theirs, ours)
            report, self._report = reversed(_pipe(ours, theirs))
            self._process = subprocess.Popen(
                [*command.arguments, str(orders)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                bufsize=0,
                pass_fds=(orders, report, *command.descriptors),
                env=command.environment,
                cwd="/",
                start_new_session=True,
            )
            ours.pop_all()  # it has started: they are closed at its end
        self.report_descriptor = report  # its number over there
        self._guard = threading.Lock()
        self._reaped = self._dismissed = False

    @property
    def pid(self) -> int:
        return self._process.pid

    def finish(self, orders: bytes, stdin: bytes) -> End:
        """Tell it what to do, feed it, listen to it, and see to it that it ends; nothing of it is left afterwards."""
        feeds = [Feed(self._orders, orders), Feed(_number(self._process.stdin), stdin)]
        outputs = (_number(self._process.stdout), _number(self._process.stderr), self._report)
        catches = [Catch(descriptor, self._limits.output) for descriptor in outputs]
        try:
            cut = self._attend(feeds, catches)
            status, usage = self._reap()
            for catch in catches:
                catch.drain()
        finally:
            self.abandon()
        if cut is None and any(catch.over for catch in catches):
            cut = Ending.OUTPUT_LIMIT
        stdout, stderr, report = (bytes(catch.data[: self._limits.output]) for catch in catches)
        wall_s = time.monotonic() - self._started
        return End(status, cut, stdout, stderr, report, usage.ru_utime + usage.ru_stime, wall_s, self._dismissed)

    def abandon(self) -> None:
        """Leave nothing of it, whatever state it is in."""
        if not self._reaped:
            self._reap()
        self._close()

    def dismiss(self) -> None:
        """End it, from any thread, because it has no more to do."""
        self._dismissed = not self._reaped
        self._kill()

    def _kill(self) -> None:
        with self._guard:
            if not self._reaped:  # its number may be another's otherwise
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(self.pid, signal.SIGKILL)

    def _attend(self, feeds: list[Feed], catches: list[Catch]) -> Ending | None:
        """Move bytes until the process ends or must be ended; returns why it must."""
        deadline = self._started + self._limits.wall_seconds
        look = self._started
        with selectors.DefaultSelector() as selector, _watching(self.pid) as life:
            selector.register(life, selectors.EVENT_READ)
            for feed in feeds:
                selector.register(feed.descriptor, selectors.EVENT_WRITE, feed)
            for catch in catches:
                selector.register(catch.descriptor, selectors.EVENT_READ, catch)
            while (left := deadline - time.monotonic()) > 0:
                for key, _ in selector.select(min(left, LOOK_S)):
                    if key.data is None:
                        return None
                    if not key.data.step():
                        selector.unregister(key.fd)
                        if isinstance(key.data, Feed):
                            self._end_of_input(key.fd)
                if any(catch.over for catch in catches):
                    return Ending.OUTPUT_LIMIT
                if (now := time.monotonic()) > look:
                    look = now + LOOK_S
                    if (excess := self._excess()) is not None:
                        return excess
        return Ending.TIME_LIMIT

    def _excess(self) -> Ending | None:
        """What it uses too much of, of all that nobody else counts."""
        if self._command.scratch and overfull(self._command.scratch, self._limits.scratch):
            return Ending.OUTPUT_LIMIT
        if census.threads(self.pid) > self._limits.threads + _OWN_THREADS:
            return Ending.RUNTIME_ERROR
        return None

    def _end_of_input(self, descriptor: int) -> None:
        if descriptor == self._orders:
            os.close(self._orders)
            self._orders = -1
        elif self._process.stdin:
            self._process.stdin.close()

    def _reap(self) -> tuple[int, resource.struct_rusage]:
        if self._command.patient:
            os.kill(self.pid, signal.SIGTERM)
            with _watching(self.pid) as life:
                select.select([life], [], [], GRACE_S)
        self._kill()
        with self._guard:
            _, status, usage = os.wait4(self.pid, 0)
            self._reaped = True
        self._process.returncode = os.waitstatus_to_exitcode(status)  # so that Popen does not wait for it
        return self._process.returncode, usage

    def _close(self) -> None:
        for stream in (self._process.stdin, self._process.stdout, self._process.stderr):
            if stream:
                stream.close()
        for descriptor in (self._orders, self._report):
            if descriptor >= 0:
                os.close(descriptor)
        self._orders = self._report = -1


def _number(stream: IO[bytes] | None) -> int:
    assert stream
    return stream.fileno()


def _pipe(readers: contextlib.ExitStack, writers: contextlib.ExitStack) -> tuple[int, int]:
    """A pipe, each end of which is closed by a stack."""
    reading, writing = os.pipe()
    readers.callback(os.close, reading)
    writers.callback(os.close, writing)
    return reading, writing


@contextlib.contextmanager
def _watching(pid: int) -> Iterator[int]:
    """A descriptor that becomes readable when a process ends."""
    descriptor = os.pidfd_open(pid)
    try:
        yield descriptor
    finally:
        os.close(descriptor)
