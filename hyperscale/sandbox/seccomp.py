"""A seccomp filter: the system calls that a computing program needs, and no others. See seccomp(2).

An allowlist: a call that a future kernel adds stays out of reach. What is not listed fails with ENOSYS, as on a kernel without
it, so that the C library takes its older road: clone3 and openat2, whose arguments a filter cannot read, are left out for that.
"""

import errno
import platform
import struct
from collections.abc import Iterator
from dataclasses import dataclass

from hyperscale.sandbox.syscalls import ALLOWED, CONDITIONAL, DENIED

ARCHITECTURES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}  # column of the tables, AUDIT_ARCH_*
_X32 = 0x40000000  # numbers from here on are the same calls once more, for programs with 32-bit pointers

_NUMBER, _ARCHITECTURE, _ARGUMENTS = 0, 4, 16  # offsets in struct seccomp_data
_LOAD, _AND, _RETURN = 0x20, 0x54, 0x06
_IF_EQUAL, _IF_AT_LEAST = 0x15, 0x35
_ALLOW, _KILL, _FAIL = 0x7FFF0000, 0x80000000, 0x00050000
_WORD = 0xFFFFFFFF

Instruction = tuple[int, int, int, int]  # code, jump if true, jump if false, operand


@dataclass(frozen=True, slots=True)
class Condition:
    """An argument, as a number below 2^32, and what its bits under a mask must be."""

    argument: int
    value: int
    mask: int = _WORD


Alternatives = tuple[tuple[Condition, ...], ...]  # a call is allowed if all conditions of one alternative hold


def supported() -> bool:
    """Whether the tables know this machine's architecture."""
    return platform.machine() in ARCHITECTURES and struct.calcsize("P") == 8


def compile_filter(pid: int, machine: str | None = None) -> bytes:
    """The BPF program for a process with that id (as the process itself sees it)."""
    column, architecture = ARCHITECTURES[machine or platform.machine()]
    program = [(_LOAD, 0, 0, _ARCHITECTURE), (_IF_EQUAL, 1, 0, architecture), (_RETURN, 0, 0, _KILL), (_LOAD, 0, 0, _NUMBER)]
    if column == 0:
        program += [(_IF_AT_LEAST, 0, 1, _X32), (_RETURN, 0, 0, _FAIL | errno.ENOSYS)]
    for _, number in _numbers(ALLOWED, column):
        program += [(_IF_EQUAL, 0, 1, number), (_RETURN, 0, 0, _ALLOW)]
    conditions = _conditions(pid)
    for name, number in _numbers(CONDITIONAL, column):
        block = _block(conditions[name])
        program += [(_IF_EQUAL, 0, len(block), number), *block]
    for _, number in _numbers(DENIED, column):
        program += [(_IF_EQUAL, 0, 1, number), (_RETURN, 0, 0, _FAIL | errno.EPERM)]
    program.append((_RETURN, 0, 0, _FAIL | errno.ENOSYS))
    return b"".join(struct.pack("=HBBI", *instruction) for instruction in program)


def _numbers(table: str, column: int) -> Iterator[tuple[str, int]]:
    for entry in table.split():
        name, *numbers = entry.split(":")
        if numbers[column] != "-":
            yield name, int(numbers[column])


def _block(alternatives: Alternatives) -> list[Instruction]:
    """Allow if an alternative holds, else fail."""
    block: list[Instruction] = []
    for conditions in alternatives:
        length = 5 * len(conditions) + 1
        for position, condition in enumerate(conditions):
            offset = _ARGUMENTS + 8 * condition.argument  # low half first on both architectures
            left = length - 5 * position
            block += [
                (_LOAD, 0, 0, offset + 4),
                (_IF_EQUAL, 0, left - 2, 0),
                (_LOAD, 0, 0, offset),
                (_AND, 0, 0, condition.mask),
                (_IF_EQUAL, 0, left - 5, condition.value),
            ]
        block.append((_RETURN, 0, 0, _ALLOW))
    return [*block, (_RETURN, 0, 0, _FAIL | errno.EPERM)]


def _conditions(pid: int) -> dict[str, Alternatives]:
    oneself = ((Condition(0, pid),),)
    return {
        "open": _opening(1),
        "openat": _opening(2),
        "clone": ((Condition(0, _THREAD, _THREAD | _NOT_A_THREAD),),),
        "kill": oneself,
        "tgkill": oneself,
        "prlimit64": ((Condition(0, 0),), *oneself),
        "fcntl": _any_of(1, _FCNTL),
        "ioctl": _any_of(1, _IOCTL),
        "prctl": _any_of(0, _PRCTL),
        # what an event loop wakes itself with: connected streams, without the flags and addresses that a real socket takes
        "socketpair": ((Condition(0, _AF_UNIX), Condition(1, _SOCK_STREAM, ~_SOCK_FLAGS & _WORD)),),
        "sendto": tuple((Condition(3, flags), Condition(4, 0)) for flags in (0, _MSG_NOSIGNAL)),
        "recvfrom": ((Condition(3, 0),),),
    }


def _any_of(argument: int, values: tuple[int, ...]) -> Alternatives:
    return tuple((Condition(argument, value),) for value in values)


def _opening(flags: int) -> Alternatives:
    """All but truncating without opening for writing, which Landlock below version 3 lets pass for files that may be read."""
    return (
        (Condition(flags, 0, _O_TRUNC),),
        (Condition(flags, 1, _O_ACCMODE),),
        (Condition(flags, 2, _O_ACCMODE),),
    )


_AF_UNIX, _SOCK_STREAM, _SOCK_FLAGS, _MSG_NOSIGNAL = 1, 1, 0o2004000, 0x4000
_O_TRUNC, _O_ACCMODE = 0o1000, 3
_THREAD = 0x100 | 0x800 | 0x10000  # CLONE_VM, CLONE_SIGHAND, CLONE_THREAD
# CLONE_PIDFD, _PTRACE, _VFORK, _PARENT, _NEWNS, _UNTRACED, _NEWCGROUP, _NEWUTS, _NEWIPC, _NEWUSER, _NEWPID, _NEWNET
_NOT_A_THREAD = 0x1000 | 0x2000 | 0x4000 | 0x8000 | 0x20000 | 0x800000 | 0x7E000000
# no F_SETOWN, F_SETSIG: they send signals to anyone
_FCNTL = (0, 1, 2, 3, 4, 5, 6, 7, 36, 37, 38, 1030, 1031, 1032)
# TCGETS, TIOCGWINSZ, FIONREAD, FIONBIO, FIONCLEX, FIOCLEX; no TIOCSTI, no FIOASYNC
_IOCTL = (0x5401, 0x5413, 0x541B, 0x5421, 0x5450, 0x5451)
# PR_GET_PDEATHSIG, PR_GET_DUMPABLE, PR_SET_NAME, PR_GET_NAME, PR_GET_SECCOMP, PR_GET_NO_NEW_PRIVS
_PRCTL = (2, 3, 15, 16, 21, 39)
