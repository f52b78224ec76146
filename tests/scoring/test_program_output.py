import json
import time
from decimal import Decimal
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
