"""Whether what a program gave is what its test expects: LiveCodeBench's rules, without its crashes."""

import json
import re
from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from typing import Any

MOST_DIGITS = 100_000  # of a number in an output; a longer one is compared as text
_CONVERTIBLE = 4000  # digits of an integer that Python turns into a number without being asked twice

# how many times as long json.dumps may write the same result: an emoji as "\ud83d\ude00", a 0 as -0.0 or false ...
_STRETCH = 12
_STRETCH_OF_POWERS = 64  # ... and 1e308 with all its digits


def output_matches(output: bytes | str, expected: str) -> bool:
    """Whether an output equals the expected one.

    Blank lines at both ends and blanks around each line do not matter; every line has to be there. Two lines are equal as text,
    or have the same number of words, each pair of which is the same decimal number: 1.0 is 1, but 0.3333333 is not 0.33333333.
    What is not UTF-8 equals nothing.

    The output may be hostile: it is never cut into more pieces than the expected one has.
    """
    try:
        text = (output if isinstance(output, str) else output.decode()).strip()
    except UnicodeDecodeError:
        return False
    wanted = expected.strip()
    return text.count("\n") == wanted.count("\n") and all(map(_same_line, _lines(text), _lines(wanted)))


def result_matches(result: str, expected: str) -> bool:
    """Whether the result of a call, as `json.dumps` writes it, equals the expected one, written as JSON.

    Equality is Python's ``==`` on what the JSON says: 1, 1.0 and true are equal, and there is no tolerance (0.1 + 0.2 is not
    0.3). A tuple equals the list of its items, for both are written alike.

    Raises
    ------
    ValueError
        If `expected` is no JSON: the test is broken, whatever the program does.
    """
    try:
        wanted = _value(expected)
    except RecursionError as error:
        raise ValueError("the expected result is nested too deeply") from error
    if len(result) > len(expected) * (_STRETCH_OF_POWERS if re.search("[0-9][eE]", expected) else _STRETCH):
        return False  # whatever it says: reading it could take many times its size
    try:
        return bool(_value(result) == wanted)
    except (ValueError, RecursionError):
        return False


def _lines(text: str) -> Iterator[str]:
    start = 0
    while (end := text.find("\n", start)) >= 0:
        yield text[start:end].strip()
        start = end + 1
    yield text[start:].strip()


def _same_line(line: str, wanted: str) -> bool:
    if line == wanted:
        return True
    wanted_words = wanted.split()
    words = line.split(maxsplit=len(wanted_words))
    return len(words) == len(wanted_words) and all(map(_same_number, words, wanted_words))


def _same_number(word: str, wanted: str) -> bool:
    if max(len(word), len(wanted)) > MOST_DIGITS:
        return word == wanted
    try:
        # equality of decimals looks at sign, size and digits: 1e999999999 is never written out
        return Decimal(word) == Decimal(wanted)
    except InvalidOperation:  # no number, or a signalling NaN, which refuses to be compared
        return False


def _value(text: str) -> Any:
    return json.loads(text, parse_int=_integer)


def _integer(digits: str) -> int | Decimal:
    # Python refuses to convert long integers; as decimals they are equal to the same things
    return int(digits) if len(digits) <= _CONVERTIBLE else Decimal(digits)
