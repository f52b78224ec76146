import json
import math
import time
import tracemalloc
from decimal import Decimal, InvalidOperation
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hyperscale.scoring.program_output import MOST_DIGITS, output_matches, result_matches

SAME = [
    ("1\n2\n", "1\n2\n"),
    ("1\n2", "1\n2\n"),
    ("1\n2\n\n\n", "1\n2"),
    ("\n\n1\n2", "1\n2"),
    ("  1 \n2\t\r\n", "1\n2\n"),
    ("1\n\n2", "1\n\n2"),
    ("", ""),
    ("\n \n", ""),
    ("YES", "YES"),
    ("1.0", "1"),
    ("1.50 2", "1.5 2.000"),
    ("+1 -0", "1 0"),
    ("1e3", "1000"),
    ("1  2", "1 2"),
    ("inf", "Infinity"),
    ("1e999999999", "10e999999998"),
    ("a\x0cb", "a\x0cb"),
    (b"caf\xc3\xa9\n", "café"),
    (b"", ""),
]
OTHER = [
    ("1 2", "1\n2"),
    ("1\n2\n3", "1\n2"),
    ("1", "1\n2"),
    ("1\n\n2", "1\n2"),
    ("yes", "YES"),
    ("0.3333333", "0.33333333"),
    ("0.1", "0.10000000000000001"),
    ("50000000000000001", "50000000000000000"),
    ("YES 1.0", "YES 1"),
    ("1", ""),
    ("", "0"),
    ("nan 1.0", "nan 1"),
    ("snan 1.0", "snan 1"),
    ("1 2 3", "1 2"),
    ("1,000", "1000"),
    ("0x10", "16"),
    ("1e999999999", "1e-999999999"),
    ("1e99999999999999999999", "1"),
    (b"\xff\xfe", "\ufffd\ufffd"),
    (b"1\xff", "1"),
    ("1\x85", "1 2"),
]


@pytest.mark.parametrize(("output", "expected"), SAME)
def test_the_same_output(output: str | bytes, expected: str) -> None:
    assert output_matches(output, expected)


@pytest.mark.parametrize(("output", "expected"), OTHER)
def test_another_output(output: str | bytes, expected: str) -> None:
    assert not output_matches(output, expected)


def test_huge_outputs_take_no_time() -> None:
    start = time.process_time()
    digits = "9" * MOST_DIGITS
    assert output_matches(f"{digits} 1.0", f"{digits} 1")
    assert not output_matches(f"{digits}9.0", f"{digits}9"), "longer than numbers are read"
    assert output_matches(f"{digits}9", f"{digits}9"), "equal as text"
    assert not output_matches("1e999999999 " * 50_000, "1e999999998 " * 50_000)
    assert not output_matches(b"\n" * 5_000_000 + b"1", "1\n2")
    assert time.process_time() - start < 5


lines = st.lists(st.lists(st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1)).map(" ".join))


@settings(deadline=None)
@given(lines)
def test_an_output_matches_itself_however_it_is_padded(content: list[str]) -> None:
    expected = "\n".join(content)
    assert output_matches(expected, expected)
    assert output_matches("\n".join(f"  {line}\t\r" for line in content) + "\n\n", expected)


@settings(deadline=None)
@given(st.lists(st.decimals(allow_nan=False, places=3), min_size=1), st.integers(0, 5))
def test_numbers_match_however_they_are_written(numbers: list[Decimal], zeros: int) -> None:
    expected = " ".join(map(str, numbers))
    output = " ".join(f"{number}{'0' * zeros}" if number.is_finite() else str(number) for number in numbers)
    assert output_matches(output, expected)


@settings(deadline=None)
@given(st.binary(max_size=60), st.text(max_size=60))
def test_whatever_comes_an_answer_is_given(output: bytes, expected: str) -> None:
    assert output_matches(output, expected) in (True, False)


def slowly(output: bytes | str, expected: str) -> bool:
    """The rule as it is told, with everything in memory."""
    try:
        text = output if isinstance(output, str) else output.decode()
    except UnicodeDecodeError:
        return False
    given, wanted = ([line.strip() for line in whole.strip().split("\n")] for whole in (text, expected))
    return len(given) == len(wanted) and all(
        one == other or (len(one.split()) == len(other.split()) and all(map(same_number, one.split(), other.split())))
        for one, other in zip(given, wanted, strict=True)
    )


def same_number(one: str, other: str) -> bool:
    try:
        return Decimal(one) == Decimal(other)
    except InvalidOperation:
        return False


blanks = st.text(" \t\r\n\x0b\x0c\x1c\x85\xa0\u2003\u2028", max_size=4)
words = st.sampled_from(["1", "1.0", "1.", "+1", "10e-1", "1_0", "nan", "inf", "a", "é", "٣", "\U0001f600", "-"]) | st.text(
    max_size=3
)
padded = st.lists(st.tuples(blanks, words, blanks).map("".join), max_size=6).map(" ".join)


@settings(deadline=None, max_examples=500)
@given(padded, padded, blanks, blanks)
def test_quick_refusals_refuse_nothing_that_the_rule_accepts(one: str, other: str, before: str, after: str) -> None:
    assert output_matches(one.encode(), other) == slowly(one.encode(), other)
    assert output_matches(before + one + after, one) == slowly(before + one + after, one)
    swapped = one.replace("1.0", "10e-1").replace(" ", "  ")
    assert output_matches(swapped.encode(), one) == slowly(swapped, one)


