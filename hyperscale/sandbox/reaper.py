"""A parent that outlives all of a program's processes: the first one of a namespace, or where nothing forbids to start any.

Used inside the sandboxed process: see kernel.py.
"""

import os
from typing import TYPE_CHECKING

from hyperscale.sandbox import kernel

if TYPE_CHECKING:  # importing typing would be paid for by every test
    from types import ModuleType
    from typing import NoReturn


def outlive_descendants() -> int:
    """Go on in a child; returns its parent, which ends as the child ends, and first kills what the child has left running.

    It also does so when the supervisor terminates it. A process that makes itself a daemon becomes its child, not init's.
    """
    kernel.prctl(kernel.PR_SET_CHILD_SUBREAPER, 1)
    import signal  # not at the top: it brings enum along, and most processes have no use for it

    reaper = os.getpid()
    program = os.fork()
    if program:
        _wait_for(program, signal)
    kernel.prctl(kernel.PR_SET_PDEATHSIG, kernel.SIGKILL)
    if os.getppid() != reaper:
        os._exit(1)
    return reaper


def _wait_for(program: int, signal: "ModuleType") -> "NoReturn":
    os.closerange(0, 1024)  # whoever waits for the end of a pipe waits for the program's
    signal.signal(signal.SIGTERM, lambda *_: os.kill(program, signal.SIGKILL))
    _, status = os.waitpid(program, 0)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    _sweep()
    _end_like(status, signal)


def _sweep() -> None:
    while True:
        for child in _children():
            os.kill(child, kernel.SIGKILL)
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            return


def _children() -> list[int]:
    found = []
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                with open(f"/proc/{entry}/stat", "rb") as stat:
                    parent = int(stat.read().rpartition(b")")[2].split()[1])
            except OSError:  # it has ended meanwhile
                continue
            if parent == os.getpid():
                found.append(int(entry))
    return found


def _end_like(status: int, signal: "ModuleType") -> "NoReturn":
    if os.WIFSIGNALED(status):
        killer = os.WTERMSIG(status)
        if killer not in (signal.SIGKILL, signal.SIGSTOP):
            signal.signal(killer, signal.SIG_DFL)
        os.kill(os.getpid(), killer)
        os._exit(128 + killer)  # the first process of a namespace survives that, and says it as bubblewrap does
    code = os.waitstatus_to_exitcode(status) & 0xFF
    os._exit(min(code, 128) if os.getpid() == 1 else code)  # in a namespace, what is above stands for signals
