"""What a fresh interpreter is started with and told: the code that locks it down, and its task."""

import importlib.resources
import marshal
import math
import resource
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import CodeType
from typing import Any

from hyperscale.sandbox.host import Host, Layer
from hyperscale.sandbox.outcome import MIB, Limits
from hyperscale.sandbox.seccomp import compile_filter

# The modules come through a pipe, compiled: no file of this project has to be readable for the process. What the supervisor
# tells the child may be marshalled, since the one trusts the other; nothing that comes back is.
_BOOTSTRAP = """
import marshal, sys
with open(int(sys.argv[1]), "rb") as pipe:
    orders = pipe.read()
length = int.from_bytes(orders[:8], "little")
for name, code in marshal.loads(orders[8:]):
    module = sys.modules[name] = type(sys)(name)
    package, _, leaf = name.rpartition(".")
    setattr(sys.modules.get(package, module), leaf, module)
    if code:
        exec(code, module.__dict__)
sys.modules["hyperscale.sandbox.child"].main(marshal.loads(orders[8 + length:]))
"""
# each needs earlier ones only
_MODULES = ("kernel", "landlock", "reaper", "workdir", "lockdown", "plain", "calls", "tester", "child")
_STACK = 112 * MIB  # memory that is always free lies 128 MiB below the stack of the main thread

# As -I: no user's site-packages, no path from the caller; but with a fixed hash seed, for the same verdict every time a program
# iterates over a set. No site-packages either (-S). The program finds an empty environment.
FLAGS = ("-s", "-S", "-P", "-B", "-X", "utf8", "-c", _BOOTSTRAP)
ENVIRONMENT = {"PYTHONHASHSEED": "0", "LC_ALL": "C.UTF-8", "MALLOC_ARENA_MAX": "2"}


@dataclass(frozen=True, slots=True)
class Place:
    """Where one process runs: its id as its parent and as it sees itself, its parent's, and its working directory."""

    pid: int
    own_pid: int
    parent: int
    scratch: str
    namespace: bool  # whether it starts in a user namespace of its own
    scratch_writable: bool  # whether programs may write there even if the process cannot put it into memory itself


def compose(host: Host, limits: Limits, place: Place, report: int, task: Mapping[str, Any]) -> bytes:
    """The bytes that go through a new process's first pipe."""
    modules = _modules()
    orders = {"plan": _plan(host, limits, place), "report": report, "task": dict(task)}
    return len(modules).to_bytes(8, "little") + modules + marshal.dumps(orders)


def _plan(host: Host, limits: Limits, place: Place) -> dict[str, Any]:
    """See lockdown.py."""
    strict = host.has(Layer.SECCOMP)
    uid = host.uids[place.pid % len(host.uids)] if host.uids else 0
    return {
        "parent": place.parent,
        "reaper": not strict or host.has(Layer.BUBBLEWRAP),
        "scratch": place.scratch,
        "scratch_memory": limits.scratch if strict else 0,
        "scratch_writable": place.scratch_writable,
        "namespace": place.namespace,
        "uid": uid,
        "landlock": host.landlock if host.has(Layer.LANDLOCK) else 0,
        "read": list(host.read),
        "write": list(host.write),
        "limits": _limits(limits) if host.has(Layer.LIMITS) else [],
        "threads": limits.threads if host.has(Layer.LIMITS) else 0,
        "private": strict or host.has(Layer.LANDLOCK),
        "seccomp": compile_filter(place.own_pid) if strict else b"",
    }


def _limits(limits: Limits) -> list[tuple[int, int, int]]:
    seconds = math.ceil(limits.cpu_seconds)
    return [
        (resource.RLIMIT_CPU, seconds, seconds + 1),
        (resource.RLIMIT_AS, limits.memory, limits.memory),
        (resource.RLIMIT_FSIZE, limits.output, limits.output),
        (resource.RLIMIT_NOFILE, limits.descriptors, limits.descriptors),
        (resource.RLIMIT_CORE, 0, 0),
        (resource.RLIMIT_STACK, _STACK, resource.RLIM_INFINITY),  # programs recurse deeply, and may ask for more
    ]


def source(module: str) -> str:
    """The source of a module of this package, wherever it is installed."""
    name = module.rpartition(".")[2]
    return importlib.resources.files("hyperscale.sandbox").joinpath(f"{name}.py").read_text(encoding="utf-8")


@cache
def _modules() -> bytes:
    """Names and code of the modules that run inside."""
    found: list[tuple[str, CodeType | None]] = [("hyperscale", None), ("hyperscale.sandbox", None)]
    for name in (f"hyperscale.sandbox.{module}" for module in _MODULES):
        found.append((name, compile(source(name), f"<{name}>", "exec", dont_inherit=True)))
    return marshal.dumps(found)


def command(host: Host) -> list[str]:
    """The command line of a fresh interpreter."""
    return [str(Path(host.interpreter)), *FLAGS]
