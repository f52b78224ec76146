import math
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hyperscale.budget import Budget, format_size, parse_budget, parse_size
from hyperscale.errors import UsageError


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("512", 512),
        ("16k", 16384),
        ("16K", 16384),
        ("64M", 1 << 26),
        ("2^26", 1 << 26),
        ("1.5k", 1536),
        ("2^0", 1),
        (" 8k ", 8192),
    ],
)
def test_sizes_are_read(text: str, value: int) -> None:
    assert parse_size(text) == value


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0",
        "0k",
        "-1",
        "k",
        "1.3",
        "1.0001k",
        "16kb",
        "3^2",
        "2^",
        "2^63",
        "2^999",
        "nan",
        "inf",
        "1e6",
        "16 k k",
        "٣",
        "9" * 30,
        "1m",
    ],
)
def test_malformed_sizes_are_usage_errors_that_quote_examples(text: str) -> None:
    with pytest.raises(UsageError, match=r"2\^") as caught:
        parse_size(text, "--reads")
    assert "--reads" in str(caught.value)
    assert repr(text) in str(caught.value)


@settings(deadline=None)
@given(st.integers(1, 1 << 62))
def test_a_formatted_size_reads_back(value: int) -> None:
    assert parse_size(format_size(value)) == value


@settings(deadline=None)
@given(st.integers(1, 1 << 40))
def test_units_multiply(value: int) -> None:
    assert parse_size(f"{value}M") == 1024 * parse_size(f"{value}k") == 1024 * 1024 * parse_size(str(value))


@pytest.mark.parametrize(
    ("text", "budget", "label"),
    [
        ("8x", Budget(ratio=8.0), "8x"),
        ("08X", Budget(ratio=8.0), "8x"),
        ("2.50x", Budget(ratio=2.5), "2.5x"),
        ("1x", Budget(ratio=1.0), "1x"),
        ("512t", Budget(slots=512), "512t"),
        ("4kt", Budget(slots=4096), "4096t"),
        ("4k t", Budget(slots=4096), "4096t"),
        ("2^9t", Budget(slots=512), "512t"),
    ],
)
def test_budgets_are_read_and_have_one_canonical_label(text: str, budget: Budget, label: str) -> None:
    assert parse_budget(text) == budget
    assert budget.label == label
    assert parse_budget(label) == budget


@pytest.mark.parametrize(
    "text",
    [
        "",
        "8",
        "x",
        "t",
        "0x",
        "0.5x",
        "-8x",
        "nanx",
        "infx",
        "1e3x",
        "8xx",
        "0t",
        "-5t",
        "1.5t",
        "x8",
        "8x512t",
        "99999999999x",
        "2^50t",
    ],
)
def test_malformed_budgets_are_usage_errors_that_quote_examples(text: str) -> None:
    with pytest.raises(UsageError, match=r"8x|512"):
        parse_budget(text)


def test_a_budget_is_a_ratio_or_slots_and_not_both() -> None:
    with pytest.raises(UsageError):
        Budget()
    with pytest.raises(UsageError):
        Budget(ratio=8.0, slots=512)
    with pytest.raises(UsageError):
        Budget(ratio=math.nan)


@settings(deadline=None)
@given(st.integers(100, 6_553_600).map(lambda hundredths: Decimal(hundredths) / 100))
def test_every_ratio_label_reads_back(ratio: Decimal) -> None:
    budget = parse_budget(f"{ratio}x")
    assert parse_budget(budget.label) == budget


@settings(deadline=None)
@given(st.integers(0, 1 << 20), st.integers(1, 1 << 20), st.integers(100, 10_000))
def test_capacity_is_the_smallest_number_of_slots_that_keeps_the_ratio(prompt: int, length: int, hundredths: int) -> None:
    capacity = parse_budget(f"{Decimal(hundredths) / 100}x").capacity(prompt, length)
    assert (capacity - 1) * hundredths < (prompt + length) * 100 <= capacity * hundredths


def test_capacity_is_exact_where_floating_point_division_is_not() -> None:
    assert math.ceil(1100 / 1.1) == 1000
    assert math.ceil(330 / 1.1) == 300
    assert parse_budget("1.1x").capacity(100, 1000) == 1000
    assert parse_budget("1.1x").capacity(30, 300) == 300
    assert parse_budget("8x").capacity(1, 1024) == 129


@settings(deadline=None)
@given(st.integers(0, 1 << 20), st.integers(1, 1 << 20), st.integers(1, 1 << 20))
def test_slots_do_not_depend_on_lengths(prompt: int, length: int, slots: int) -> None:
    assert Budget(slots=slots).capacity(prompt, length) == slots
