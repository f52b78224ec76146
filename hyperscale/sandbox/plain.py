"""Values as plain data: what crosses from one process to another is built anew there, from exact builtin types.

A value's class stays behind, with any `__eq__` that claims equality: an instance of a subclass crosses as what it holds.

Used inside the sandboxed process: see kernel.py.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:  # importing typing would be paid for by every test
    from collections.abc import Callable
    from typing import Any

_SAFE_INTEGER = 1 << 63  # above, decimal digits could exceed what int() converts


class NotPlainError(TypeError):
    """A value that is no plain data, or data that is no value."""


def encode(value: "Any") -> "Any":
    """A value as JSON data.

    Raises
    ------
    NotPlainError
        It holds something else than numbers, strings, bytes, None and their lists, tuples, dictionaries and sets.
    """
    try:
        return _encode(value)
    except RecursionError:
        raise NotPlainError(f"a {type(value).__name__} that is nested too deeply or contains itself") from None


def _encode(value: "Any") -> "Any":
    if value is None or value is True or value is False:
        return value
    if isinstance(value, int):
        number = int.__int__(value)
        return number if -_SAFE_INTEGER < number < _SAFE_INTEGER else {"int": hex(number)}
    if isinstance(value, float):
        return float.__float__(value)
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, list):
        return [_encode(each) for each in list.__iter__(value)]
    if isinstance(value, tuple):
        return {"tuple": [_encode(each) for each in tuple.__iter__(value)]}
    if isinstance(value, dict):
        return {"dict": [[_encode(key), _encode(each)] for key, each in dict.items(value)]}
    if isinstance(value, set):
        return {"set": [_encode(each) for each in set.__iter__(value)]}
    if isinstance(value, frozenset):
        return {"frozenset": [_encode(each) for each in frozenset.__iter__(value)]}
    if isinstance(value, bytes):
        return {"bytes": bytes.hex(value)}
    if isinstance(value, bytearray):
        return {"bytearray": bytearray.hex(value)}
    if isinstance(value, complex):
        exact = complex.__complex__(value)
        return {"complex": [exact.real, exact.imag]}
    raise NotPlainError(f"a {type(value).__name__}")


def decode(data: "Any") -> "Any":
    """The value that JSON data stands for.

    Raises
    ------
    NotPlainError
        `encode` has not made that data.
    """
    try:
        return _decode(data)
    except (RecursionError, ValueError, TypeError, AttributeError, KeyError):
        raise NotPlainError("data that stands for no value") from None


def _decode(data: "Any") -> "Any":
    if isinstance(data, list):
        return [_decode(each) for each in data]
    if not isinstance(data, dict):
        return data
    ((kind, content),) = data.items()
    return _DECODERS[kind](content)


_DECODERS: "dict[str, Callable[[Any], Any]]" = {
    "int": lambda digits: int(digits, 16),
    "tuple": lambda items: tuple(_decode(items)),
    "set": lambda items: set(_decode(items)),
    "frozenset": lambda items: frozenset(_decode(items)),
    "dict": lambda items: {_decode(key): _decode(value) for key, value in items},
    "bytes": lambda digits: bytes.fromhex(digits),
    "bytearray": lambda digits: bytearray.fromhex(digits),
    "complex": lambda parts: complex(*parts),
}
