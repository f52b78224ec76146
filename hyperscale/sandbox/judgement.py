"""From how a process ended to what became of its program."""

import signal

from hyperscale.sandbox.child import READY
from hyperscale.sandbox.execution import End
from hyperscale.sandbox.outcome import Ending, Limits

NONCE_BYTES = 16
LONGEST_DETAIL = 300
_NEARLY = 0.95  # the clock that kills and the one that reports do not tick together
_OUT_OF_MEMORY = "MemoryError"

Finding = tuple[Ending, str]  # and a reason


def judge(end: End, limits: Limits) -> Finding:
    """How a program ended, and why."""
    if not end.report.startswith(READY):
        words = end.report.decode(errors="replace") or _last_line(end.stderr) or f"ended with status {end.status}"
        return Ending.SANDBOX_ERROR, f"the interpreter was not ready to run the program: {words}"[:LONGEST_DETAIL]
    if end.cut is Ending.TIME_LIMIT:
        return Ending.TIME_LIMIT, f"killed after {end.wall_s:.1f} s"
    if end.cut is Ending.OUTPUT_LIMIT:
        return Ending.OUTPUT_LIMIT, f"more than {limits.output} bytes of output or {limits.scratch} bytes of files"
    if end.cut is Ending.RUNTIME_ERROR:
        return Ending.RUNTIME_ERROR, f"more than {limits.threads} threads"
    killed = end.status in (-signal.SIGKILL, -signal.SIGXCPU) and not end.dismissed
    if end.cpu_s >= limits.cpu_seconds * (_NEARLY if killed else 1) or end.status == -signal.SIGXCPU:
        return Ending.TIME_LIMIT, f"computed {end.cpu_s:.1f} s"
    if end.status == 0 or end.dismissed:
        return Ending.FINISHED, ""
    if end.status == -signal.SIGKILL:
        return Ending.MEMORY_LIMIT, "killed by the system, as happens when memory runs out"
    words = _last_line(end.stderr)
    if words.startswith(_OUT_OF_MEMORY):
        return Ending.MEMORY_LIMIT, words
    return Ending.RUNTIME_ERROR, _cause(end.status) if end.status < 0 else words or _cause(end.status)


def disturbed(end: End) -> bool:
    """Whether something outside may have ended it: the kernel or a daemon for want of memory, or a person.

    A program can also send itself such a signal.
    """
    return end.cut is None and not end.dismissed and end.status in (-signal.SIGKILL, -signal.SIGTERM)


def own_report(end: End, nonce: bytes) -> bytes:
    """What a process has reported about its task.

    Raises
    ------
    ValueError
        It has not, or something in it that does not know the nonce has written there first.
    """
    _, _, report = end.report.partition(b"\n")
    if not report.startswith(nonce):
        raise ValueError("no report")
    return report[len(nonce) :]


def raised(words: str) -> Finding:
    """What an exception means that one process tells of another."""
    memory = words.startswith(_OUT_OF_MEMORY)
    return (Ending.MEMORY_LIMIT if memory else Ending.RUNTIME_ERROR), words[:LONGEST_DETAIL]


def _cause(status: int) -> str:
    try:
        return signal.Signals(-status).name
    except ValueError:
        return f"exit status {status}"


def _last_line(stderr: bytes) -> str:
    lines = stderr[-4096:].decode(errors="replace").strip().splitlines() or [""]
    return "".join(letter if letter.isprintable() else " " for letter in lines[-1])[:LONGEST_DETAIL]
