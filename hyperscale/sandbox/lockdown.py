"""How a fresh interpreter locks itself down, before it sees a program. Every step is for good.

Used inside the sandboxed process: see kernel.py. The plan is a dictionary because it arrives as plain data.
"""

import os
import resource
import sys
from typing import TYPE_CHECKING

from hyperscale.sandbox import kernel, landlock
from hyperscale.sandbox.reaper import outlive_descendants

if TYPE_CHECKING:  # importing typing would be paid for by every test
    from typing import Any


def lock_down(plan: "dict[str, Any]") -> None:
    """Take the steps that the plan names.

    Raises
    ------
    OSError
        A step failed; its `filename` is the step.
    """
    parent = plan["parent"]
    _step("parent", _die_with, parent)
    if plan["reaper"]:
        parent = _step("reaper", outlive_descendants)
    _step("scratch", _enter_scratch, plan["scratch"], plan["scratch_memory"])
    rules = (
        _step("landlock", landlock.ruleset, plan["landlock"], plan["read"], plan["write"], ".") if plan["landlock"] else None
    )
    for limit, soft, hard in plan["limits"]:
        _step("limits", _limit, limit, soft, hard)
    if plan["uid"]:
        _step("uid", _become, plan["uid"])
        _step("parent", _die_with, parent)  # changing the user has disarmed it
    if plan["private"]:
        _step("private", kernel.prctl, kernel.PR_SET_DUMPABLE, 0)
        _step("private", kernel.prctl, kernel.PR_SET_NO_NEW_PRIVS, 1)
    if rules is not None:
        _step("landlock", landlock.restrict, rules)
    if plan["seccomp"]:
        _step("seccomp", kernel.install_filter, plan["seccomp"])


def _step(name: str, function: "Any", *arguments: "Any") -> "Any":
    try:
        return function(*arguments)
    except (OSError, ValueError) as error:  # ValueError: resource.setrlimit, on a limit that may not be raised
        raise OSError(getattr(error, "errno", None) or 0, str(error), name) from error


def _die_with(parent: int) -> None:
    kernel.prctl(kernel.PR_SET_PDEATHSIG, kernel.SIGKILL)
    if parent and os.getppid() != parent:  # it died before the line above; 0 where a namespace hides it
        os._exit(1)


def _enter_scratch(folder: str, memory: int) -> None:
    """Make the scratch directory the current one. Where this process may mount, its files live in memory and end with it."""
    if memory:
        try:
            kernel.own_mounts()
            kernel.mount_memory(folder, f"size={memory},nr_inodes=10000,mode=0700")
        except OSError:  # root without the capability: the supervisor watches the folder
            pass
    os.chdir(folder)


def _limit(limit: int, soft: int, hard: int) -> None:
    """Set a limit, within the hard one that there is already."""
    now = resource.getrlimit(limit)
    hard = _lower(hard, now[1])
    resource.setrlimit(limit, (_lower(soft, hard), hard))


def _lower(one: int, other: int) -> int:
    if resource.RLIM_INFINITY in (one, other):
        return other if one == resource.RLIM_INFINITY else one
    return min(one, other)


def _become(uid: int) -> None:
    library = os.path.dirname(os.__file__)
    way_in = os.open(library, os.O_PATH | os.O_CLOEXEC)
    os.chown(".", uid, uid)
    for descriptor in (0, 1, 2):  # so that /dev/stdin can be opened
        os.fchown(descriptor, uid, uid)
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)
    if os.getresuid() != (uid, uid, uid) or os.getresgid() != (uid, uid, uid):  # -1, for one, changes nothing and succeeds
        raise OSError(0, "the user has not changed")
    if os.access(os.__file__, os.R_OK):
        os.close(way_in)
    else:
        _move_library(library, f"/proc/self/fd/{way_in}")


def _move_library(library: str, way_in: str) -> None:
    """Import from now on through an open descriptor: an interpreter in root's home is out of reach by name for other users."""

    def moved(path: str) -> str:
        return way_in + path[len(library) :] if path.startswith(library) else path

    sys.path[:] = [moved(path) for path in sys.path]
    sys.path_importer_cache.clear()
    for module in list(sys.modules.values()):
        if getattr(module, "__path__", None):
            module.__path__[:] = [moved(path) for path in module.__path__]
