"""Trusted asserts, in a process of their own: the function they test lives in another one and is called through pipes.

Used inside the sandboxed process: see kernel.py.
"""

import builtins
import os
import sys
from typing import TYPE_CHECKING

from hyperscale.sandbox import plain
from hyperscale.sandbox.calls import MODULE, compiled, read_frame, write_frame, write_whole

if TYPE_CHECKING:  # importing typing would be paid for by every test
    from typing import Any

PASSED, FAILED, RAISED, GONE, BROKEN = b"passed", b"failed", b"raised", b"gone", b"broken"


class CandidateGone(BaseException):  # not an Exception: no test may catch it
    """The process of the function has ended, or said something that makes no sense."""


class CandidateError(Exception):
    """The function raised an exception of its own making."""


class Candidate:
    """Stands for a function in another process."""

    def __init__(self, requests: int, replies: int, most: int) -> None:
        self._requests, self._replies, self._most = requests, replies, most
        self.raised: Exception | None = None

    def __call__(self, *arguments: "Any", **named: "Any") -> "Any":
        import json

        request = json.dumps(plain.encode([list(arguments), named])).encode()
        try:
            write_frame(self._requests, request)
        except BrokenPipeError:
            raise CandidateGone("the function's process has ended") from None
        message = read_frame(self._replies, self._most)
        if message is None:
            raise CandidateGone("the function's process has ended")
        try:
            kind, *content = json.loads(message)
            if kind == "returned":
                (data,) = content
                return plain.decode(data)
            names, words = content
            self.raised = _exception(list(map(str, names)), str(words))
        except (ValueError, TypeError, RecursionError):
            raise CandidateGone("the function's process answered with nonsense") from None
        raise self.raised


def _exception(names: "list[str]", words: str) -> Exception:
    """A builtin exception, as a test may expect it to be raised: the first of an exception's classes, which are named."""
    for name in names:
        kind = getattr(builtins, name, None)
        if not (isinstance(kind, type) and issubclass(kind, Exception)):
            continue
        if issubclass(kind, (StopIteration, StopAsyncIteration)):
            # would end a loop of the test's as if all had been said, such as all(map(candidate, ...))
            return RuntimeError(f"the function raised {name}")
        try:
            return kind(words)
        except TypeError:  # one that takes more, such as UnicodeDecodeError
            continue
    return CandidateError(f"{names[0] if names else 'exception'}: {words}")


def check(task: "dict[str, Any]", report: int) -> None:
    """Run the asserts and report what came of them."""
    candidate = Candidate(task["requests"], task["replies"], task["most"])
    word, detail = _judge(task, candidate)
    write_whole(report, task["nonce"] + word + b" " + detail[:500].encode(errors="replace"))
    os._exit(0)


def _judge(task: "dict[str, Any]", candidate: Candidate) -> tuple[bytes, str]:
    module = type(sys)(MODULE)
    sys.modules[MODULE] = module
    _make_repeatable(task)
    try:
        for part in ("prelude", "setup", "check"):
            exec(compiled(task[part], f"<{part}>"), module.__dict__)
        setattr(module, task["name"], candidate)
        asserts = module.check
    except Exception as error:
        return BROKEN, f"the test does not load: {_line(error)}"
    try:
        asserts(candidate)
    except CandidateGone as error:
        return GONE, str(error)
    except plain.NotPlainError as error:
        return BROKEN, f"the test passes {error}"
    except Exception as error:
        return (RAISED if error is candidate.raised else FAILED), _line(error)
    return PASSED, ""


def _make_repeatable(task: "dict[str, Any]") -> None:
    """Let tests that draw at random draw the same every time."""
    if any("random" in task[part] for part in ("prelude", "setup", "check")):  # importing it takes a while
        import random

        random.seed(0)


def _line(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".rstrip(": ")
