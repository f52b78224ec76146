"""A model's function, loaded and called where it can do no harm.

Used inside the sandboxed process: see kernel.py.
"""

import os
import sys
from typing import TYPE_CHECKING

from hyperscale.sandbox import plain

if TYPE_CHECKING:  # importing typing would be paid for by every test
    from collections.abc import Callable
    from types import CodeType
    from typing import Any

MODULE = "solution"  # not __main__: an example under `if __name__ == "__main__"` is not what is asked for
HEADER = 8  # bytes that give the length of what follows


def call(task: "dict[str, Any]", report: int) -> None:
    """Call a function once and report what it returns."""
    import json

    value = _load(task)(*task["arguments"])
    text = json.dumps(value).encode()
    write_whole(report, task["nonce"] + len(text).to_bytes(HEADER, "little") + text)
    os._exit(0)  # what threads and exit handlers do afterwards is not asked for


def serve(task: "dict[str, Any]") -> None:
    """Answer calls of a function until there are no more."""
    import json

    function = _load(task)
    while (message := read_frame(task["requests"], task["most"])) is not None:
        arguments = plain.decode(json.loads(message))
        try:
            reply = ["returned", plain.encode(function(*arguments))]
        except plain.NotPlainError as error:
            reply = ["raised", "TypeError", f"the function returned {error}"]
        except Exception as error:
            reply = ["raised", type(error).__name__, _words(error)]
        write_frame(task["replies"], json.dumps(reply).encode())
    os._exit(0)


def _load(task: "dict[str, Any]") -> "Callable[..., Any]":
    module = type(sys)(MODULE)
    sys.modules[MODULE] = module
    for part in ("prelude", "code"):
        exec(compiled(task[part], f"<{part}>"), module.__dict__)
    if task["method"] and hasattr(module, "Solution"):
        return getattr(module.Solution(), task["name"])  # type: ignore[no-any-return]
    return getattr(module, task["name"])  # type: ignore[no-any-return]


def compiled(source: str, name: str) -> "CodeType":
    """Code that takes nothing over from this module, such as its future imports; a byte order mark is no part of it."""
    return compile(source.removeprefix("\ufeff"), name, "exec", dont_inherit=True)


def _words(error: Exception) -> str:
    try:
        return str(error)[:500]
    except Exception:  # the program's own __str__ may fail too
        return ""


def read_frame(descriptor: int, most: int) -> bytes | None:
    """The next message; None where there is none, or none that keeps to the rules."""
    header = _read_whole(descriptor, HEADER)
    length = int.from_bytes(header, "little")
    if len(header) < HEADER or length > most:
        return None
    message = _read_whole(descriptor, length)
    return message if len(message) == length else None


def _read_whole(descriptor: int, length: int) -> bytes:
    parts = []
    while length and (part := os.read(descriptor, min(length, 1 << 20))):
        parts.append(part)
        length -= len(part)
    return b"".join(parts)


def write_frame(descriptor: int, message: bytes) -> None:
    write_whole(descriptor, len(message).to_bytes(HEADER, "little") + message)


def write_whole(descriptor: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]
