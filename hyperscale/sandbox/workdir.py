"""A process's working directory: in memory, of a limited size and number of files, where the kernel lets it be made.

On a disk, files could be held unseen: unlinked but open or mapped, or in folders that forbid to be read. So where it lies on
one, a program may only read it; see lockdown.py.

Used inside the sandboxed process: see kernel.py.
"""

import os

from hyperscale.sandbox import kernel

MOST_FILES = 10_000


def enter(folder: str, memory: int) -> bool:
    """Make a folder the current one, with a file system of so many bytes in it if this process may mount; returns whether."""
    mounted = False
    if memory:
        try:
            kernel.own_mounts()
            kernel.mount_memory(folder, _options(memory))
            mounted = True
        except OSError:  # no capability: see `enter_as_user`
            pass
    os.chdir(folder)
    return mounted


def enter_as_user(folder: str, memory: int) -> "tuple[bool, bool]":
    """The same in a user namespace, which many kernels grant to everyone; where not, the current folder stays what it is.

    Returns whether there is a namespace now, whose processes the kernel counts on their own, and whether the mount succeeded.
    No capability is left.
    """
    entered = False
    kernel.prctl(kernel.PR_SET_DUMPABLE, 1)  # else the maps in /proc belong to root; private again in a later step
    try:
        kernel.own_user()
        entered = True
        kernel.own_mounts()
        kernel.mount_memory(folder, _options(memory))
        os.chdir(folder)
        return True, True
    except OSError:  # no namespace, or one without capabilities, as AppArmor makes them
        return entered, False
    finally:
        kernel.drop_capabilities()


def put(files: "dict[str, str]") -> None:
    """Write files; what does not fit is left out: a program's own source is there for those that look at it."""
    for name, text in files.items():
        try:
            with open(name, "w", encoding="utf-8", errors="surrogatepass") as file:
                file.write(text)
        except OSError:
            pass


def _options(memory: int) -> str:
    return f"size={memory},nr_inodes={MOST_FILES},mode=0700"
