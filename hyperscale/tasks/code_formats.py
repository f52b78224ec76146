"""Tests out of the rows of a code task."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from hyperscale.errors import Refusal
from hyperscale.tasks.cells import cell, required
from hyperscale.tasks.code_card import CodeCard, CodeFormat
from hyperscale.tasks.code_tests import CodeStyle, CodeTest, CodeTests
from hyperscale.tasks.packed_text import unpack_text
from hyperscale.tasks.rows import Row

_BLANK = ("", "[]")
_TESTTYPES = {CodeStyle.STDIN: "stdin", CodeStyle.CALL: "functional"}


def read_tests(code: CodeCard, question: str, row: Row, where: str, *, partial: bool = False) -> CodeTests:
    """The tests of a row; `question` is the name of its question column.

    Raises
    ------
    Refusal
        If they cannot be decoded, are not in the card's format, or there are none: never an empty list, which every program
        would pass.
    """
    if code.format is CodeFormat.HUMANEVAL:
        name = required(row, code.function, where).strip()
        setup, check = required(row, question, where), required(row, code.tests[0], where)
        return CodeTests(CodeStyle.CHECK, function=name, setup=setup, check=check, partial=partial)
    name_or_none = _function(row, code.function, where)
    style = CodeStyle.STDIN if name_or_none is None else CodeStyle.CALL
    cases = [case for column in code.tests for case in _cases(row, column, style, where)]
    if not cases:
        raise Refusal(f"{where}: the row has no tests, and every program would pass. Complete or remove the row.")
    return CodeTests(style, tuple(cases), function=name_or_none, partial=partial)


def without_tests(code: CodeCard, row: Row) -> bool:
    """Whether a row states no test at all. Nothing is decoded: packed tests count as some."""
    return all(_blank(row.get(column)) for column in code.tests)


def is_partial(code: CodeCard, row: Row, file: str) -> bool:
    """Whether a row is known to hold only part of its tests: it or its file says so, or the private ones are left out."""
    if file in code.partial_files or (code.partial_column is not None and code.partial_column in row):
        return True
    return code.format is CodeFormat.LIVECODEBENCH and _blank(row.get(code.tests[-1]))


def digest(code: CodeCard, row: Row, where: str) -> str:
    """sha256 over everything about a row's tests, as it is written there: a changed test changes the data hash."""
    columns = (*code.tests, code.function, *((code.starter,) if code.starter else ()))
    hasher = hashlib.sha256()
    for column in columns:
        if column not in row:
            required(row, column, where)  # says what there is instead
        value = row[column]
        text = value if isinstance(value, str) else json.dumps(value, sort_keys=True, default=str)
        content = text.encode("utf-8", "surrogatepass")
        hasher.update(b"%s %d " % (column.encode(), len(content)))
        hasher.update(content)
    return hasher.hexdigest()


def starter_of(code: CodeCard, row: Row, where: str) -> str:
    """The code that a program of this row has to start from; empty where there is none."""
    return cell(row.get(code.starter), code.starter, where) if code.starter else ""


def _blank(value: object) -> bool:
    return value is None or (value.strip() in _BLANK if isinstance(value, str) else value == [])


def _function(row: Row, column: str, where: str) -> str | None:
    value = row.get(column)
    if isinstance(value, str) and value.strip():
        value = _json(value, column, where)
    if value is None or value == "":
        return None
    name = value.get("func_name") if isinstance(value, Mapping) else value
    if not isinstance(value, Mapping) or not (name is None or (isinstance(name, str) and name.isidentifier())):
        raise Refusal(f'{where}: column {column!r} must be a JSON object, with "func_name" where a function is to be called.')
    return name


def _cases(row: Row, column: str, style: CodeStyle, where: str) -> list[CodeTest]:
    value = row.get(column)
    if _blank(value):
        return []
    if isinstance(value, str):
        text = value if value.lstrip().startswith("[") else _unpacked(value, column, where)
        value = _json(text, column, where)
    if not isinstance(value, list):
        raise Refusal(f"{where}: column {column!r} holds a {type(value).__name__}, not a list of tests. Correct the row.")
    return [_case(item, style, f"{where}: test {number} of column {column!r}") for number, item in enumerate(value, 1)]


def _case(item: object, style: CodeStyle, what: str) -> CodeTest:
    if not isinstance(item, Mapping) or not all(isinstance(item.get(key), str) for key in ("input", "output")):
        raise Refusal(f'{what} is no object with the texts "input" and "output". Correct the row.')
    testtype = item.get("testtype", _TESTTYPES[style])
    if testtype != _TESTTYPES[style]:
        wanted = "names no function" if style is CodeStyle.STDIN else "names a function"
        raise Refusal(f"{what} is of the type {testtype!r}, but the row {wanted}. Correct the row.")
    for key in ("input", "output"):
        try:
            item[key].encode()
        except UnicodeEncodeError:  # no program could be given it, nor print it
            raise Refusal(f"{what} holds half of a surrogate pair in its {key}. Correct the row.") from None
    return CodeTest(item["input"], item["output"])


def _unpacked(value: str, column: str, where: str) -> str:
    try:
        return unpack_text(value)
    except ValueError as error:
        raise Refusal(f"{where}: the tests in column {column!r} cannot be decoded: {error}. Copy the file again.") from error


def _json(text: str, column: str, where: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Refusal(f"{where}: column {column!r} is no readable JSON ({error}). Copy the file again.") from error
