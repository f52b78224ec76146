"""Landlock: a process gives up all files but a few, TCP, and signals to strangers. See landlock(7).

Used inside the sandboxed process: see kernel.py.
"""

import os
import stat
import struct
from collections.abc import Iterable

from hyperscale.sandbox.kernel import syscall

CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446
VERSION = 1
PATH_BENEATH = 1

EXECUTE, WRITE_FILE, READ_FILE, READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
TRUNCATE, IOCTL_DEV = 1 << 14, 1 << 15
REGULAR = (1 << 4) | (1 << 5) | (1 << 7) | (1 << 8) | (1 << 12)  # remove dir, remove file, make dir, make file, make symlink
READ = READ_FILE | READ_DIR
OF_A_FILE = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | IOCTL_DEV  # the rest has a meaning for folders only

# Rights of files a kernel knows, by the version of its interface; from 6 on, the last one. Naming an unknown one is an error.
_KNOWN = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 4: (1 << 15) - 1, 5: (1 << 16) - 1}
_NEWEST = 5
_TCP = 0b11  # bind, connect
_SCOPES = 0b11  # abstract unix sockets, signals


def abi() -> int:
    """The version of the kernel's interface, 0 where there is none."""
    try:
        return syscall(CREATE_RULESET, None, 0, VERSION)
    except OSError:
        return 0


def handled(version: int) -> int:
    """All the rights of files that a kernel can take away."""
    return _KNOWN[min(version, _NEWEST)]


def ruleset(version: int, read: Iterable[str], write: Iterable[str]) -> int:
    """A descriptor of rules: `read` (files and folders) may be read, `write` (files) written too.

    Paths that lead nowhere, or where this process may not go anyway, are left out.
    """
    fields = [handled(version), *([_TCP] if version >= 4 else []), *([_SCOPES] if version >= 6 else [])]
    attributes = struct.pack(f"={len(fields)}Q", *fields)
    rules = syscall(CREATE_RULESET, attributes, len(attributes), 0)
    for path in read:
        if os.path.exists(path):
            _allow(rules, path, READ)
    for path in write:
        if os.path.exists(path):
            _allow(rules, path, READ_FILE | WRITE_FILE)
    return rules


def allow_scratch(rules: int, version: int, folder: str, *, writable: bool) -> None:
    """Add a folder to rules: it may be read and, if `writable`, changed in any way."""
    _allow(rules, folder, (READ | (WRITE_FILE | TRUNCATE | REGULAR) * writable) & handled(version))


def restrict(rules: int) -> None:
    """Hold this process to rules, for good."""
    syscall(RESTRICT_SELF, rules, 0)
    os.close(rules)


def _allow(rules: int, path: str, rights: int) -> None:
    place = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        if not stat.S_ISDIR(os.fstat(place).st_mode):
            rights &= OF_A_FILE
        syscall(ADD_RULE, rules, PATH_BENEATH, struct.pack("=Qi", rights, place), 0)
    finally:
        os.close(place)
