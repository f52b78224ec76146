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

    usual = sys.get_int_max_str_digits()
    sys.set_int_max_str_digits(0)  # the limit of CPU time is enough for what crosses
    arguments = [json.loads(text) for text in task["texts"]]
    sys.set_int_max_str_digits(usual)
    value = _load(task)(*task["arguments"], *arguments)
    sys.set_int_max_str_digits(0)
    text = json.dumps(value).encode()
    write_whole(report, task["nonce"] + len(text).to_bytes(HEADER, "little") + text)
    os._exit(0)  # what threads and exit handlers do afterwards is not asked for


def serve(task: "dict[str, Any]") -> None:
    """Answer calls of a function until there are no more."""
    import json

    function = _load_candidate(task)
    while (message := read_frame(task["requests"], task["most"])) is not None:
        arguments, named = plain.decode(json.loads(message))
        try:
            reply = ["returned", plain.encode(function(*arguments, **named))]
        except plain.NotPlainError as error:
            reply = ["raised", ["TypeError"], f"the function returned {error}"]
        except Exception as error:
            reply = ["raised", [kind.__name__ for kind in type(error).__mro__], _words(error)]
        write_frame(task["replies"], json.dumps(reply).encode())
    os._exit(0)


def _load(task: "dict[str, Any]") -> "Callable[..., Any]":
    """The method of a class `Solution`, or the function where there is none."""
    namespace = _namespace(task["prelude"])
    exec(compiled(task["code"], "<code>"), namespace)
    if "Solution" in namespace:
        return getattr(namespace["Solution"](), task["name"])  # type: ignore[no-any-return]
    return _named(task["name"], namespace)


def _named(name: str, namespace: "dict[str, Any]") -> "Callable[..., Any]":
    if name not in namespace:
        raise NameError(f"name {name!r} is not defined")
    return namespace[name]  # type: ignore[no-any-return]


def _namespace(prelude: str) -> "dict[str, Any]":
    """A new module's, after the prelude."""
    module = sys.modules[MODULE] = type(sys)(MODULE)
    exec(compiled(prelude, "<prelude>"), module.__dict__)
    return module.__dict__


def _load_candidate(task: "dict[str, Any]") -> "Callable[..., Any]":
    """The function of a program that may stand for itself, or only go on where a prompt ends.

    Which it is gets decided here, where the program can do no harm: it stands for itself if it defines the function.
    """
    name, continuation = task["name"], task["continuation"]
    namespace = _namespace(task["prelude"])
    try:
        prefix = compiled(task["prefix"], "<prefix>")
        exec(prefix, namespace)
    except SyntaxError:  # a prompt may end where no program can
        pass
    namespace.pop(name, None)  # the prompt's own head of the function, which has no body
    defines = False
    try:
        code = compiled(task["code"], "<code>")
        defines = name in code.co_names
        exec(code, namespace)
    except Exception:
        if defines or not continuation:
            raise
    if name not in namespace and continuation:
        namespace = _namespace(task["prelude"])
        exec(compiled(continuation, "<code>"), namespace)
    return _named(name, namespace)


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
