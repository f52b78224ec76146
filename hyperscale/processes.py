"""Worker processes: how many make sense, how they are started, and when they end."""

import ctypes
import os
import queue
import signal
import sys
import threading
import types
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from hyperscale.errors import Refusal

PR_SET_PDEATHSIG = 1
PATIENCE_S = 1.0  # between looks at whether a silent worker is still alive


def usable_cores() -> int:
    """Cores that this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def apart_from_the_caller() -> Iterator[None]:
    """Start processes that do not import the caller's script again, and that leave an interrupt to the parent."""
    main = sys.modules["__main__"]
    sys.modules["__main__"] = types.ModuleType("__main__")
    in_main_thread = threading.current_thread() is threading.main_thread()
    handler = signal.signal(signal.SIGINT, signal.SIG_IGN) if in_main_thread else None
    try:
        yield
    finally:
        sys.modules["__main__"] = main
        if in_main_thread:
            signal.signal(signal.SIGINT, handler)


def die_with(parent: int) -> None:
    """To be called first in a worker: an interrupt is the parent's business, and a worker does not outlive it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)


@contextmanager
def running(processes: Sequence[Any]) -> Iterator[None]:
    """Worker processes, started apart from the caller, and ended whatever happens meanwhile."""
    try:
        with apart_from_the_caller():
            for process in processes:
                process.start()
        yield
    finally:
        for process in processes:
            process.kill()
            process.join()


def messages(inbox: Any, processes: Sequence[Any], ends: int, remedy: str) -> Iterator[Any]:
    """What workers send, until `ends` of them have sent None; an exception that one sends is raised.

    Raises
    ------
    Refusal
        One has died; `remedy` says what to do.
    """
    while ends:
        try:
            message = inbox.get(timeout=PATIENCE_S)
        except queue.Empty:
            check_alive(processes, remedy)
            continue
        if message is None:
            ends -= 1
        elif isinstance(message, Exception):
            raise message
        else:
            yield message


def check_alive(processes: Iterable[Any], remedy: str) -> None:
    """Refuse to wait for a worker that has died."""
    for process in processes:
        if process.exitcode not in (None, 0):
            raise Refusal(f"A worker process died (exit {process.exitcode}; out of memory?). {remedy}")
