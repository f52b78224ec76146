"""What a hostile program would try. Run as a program in the sandbox, by the probe, with a line per attack on standard output.

An attack that fails for a reason other than being denied counts as not tried, and so does one that says nothing.
"""

import ctypes
import errno
import os
import platform
import resource
import signal
from collections.abc import Callable
from functools import partial
from typing import Any

DENIED, SUCCEEDED, UNTRIED = "denied", "succeeded", "untried"

_REFUSALS = (errno.EPERM, errno.EACCES, errno.ENOSYS, errno.EROFS)
_HIDDEN = (errno.ENOENT, errno.ESRCH)  # in a namespace of its own, a program does not even see what it attacks

# Calls by number: x86_64, aarch64, and arguments that the kernel itself would answer otherwise than by refusing.
_CALLS: dict[str, tuple[int, int, tuple[int, ...]]] = {
    "process by clone": (56, 220, (0, 0, 0, 0, 0)),
    "process by clone3": (435, 435, (0, 0)),
    "process by vfork": (56, 220, (0x4000, 0, 0, 0, 0)),
    "execute a file": (59, 221, (0, 0, 0)),
    "execute a descriptor": (322, 281, (-1, 0, 0, 0, 0)),
    "trace a process": (101, 117, (0x4206, 1 << 22, 0, 0)),
    "read another's memory": (310, 270, (1 << 22, 0, 0, 0, 0, 0)),
    "io_uring": (425, 425, (1, 0)),
    "anonymous file": (319, 279, (0, 0)),
    "load BPF": (321, 280, (0, 0, 0)),
    "catch page faults": (323, 282, (-1,)),
    "keys of the kernel": (250, 219, (-1, 0, 0, 0, 0)),
    "new namespace": (272, 97, (1,)),
    "enter a namespace": (308, 268, (-1, 0)),
    "mount": (165, 40, (0, 0, 0, 0, 0)),
    "file by handle": (304, 265, (-1, 0, 0)),
    "handle of a process": (434, 434, (-1, 0)),
    "shared memory": (29, 194, (0, 0, 0)),
    "count events": (298, 241, (0, 0, -1, -1, 0)),
}
_PR_GET_PDEATHSIG, _PR_SET_PDEATHSIG, _PR_GET_DUMPABLE, _PR_GET_NO_NEW_PRIVS = 2, 1, 3, 39


def attacks(target: dict[str, Any]) -> dict[str, Callable[[], object]]:
    """The attacks by name. Each raises the operating system's refusal, or returns what it got away with (None, 0: nothing)."""
    found: dict[str, Callable[[], object]] = {
        "read a file outside": lambda: _opened(target["secret"], os.O_RDONLY),
        "read through a symbolic link": lambda: _through_a_link(target["secret"]),
        "list a folder outside": lambda: os.listdir(target["folder"]),
        "write a file outside": lambda: _opened(os.path.join(target["folder"], "written"), os.O_WRONLY | os.O_CREAT),
        "truncate a file outside": lambda: _opened(target["secret"], os.O_RDONLY | os.O_TRUNC),
        "change permissions outside": lambda: _change_permissions(target["folder"]),
        "read another's environment": lambda: _opened(f"/proc/{target['parent']}/environ", os.O_RDONLY),
        "internet socket": lambda: _socket(2),
        "local socket": lambda: _socket(1),
        "fork": _fork,
        "signal the parent": lambda: _signal(target["parent"]),
        "signal everyone": lambda: _signal(-1),
        "use more memory": lambda: len(bytearray(2 * target["memory"])),
        "raise the limits": _raise_limits,
        "be or become root": _become_root,
        "inherited descriptors": _descriptors,
        "inherited environment": lambda: dict(os.environ),
        "be traced by others": lambda: _prctl(_PR_GET_DUMPABLE),
        "gain privileges": lambda: 1 - _prctl(_PR_GET_NO_NEW_PRIVS),
        "outlive the parent": _forget_parent,
    }
    for name, (x86_64, aarch64, arguments) in _CALLS.items():
        found[name] = partial(_call, {"x86_64": x86_64, "aarch64": aarch64}[platform.machine()], *arguments)
    return found


def run(target: dict[str, Any]) -> None:
    """Attack, and print what came of it."""
    for name, attack in attacks(target).items():
        print(f"{name}: {attempt(attack)}", flush=True)


def attempt(attack: Callable[[], object]) -> str:
    try:
        loot = attack()
    except MemoryError:
        return DENIED
    except OSError as error:
        return DENIED if error.errno in (*_REFUSALS, *_HIDDEN) else f"{UNTRIED} ({error})"
    except Exception as error:
        return f"{UNTRIED} ({type(error).__name__}: {error})"
    return SUCCEEDED if loot else DENIED


def _opened(path: str, flags: int) -> bool:
    os.close(os.open(path, flags, 0o600))
    return True


def _through_a_link(path: str) -> bool:
    os.symlink(path, "link")
    try:
        return _opened("link", os.O_RDONLY)
    finally:
        os.unlink("link")


def _socket(family: int) -> bool:
    import _socket as sockets

    sockets.socket(family, sockets.SOCK_STREAM).close()
    return True


def _fork() -> bool:
    if os.fork() == 0:
        os._exit(0)
    return True


def _change_permissions(path: str) -> bool:
    os.chmod(path, 0o777)
    return True


def _signal(process: int) -> bool:
    os.kill(process, 0)
    return True


def _raise_limits() -> bool:
    """Whether a limit is missing or can be lifted."""
    for limit in (resource.RLIMIT_CPU, resource.RLIMIT_AS, resource.RLIMIT_FSIZE, resource.RLIMIT_NOFILE):
        _, hard = resource.getrlimit(limit)
        if hard == resource.RLIM_INFINITY:
            return True
        try:
            resource.setrlimit(limit, (hard, hard + 1))
        except (ValueError, OSError):
            continue
        return True
    return False


def _become_root() -> bool:
    if os.geteuid() != 0:
        os.setresuid(0, 0, 0)
    return True


def _descriptors() -> list[int]:
    found = []
    for descriptor in range(3, 1024):
        try:
            status = os.fstat(descriptor)
        except OSError:
            continue
        # the way to the standard library, where only an open descriptor leads there
        if not os.path.samestat(status, os.stat(os.path.dirname(_library()))):
            found.append(descriptor)
    return found


def _library() -> str:
    import bisect

    return bisect.__file__


def _prctl(option: int, value: object = 0) -> int:
    result: int = ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0)
    if result < 0:
        raise OSError(ctypes.get_errno(), "prctl")
    return result


def _forget_parent() -> bool:
    deadly = ctypes.c_int()
    _prctl(_PR_GET_PDEATHSIG, ctypes.byref(deadly))
    if deadly.value == signal.SIGKILL:
        _prctl(_PR_SET_PDEATHSIG)
    return True


def _call(number: int, *arguments: int) -> bool:
    """Whether the kernel looked at the arguments, instead of refusing the call."""
    pid = os.getpid()
    result = ctypes.CDLL(None, use_errno=True).syscall(ctypes.c_long(number), *map(ctypes.c_long, arguments))
    if os.getpid() != pid:  # a process that should not be
        os._exit(0)
    error = ctypes.get_errno() if result == -1 else 0
    if error in _REFUSALS:
        raise OSError(error, os.strerror(error))
    return True
