"""How a fresh interpreter locks itself down, before it sees a program. Every step is for good.

Used inside the sandboxed process: see kernel.py. The plan is a dictionary because it arrives as plain data.
"""

import os
import resource
import sys
from typing import TYPE_CHECKING

from hyperscale.sandbox import kernel, landlock, workdir
from hyperscale.sandbox.reaper import outlive_descendants

if TYPE_CHECKING:  # importing typing would be paid for by every test
    from typing import Any


_NAMESPACES_COUNT = (5, 14)  # from this kernel on, the limit of processes counts a user namespace's own
_SPARED = 256


def lock_down(plan: "dict[str, Any]", files: "dict[str, str]") -> None:
    """Take the steps that the plan names, and put files into the working directory.

    Raises
    ------
    OSError
        A step failed; its `filename` is the step.
    """
    parent = plan["parent"]
    _step("parent", _die_with, parent)
    if plan["reaper"]:
        parent = _step("reaper", outlive_descendants)
    _be_the_victim()
    memory, version = plan["scratch_memory"], plan["landlock"]
    mounted = _step("scratch", workdir.enter, plan["scratch"], memory)
    rules = _step("landlock", landlock.ruleset, version, plan["read"], plan["write"]) if version else None
    if plan["uid"]:
        _step("uid", _become, plan["uid"])
    namespace = plan["namespace"]
    if memory and not mounted:
        entered, mounted = _step("scratch", workdir.enter_as_user, plan["scratch"], memory)
        namespace = namespace or entered
    _step("parent", _die_with, parent)  # changing the user has disarmed it
    workdir.put(files)
    if rules is not None:
        writable = mounted or plan["scratch_writable"]
        _step("landlock", lambda: landlock.allow_scratch(rules, version, ".", writable=writable))
    for limit, soft, hard in plan["limits"]:
        _step("limits", _limit, limit, soft, hard)
    if plan["threads"]:
        _step("limits", _limit_threads, plan["threads"], bool(plan["uid"]) or (namespace and _kernel() >= _NAMESPACES_COUNT))
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


def _be_the_victim() -> None:
    """Where memory runs out, this process is to be killed, not the one that does a run's work."""
    try:
        with open("/proc/self/oom_score_adj", "w") as file:
            file.write("1000")
    except OSError:  # a /proc that is not writable: no wall depends on it
        pass


def _limit(limit: int, soft: int, hard: int) -> None:
    """Set a limit, within the hard one that there is already."""
    now = resource.getrlimit(limit)
    hard = _lower(hard, now[1])
    resource.setrlimit(limit, (_lower(soft, hard), hard))


def _limit_threads(most: int, counted_alone: bool) -> None:
    """Limit the threads; where the kernel counts the user's other processes too, leave those a part of what the user may have.

    Then it is the supervisor that counts this process's own.
    """
    if counted_alone:
        _limit(resource.RLIMIT_NPROC, most, most)
        return
    users, _ = resource.getrlimit(resource.RLIMIT_NPROC)
    if users != resource.RLIM_INFINITY:
        rest = users - min(users // 4, _SPARED)
        _limit(resource.RLIMIT_NPROC, rest, rest)


def _kernel() -> "tuple[int, ...]":
    try:
        return tuple(int(number) for number in os.uname().release.split("-")[0].split(".")[:2])
    except ValueError:  # a name that says nothing: as an old one
        return (0,)


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
