"""The few kernel calls that Python does not offer.

Used inside the sandboxed process too, where every import is paid for by every test: no dataclasses, enums or typing here.
"""

import ctypes
import os

PR_SET_PDEATHSIG = 1
PR_SET_DUMPABLE = 4
PR_SET_SECCOMP = 22
PR_SET_CHILD_SUBREAPER = 36
PR_SET_NO_NEW_PRIVS = 38
SECCOMP_MODE_FILTER = 2

_CAPABILITY_VERSION_3 = 0x20080522

SIGKILL = 9  # the signal module would bring enum along

CLONE_NEWNS, CLONE_NEWUSER = 0x20000, 0x10000000
MS_NOSUID_NODEV_NOEXEC = 2 | 4 | 8
MS_REC_PRIVATE = 0x4000 | (1 << 18)


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _checked(result: int) -> int:
    if result < 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))
    return result


def prctl(option: int, value: int, pointer: ctypes.c_void_p | None = None) -> int:
    return _checked(_libc().prctl(option, ctypes.c_ulong(value), pointer, 0, 0))


def syscall(number: int, *arguments: object) -> int:
    """A call by number. Integers are passed as machine words, bytes as pointers."""
    words = [ctypes.c_long(each) if isinstance(each, int) else each for each in arguments]
    function = _libc().syscall
    function.restype = ctypes.c_long
    return _checked(function(ctypes.c_long(number), *words))


def own_mounts() -> None:
    """Leave the mounts of the rest of the machine: what is mounted from here on is seen by nobody else."""
    _checked(_libc().unshare(CLONE_NEWNS))
    _checked(_libc().mount(b"none", b"/", None, ctypes.c_ulong(MS_REC_PRIVATE), None))


def own_user() -> None:
    """Enter a new user namespace, with this user in it alone and all capabilities in there. Not for a process with threads."""
    user, group = os.getuid(), os.getgid()
    _checked(_libc().unshare(CLONE_NEWUSER))
    for name, text in (("setgroups", "deny"), ("uid_map", f"{user} {user} 1"), ("gid_map", f"{group} {group} 1")):
        with open(f"/proc/self/{name}", "w") as file:
            file.write(text)


def drop_capabilities() -> None:
    """Keep none of the capabilities, in whatever namespace they count."""
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
    _checked(_libc().capset(header, (ctypes.c_uint32 * 6)()))


def mount_memory(folder: str, options: str) -> None:
    """Mount an empty file system that lives in memory."""
    flags = ctypes.c_ulong(MS_NOSUID_NODEV_NOEXEC)
    _checked(_libc().mount(b"none", os.fsencode(folder), b"tmpfs", flags, options.encode()))


def install_filter(instructions: bytes) -> None:
    """Let a BPF program decide about every system call from now on."""

    class Program(ctypes.Structure):
        _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p))

    program = Program(len(instructions) // 8, instructions)
    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.cast(ctypes.pointer(program), ctypes.c_void_p))
