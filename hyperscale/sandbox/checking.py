"""A function and the asserts that judge it, in two sandboxed processes."""

import contextlib
import os
import secrets
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Any

from hyperscale.sandbox import tester
from hyperscale.sandbox.execution import End
from hyperscale.sandbox.judgement import NONCE_BYTES, Finding, disturbed, judge, own_report, raised
from hyperscale.sandbox.outcome import Ending, Limits, Outcome
from hyperscale.sandbox.process import Process
from hyperscale.sandbox.running import AbandonedError, Running

MOMENT_S = 0.2


@dataclass(frozen=True, slots=True)
class Pipe:
    """A pipe between two processes, while the supervisor still holds both ends."""

    reading: int
    writing: int

    def close(self) -> None:
        os.close(self.reading)
        os.close(self.writing)


def check(running: Running, limits: Limits, candidate: Mapping[str, Any], name: str, asserts: Mapping[str, Any]) -> Outcome:
    """Run `asserts` on the function `name` of `candidate`; see `Sandbox.check_function`."""
    nonce = secrets.token_bytes(NONCE_BYTES)
    common = {"prelude": candidate["prelude"], "name": name, "most": limits.output}
    try:
        with contextlib.ExitStack() as processes:
            with contextlib.ExitStack() as ours:
                requests, replies = _pipe(ours), _pipe(ours)
                theirs = processes.enter_context(running.process(limits, (requests.reading, replies.writing)))
                trusted = processes.enter_context(running.process(limits, (requests.writing, replies.reading)))
            # from here on only the two processes hold the pipes, so that each learns of the other's end
            serve = {"kind": "candidate", **candidate}
            serve |= common | {"requests": requests.reading, "replies": replies.writing}
            test = {"kind": "tester", "nonce": nonce, **asserts}
            test |= common | {"requests": requests.writing, "replies": replies.reading}
            ends = _both(theirs, serve, trusted, test)
    except AbandonedError as error:
        return Outcome(Ending.SANDBOX_ERROR, detail=str(error))
    except OSError as error:
        return Outcome(Ending.SANDBOX_ERROR, detail=f"no process could be started: {error}")
    return _verdict(*ends, nonce, limits)


def _pipe(stack: contextlib.ExitStack) -> Pipe:
    pipe = Pipe(*os.pipe())
    stack.callback(pipe.close)
    return pipe


def _both(theirs: Process, serve: Mapping[str, Any], trusted: Process, test: Mapping[str, Any]) -> tuple[End, End]:
    """Let both run until the trusted one ends; then the other one has no more to do.

    It gets a moment to end in its own way: it may have been the cause, and its CPU time is known only then.
    """
    with ThreadPoolExecutor(1) as pool:
        try:
            other = pool.submit(theirs.finish, serve)
        except RuntimeError as error:  # the system has no thread left for this user
            raise OSError(str(error)) from error
        try:
            end = trusted.finish(test)
            wait([other], MOMENT_S)
        finally:
            theirs.dismiss()
        return other.result(), end


def _verdict(theirs: End, trusted: End, nonce: bytes, limits: Limits) -> Outcome:
    ending, detail = _finding(theirs, trusted, nonce, limits)
    cpu_s, wall_s = theirs.cpu_s + trusted.cpu_s, max(theirs.wall_s, trusted.wall_s)
    unsettled = ending not in (Ending.FINISHED, Ending.TIME_LIMIT, Ending.OUTPUT_LIMIT) and (
        disturbed(theirs) or disturbed(trusted)
    )
    return Outcome(ending, theirs.stdout, detail, cpu_s, wall_s, disturbed=unsettled)


def _finding(theirs: End, trusted: End, nonce: bytes, limits: Limits) -> Finding:
    """Only the trusted process can say that the asserts hold; what the other one did can only make it worse."""
    function, asserts = judge(theirs, limits), judge(trusted, limits)
    if function[0] in (Ending.SANDBOX_ERROR, Ending.TIME_LIMIT, Ending.OUTPUT_LIMIT):
        return function
    if asserts[0] is not Ending.FINISHED:
        return asserts if asserts[0] is not Ending.RUNTIME_ERROR else (Ending.SANDBOX_ERROR, f"the test: {asserts[1]}")
    try:
        word, _, rest = own_report(trusted, nonce).partition(b" ")
    except ValueError:
        return Ending.SANDBOX_ERROR, "the test ended without a word"
    words = rest.decode(errors="replace")
    if word == tester.PASSED:
        return Ending.FINISHED, ""
    if word == tester.FAILED:
        return Ending.CHECK_FAILED, words
    if word == tester.RAISED:
        return raised(words)
    if word == tester.GONE:
        return function if function[0] is not Ending.FINISHED else (Ending.RUNTIME_ERROR, words)
    return Ending.SANDBOX_ERROR, words
