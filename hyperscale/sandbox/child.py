"""The sandboxed process: it takes its orders, locks itself down, and only then runs the program.

Used inside the sandboxed process: see kernel.py. No secret may lie here: the program can read every variable of its process.
"""

import builtins
import os
import sys
from typing import TYPE_CHECKING

from hyperscale.sandbox import calls, tester
from hyperscale.sandbox.lockdown import lock_down

if TYPE_CHECKING:  # importing typing would be paid for by every test
    from typing import Any

READY = b"ready"  # the first line of a report; the rest is the task's own
FAILED = b"failed"
SCRIPT = "main.py"


def main(orders: "dict[str, Any]") -> None:
    """Do what the supervisor asks, once."""
    report, task = orders["report"], orders["task"]
    try:
        lock_down(orders["plan"], {SCRIPT: task["code"]} if task["kind"] == "program" else {})
    except OSError as error:
        os.write(report, FAILED + f" {error.filename}: {error.strerror}".encode())
        os._exit(1)
    _become_inconspicuous()
    os.write(report, READY + b"\n")
    if task["kind"] == "program":
        os.close(report)
        _run_program(task)
    elif task["kind"] == "function":
        calls.call(task, report)
    elif task["kind"] == "candidate":
        os.close(report)
        calls.serve(task)
    else:
        tester.check(task, report)


def _become_inconspicuous() -> None:
    """A program finds an interpreter like any other, with no trace of this package."""
    import _sitebuiltins  # what the site module, which is left out, adds for programs that end with exit()

    for name in ("exit", "quit"):
        setattr(builtins, name, _sitebuiltins.Quitter(name, "Ctrl-D (i.e. EOF)"))
    os.environ.clear()
    sys.argv[:] = [SCRIPT]
    for name in [name for name in sys.modules if name.startswith("hyperscale")]:
        del sys.modules[name]


def _run_program(task: "dict[str, Any]") -> None:
    """Run a program as the interpreter runs a script: in the real `__main__`, which is this process's own."""
    namespace = sys.modules["__main__"].__dict__
    for name in [name for name in namespace if not name.startswith("__")]:
        del namespace[name]
    namespace["__file__"] = os.path.join(os.getcwd(), SCRIPT)
    _allow_for_own_frames()
    if task["prelude"]:
        exec(calls.compiled(task["prelude"], "<prelude>"), namespace)
    exec(calls.compiled(task["code"], SCRIPT), namespace)


def _allow_for_own_frames() -> None:
    depth, frame = 0, sys._getframe().f_back
    while frame:
        depth, frame = depth + 1, frame.f_back
    sys.setrecursionlimit(sys.getrecursionlimit() + depth)
