"""Bubblewrap: a mount, process, network and IPC namespace of its own for a process. See bwrap(1)."""

from collections.abc import Iterable, Sequence
from pathlib import PurePosixPath

from hyperscale.sandbox.host import Host

PROGRAM = 2  # its process id in there; the first process is the reaper
SCRATCH = "/tmp"  # in there: a file system in memory, which ends with the process


def arguments(host: Host, scratch: int, command: Sequence[str]) -> list[str]:
    """The command line that runs a command in namespaces; its scratch directory has that many bytes."""
    assert host.bubblewrap
    namespaces = [f"--unshare-{kind}" for kind in ("pid", "net", "ipc", "uts", "cgroup-try")]
    files = [path for path in (str(host.interpreter), *host.read) if not path.startswith("/dev/")]
    return [
        host.bubblewrap,
        *namespaces,
        *_user(host),
        "--die-with-parent",
        # Our reaper is the namespace's first process, so that status and CPU time reach the supervisor. It stays root where the
        # program changes its user: bubblewrap has no capability left, and may only kill what is its own when it ends.
        "--as-pid-1",
        *_folders(files),
        *(word for path in files for word in ("--ro-bind", path, path)),
        *("--proc", "/proc", "--dev", "/dev"),
        *("--perms", "0700", "--size", str(scratch), "--tmpfs", SCRATCH, "--chdir", SCRATCH),
        "--",
        *command,
    ]


def _user(host: Host) -> list[str]:
    """Root needs no user namespace, in which its processes would still be root's to others: they change their user instead."""
    if host.uids:
        kept = [word for name in ("SETUID", "SETGID", "CHOWN") for word in ("--cap-add", f"CAP_{name}")]
        return ["--cap-drop", "ALL", *kept]
    return ["--unshare-user", "--cap-drop", "ALL"]  # --disable-userns needs a newer bwrap, and seccomp denies all it denies


def _folders(files: Iterable[str]) -> list[str]:
    """The folders that lead to files; made by bubblewrap on the way, they would be closed to all but root."""
    folders = dict.fromkeys(str(parent) for path in files for parent in reversed(PurePosixPath(path).parents))
    return [word for folder in folders if folder != "/" for word in ("--perms", "0755", "--dir", folder)]
