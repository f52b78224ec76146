import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hyperscale.budget import Budget, format_size, parse_size
from hyperscale.configuration import Configuration, Order, read_configuration
from hyperscale.errors import UsageError

BUDGETS = st.one_of(
    st.integers(1, 1 << 16).map(lambda ratio: Budget(ratio=float(ratio))),
    st.integers(1, 1 << 40).map(lambda slots: Budget(slots=slots)),
)
CONFIGURATIONS = st.builds(Configuration, st.integers(1, 4096), st.integers(1, 1 << 30), BUDGETS)
EIGHT = Budget(ratio=8.0)


@pytest.mark.parametrize(
    ("text", "width", "length", "order"),
    [
        ("8-16k-8x", 8, 16384, Order.WIDTH_FIRST),
        ("16k-8-8x", 8, 16384, Order.LENGTH_FIRST),
        ("8-16K-8x", 8, 16384, Order.WIDTH_FIRST),
        (" 8 - 16k - 8x ", 8, 16384, Order.WIDTH_FIRST),
        ("2^14-8-8x", 8, 16384, Order.LENGTH_FIRST),
        ("512-1k-8x", 512, 1024, Order.WIDTH_FIRST),
        ("1-1000-8x", 1, 1000, Order.WIDTH_FIRST),
        ("2-64-8x", 2, 64, Order.WIDTH_FIRST),
        ("256-257-8x", 256, 257, Order.WIDTH_FIRST),
        ("8-8-8x", 8, 8, Order.WIDTH_FIRST),
        ("W8-L16-8x", 8, 16, Order.WIDTH_FIRST),
        ("l16-w8-8x", 8, 16, Order.LENGTH_FIRST),
        ("16-W8-8x", 8, 16, Order.LENGTH_FIRST),
        ("L1k-2000-8x", 2000, 1024, Order.LENGTH_FIRST),
    ],
)
def test_either_order_is_read_where_it_is_beyond_doubt(text: str, width: int, length: int, order: Order) -> None:
    reading = read_configuration(text)
    assert (reading.configuration, reading.order) == (Configuration(width, length, EIGHT), order)
    assert reading.text == text


@pytest.mark.parametrize(
    ("text", "one", "other"),
    [
        ("8-16-8x", "W8-L16-8x", "W16-L8-8x"),
        ("1000-8-8x", "W1000-L8-8x", "8-1000-8x"),
        ("1k-2000-8x", "W1024-L2000-8x", "W2000-L1k-8x"),
        ("1k-16k-8x", "1024-16k-8x", "W16384-L1k-8x"),
        ("300-1000-8x", "W300-L1000-8x", "W1000-L300-8x"),
    ],
)
def test_a_doubtful_order_is_refused_with_both_readings_spelt_out(text: str, one: str, other: str) -> None:
    with pytest.raises(UsageError, match="two ways") as caught:
        read_configuration(text)
    assert one in str(caught.value)
    assert other in str(caught.value)
    for spelt in (one, other):
        assert read_configuration(spelt).configuration.label == spelt


def test_lengths_in_thousands_without_the_k_are_pointed_out() -> None:
    with pytest.raises(UsageError, match=re.escape("if thousands are meant, write 8-16k-8x.")):
        read_configuration("8-16-8x")


@settings(deadline=None)
@given(CONFIGURATIONS)
def test_every_label_reads_back(configuration: Configuration) -> None:
    assert read_configuration(configuration.label).configuration == configuration


@settings(deadline=None)
@given(st.integers(1, 4096), st.integers(1, 1 << 20))
def test_what_is_accepted_without_letters_means_what_no_other_order_could(width: int, length: int) -> None:
    """Written with a unit or without, W-L-CR and L-W-CR texts of one configuration never read as another one."""
    for spelling in {str(length), format_size(length)}:
        for text in (f"{width}-{spelling}-8x", f"{spelling}-{width}-8x"):
            try:
                reading = read_configuration(text)
            except UsageError:
                continue
            if (width, length) == (reading.configuration.length, reading.configuration.width) and width != length:
                # only a width that is written like a length, and is the larger, could be taken for one
                assert parse_size(spelling) < width
            else:
                assert reading.configuration == Configuration(width, length, EIGHT)


@settings(deadline=None)
@given(st.integers(1, 256), st.integers(1, 1 << 12).map(lambda size: size << 10))
def test_a_unit_settles_both_orders(width: int, length: int) -> None:
    one, other = (read_configuration(f"{first}-{second}-8x") for first, second in _both(width, format_size(length)))
    assert one.configuration == other.configuration == Configuration(width, length, EIGHT)
    assert (one.order, other.order) == (Order.WIDTH_FIRST, Order.LENGTH_FIRST)


def _both(width: int, length: str) -> tuple[tuple[str, str], tuple[str, str]]:
    return (str(width), length), (length, str(width))


def test_the_label_is_as_the_published_paper_writes_it() -> None:
    assert read_configuration("16K-8-8x").configuration.label == "8-16k-8x"
    assert read_configuration("1-1000-512t").configuration.label == "1-1000-512t"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "8",
        "8-16k",
        "8-16k-8x-1",
        "0-16k-8x",
        "8-0-8x",
        "8-16k-8",
        "-8-16k-8x",
        "w-16k-8x",
        "W8-W16k-8x",
        "L8-L16k-8x",
        "--",
    ],
)
def test_malformed_configurations_are_usage_errors(text: str) -> None:
    with pytest.raises(UsageError):
        read_configuration(text)


def test_a_configuration_of_no_chains_is_a_usage_error() -> None:
    with pytest.raises(UsageError):
        Configuration(0, 1024, Budget(ratio=1.0))
