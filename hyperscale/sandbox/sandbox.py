"""Programs written by models, run where they can do no harm."""

import json
import secrets
from collections.abc import Mapping, Sequence
from typing import Any

from hyperscale.sandbox.calls import HEADER
from hyperscale.sandbox.checking import check
from hyperscale.sandbox.execution import End
from hyperscale.sandbox.host import Host, Layer, LayerReport, survey
from hyperscale.sandbox.judgement import NONCE_BYTES, disturbed, judge, own_report
from hyperscale.sandbox.outcome import Ending, Isolation, Limits, Outcome
from hyperscale.sandbox.running import AbandonedError, Running

_DEFAULT = Limits()


class Sandbox:
    """Runs every program in a fresh process of its own. All methods may be called from several threads at once."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._running = Running(host)

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

    def apart(self) -> "Sandbox":
        """A sandbox with the same walls, which can be abandoned without this one."""
        return Sandbox(self._host)

    def abandon(self) -> None:
        """End, from any thread, all that runs here, for good: those executions and all later ones are SANDBOX_ERROR at once."""
        self._running.abandon()

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
        self,
        code: str,
        function: str,
        arguments: Sequence[Any] = (),
        limits: Limits = _DEFAULT,
        *,
        texts: Sequence[str] = (),
        prelude: str = "",
    ) -> Outcome:
        """Call `Solution().function(*arguments)`, or the function of that name where there is no such class.

        `arguments` are JSON data; `texts` are further ones as JSON texts, read in the function's process only, so that
        their integers may have any number of digits. A text that is no JSON is a SANDBOX_ERROR. `prelude` is run before `code`.

        What the function returns is the outcome's `text`, which is JSON: tuples have become lists, and nothing is of a class of
        the program's. Returning what is no JSON data is a runtime error.
        """
        try:
            for text in texts:
                _validate(text)
        except (ValueError, RecursionError) as error:
            return Outcome(Ending.SANDBOX_ERROR, detail=f"an argument is no JSON: {error}")
        nonce = secrets.token_bytes(NONCE_BYTES)
        task: dict[str, Any] = {"kind": "function", "code": code, "prelude": prelude, "name": function}
        task |= {"arguments": list(arguments), "texts": list(texts), "nonce": nonce}
        outcome, end = self._run(task, b"", limits)
        if not outcome.finished:
            return outcome
        assert end
        try:
            return _outcome(end, Ending.FINISHED, "", _json_text(own_report(end, nonce)))
        except (ValueError, RecursionError):
            return _outcome(end, Ending.RUNTIME_ERROR, "the program ended before the function had returned a value")

    def check_function(
        self,
        code: str,
        entry_point: str,
        setup: str,
        check_code: str,
        limits: Limits = _DEFAULT,
        *,
        prelude: str = "",
        prefix: str = "",
        continuation: str = "",
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
            Source of `check(candidate)`; the function's process never sees it.
        limits
            What each of the two processes may use.
        prelude
            Source to be run before `code` and before `setup`.
        prefix
            Source to be run before `code` in the function's process, such as a prompt's imports and helpers; left out where it
            does not compile. A function of that name in it does not count.
        continuation
            Source to be run instead of both where `code` does not define the function: the two joined.

        Returns
        -------
        Outcome
            FINISHED if all asserts hold, CHECK_FAILED if one does not; SANDBOX_ERROR also if the asserts do not even load.
        """
        candidate = {"code": code, "prelude": prelude, "prefix": prefix, "continuation": continuation}
        return check(self._running, limits, candidate, entry_point, {"setup": setup, "check": check_code})

    def _run(self, task: Mapping[str, Any], stdin: bytes, limits: Limits) -> tuple[Outcome, End | None]:
        try:
            with self._running.process(limits) as process:
                end = process.finish(task, stdin)
        except AbandonedError as error:
            return Outcome(Ending.SANDBOX_ERROR, detail=str(error)), None
        except OSError as error:
            return Outcome(Ending.SANDBOX_ERROR, detail=f"no process could be started: {error}"), None
        return _outcome(end, *judge(end, limits)), end


def _outcome(end: End, ending: Ending, detail: str, text: str = "") -> Outcome:
    unsettled = ending in (Ending.MEMORY_LIMIT, Ending.RUNTIME_ERROR) and disturbed(end)
    return Outcome(ending, end.stdout, detail, end.cpu_s, end.wall_s, text, unsettled)


def _json_text(report: bytes) -> str:
    length = int.from_bytes(report[:HEADER], "little")
    if len(report) != HEADER + length or length == 0:
        raise ValueError("torn")
    text = report[HEADER:].decode()
    _validate(text)
    return text


def _validate(text: str) -> None:
    """Raises ValueError or, where it is nested too deeply, RecursionError if a text is no JSON; converts no number."""
    json.loads(text, parse_int=len, parse_float=len)