MIB = 1 << 20
HOSTILE = {
    "empty lines": b"a" + b"\n" * (16 * MIB - 2) + b"a",
    "short lines": b"1\n" * (8 * MIB),
    "short words": b"1 " * (8 * MIB),
    "blanks": b" " * (16 * MIB - 1) + b"1",
    "exotic blanks": "\u2028\n".encode() * (4 * MIB),
    "one long word": b"9" * 16 * MIB,
    "no UTF-8": b"\xff" * 16 * MIB,
}


@pytest.mark.parametrize("output", HOSTILE.values(), ids=HOSTILE.keys())
def test_large_outputs_take_little_memory_and_time(output: bytes) -> None:
    start = time.process_time()
    tracemalloc.start()
    try:
        assert not output_matches(output, "1 2\n3 4")
        assert not output_matches(output, "1 2")
        assert output_matches(output, "1") == (output == HOSTILE["blanks"])
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 4 * len(output)
    assert time.process_time() - start < 3


# --- results of calls


@pytest.mark.parametrize(
    ("result", "expected"),
    [
        ("1", "1"),
        ("1.0", "1"),
        ("true", "1"),
        ("0", "false"),
        ("[1, [2, 3]]", "[1,[2,3.0]]"),
        (json.dumps((1, (2,))), "[1, [2]]"),
        ('{"b": 1, "a": 2}', '{"a": 2, "b": 1}'),
        ('"caf\\u00e9"', '"café"'),
        ("null", "null"),
        ("9" * 5000, "9" * 5000),
    ],
)
def test_the_same_result(result: str, expected: str) -> None:
    assert result_matches(result, expected)


@pytest.mark.parametrize(
    ("result", "expected"),
    [
        ("0.30000000000000004", "0.3"),
        ("[1, 2]", "[2, 1]"),
        ('"1"', "1"),
        ("null", "0"),
        ("[]", "null"),
        ("NaN", "NaN"),
        ("9" * 5000, "9" * 4999 + "8"),
        ("not json", "1"),
        ("", "1"),
        ("[" * 100_000, "1"),
        ("1 2", "1"),
    ],
)
def test_another_result(result: str, expected: str) -> None:
    assert not result_matches(result, expected)


@pytest.mark.parametrize("expected", ["", "nonsense", "[" * 100_000])
def test_an_expected_result_that_is_no_json_is_the_fault_of_the_test(expected: str) -> None:
    with pytest.raises(ValueError):
        result_matches("1", expected)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@settings(deadline=None)
@given(values, values)
def test_results_are_equal_as_python_says(one: Any, other: Any) -> None:
    assert result_matches(json.dumps(one), json.dumps(one))
    assert result_matches(json.dumps(one), json.dumps(other)) == (one == other)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (int(1e308), "1e308"),
        (-int(9e307), "-9e307"),
        ([int(1e308)] * 3, "[1e308,1E308,1e+308]"),
        ("\U0001f600" * 50, '"' + "\U0001f600" * 50 + '"'),
        ({"\U0001f600": "\U0001f600"}, '{"\U0001f600":"\U0001f600"}'),
        ([False] * 100, "[" + ",".join("0" * 100) + "]"),
        (-0.0, "0"),
        (float("inf"), "1e999"),
        ([[]] * 100, "[" + ",".join(["[]"] * 100) + "]"),
    ],
)
def test_long_ways_to_write_the_same_result(value: Any, expected: str) -> None:
    assert result_matches(json.dumps(value), expected)


def looser(value: Any) -> Any:
    """An equal value that is written at greater length, where there is one."""
    if isinstance(value, list):
        return [looser(each) for each in value]
    if isinstance(value, dict):
        return {key: looser(each) for key, each in value.items()}
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return {0: False, 1: True}.get(value, value) if isinstance(value, int) else value


def shortest(value: Any) -> str:
    """The value as the shortest JSON that says something equal."""
    if isinstance(value, list):
        return f"[{','.join(map(shortest, value))}]"
    if isinstance(value, dict):
        return "{" + ",".join(f"{shortest(key)}:{shortest(each)}" for key, each in value.items()) + "}"
    if isinstance(value, float) and math.isfinite(value):
        return repr(value).removesuffix(".0").replace("e+", "e")
    return json.dumps(int(value) if isinstance(value, bool) else value, ensure_ascii=False)


@settings(deadline=None)
@given(values)
def test_results_are_equal_however_short_the_expected_one_is_written(value: Any) -> None:
    assert json.loads(shortest(value)) == looser(value) == value
    assert result_matches(json.dumps(looser(value)), shortest(value))
    assert result_matches(json.dumps(value), shortest(looser(value)))


def test_results_that_are_much_longer_than_the_expected_one_are_not_even_parsed() -> None:
    result, nonsense = "[" + "[]," * (5 * MIB) + "[]]", "nonsense" * MIB
    tracemalloc.start()
    try:
        assert not result_matches(result, "[[], [1e3]]")
        assert not result_matches(nonsense, json.dumps(list(range(100))))
        assert tracemalloc.get_traced_memory()[1] < MIB
    finally:
        tracemalloc.stop()
    with pytest.raises(ValueError):
        result_matches(result, "nonsense")
