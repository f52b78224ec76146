"""Programs written by models, run where they can do no harm."""

import json
import secrets
from collections.abc import Mapping, Sequence
from typing import Any

from hyperscale.sandbox.calls import HEADER
from hyperscale.sandbox.checking import check
from hyperscale.sandbox.execution import End
from hyperscale.sandbox.host import Host, Layer, LayerReport, survey
from hyperscale.sandbox.judgement import NONCE_BYTES, judge, own_report
from hyperscale.sandbox.outcome import Ending, Isolation, Limits, Outcome
from hyperscale.sandbox.process import Process

_DEFAULT = Limits()


class Sandbox:
    """Runs every program in a fresh process of its own. All methods may be called from several threads at once."""

    def __init__(self, host: Host) -> None:
        self._host = host

    @classmethod
    def open(cls, isolation: Isolation = Isolation.STRICT) -> "Sandbox":
        """A sandbox that has been attacked and has held.

        Raises
        ------
        Refusal
            This machine offers no isolation, or an attack succeeded.
        """
        from hyperscale.sandbox.probe import probed  # which runs its attacks in a Sandbox

        host = survey(isolation)
        return cls(host if isolation is Isolation.NONE else probed(host))

    @property
    def level(self) -> str:
        """The walls that stand, such as `bwrap+landlock7+seccomp+uid`."""
        walls = (Layer.BUBBLEWRAP, Layer.LANDLOCK, Layer.SECCOMP, Layer.UID)
        names = [f"{wall}{self._host.landlock}" if wall is Layer.LANDLOCK else wall for wall in walls if self._host.has(wall)]
        return "+".join(names) or "none (unsafe)"

    def describe(self) -> tuple[LayerReport, ...]:
        """Every layer, whether it stands, and why."""
        return self._host.reports

    def run_program(self, code: str, stdin: str | bytes, limits: Limits = _DEFAULT, *, prelude: str = "") -> Outcome:
        """Run a whole program on an input.

        Parameters
        ----------
        code
            Python source, run as a script is.
        stdin
            What it can read; a string is encoded as UTF-8.
        limits
            What it may use.
        prelude
            Source to be run before it, in the same namespace: imports that programs may take for granted.
        """
        task = {"kind": "program", "code": code, "prelude": prelude}
        given = stdin.encode(errors="surrogateescape") if isinstance(stdin, str) else stdin
        return self._run(task, given, limits)[0]

    def call_function(
        self, code: str, function: str, arguments: Sequence[Any], limits: Limits = _DEFAULT, *, prelude: str = ""
    ) -> Outcome:
        """Call `Solution().function(*arguments)`, or the function of that name where there is no such class.

        What it returns is the outcome's `value`, as JSON data: tuples have become lists, and nothing is an instance of a class
        of the program's. Returning what is no JSON data is a runtime error.
        """
        nonce = secrets.token_bytes(NONCE_BYTES)
        task = {"kind": "function", "code": code, "prelude": prelude, "name": function, "method": True}
        task |= {"arguments": list(arguments), "nonce": nonce}
        outcome, end = self._run(task, b"", limits)
        if not outcome.finished:
            return outcome
        assert end
        try:
            return _outcome(end, Ending.FINISHED, "", _value(own_report(end, nonce)))
        except (ValueError, RecursionError):
            return _outcome(end, Ending.RUNTIME_ERROR, "the program ended before the function had returned a value")

    def check_function(
        self, code: str, entry_point: str, setup: str, check_code: str, limits: Limits = _DEFAULT, *, prelude: str = ""
    ) -> Outcome:
        """Run trusted asserts on a function, each in a sandboxed process of its own.

        Parameters
        ----------
        code
            Source of the function, not trusted.
        entry_point
            Its name.
        setup
            Source of helpers that the asserts use; may define the function too, which is then replaced.
        check_code
            Source of `check(candidate)`. It knows the values expected; the function's process never sees it.
        limits
            What each of the two processes may use.
        prelude
            Source to be run before `code` and before `setup`.

        Returns
        -------
        Outcome
            FINISHED if all asserts hold, CHECK_FAILED if one does not; SANDBOX_ERROR also if the asserts do not even load.
        """
        return check(self._host, limits, {"code": code, "prelude": prelude}, entry_point, {"setup": setup, "check": check_code})

    def _run(self, task: Mapping[str, Any], stdin: bytes, limits: Limits) -> tuple[Outcome, End | None]:
        try:
            with Process(self._host, limits) as process:
                end = process.finish(task, stdin)
        except OSError as error:
            return Outcome(Ending.SANDBOX_ERROR, detail=f"no process could be started: {error}"), None
        return _outcome(end, *judge(end, limits)), end


def _outcome(end: End, ending: Ending, detail: str, value: Any = None) -> Outcome:
    return Outcome(ending, end.stdout, detail, end.cpu_s, end.wall_s, value)


def _value(report: bytes) -> Any:
    length = int.from_bytes(report[:HEADER], "little")
    if len(report) != HEADER + length or length == 0:
        raise ValueError("torn")
    return json.loads(report[HEADER:])
