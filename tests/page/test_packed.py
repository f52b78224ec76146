import base64
import json
import zlib
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from hyperscale.page.packed import BLOCK, Packed, embedded, packed

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(exclude_categories=())),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


def unpacked(content: Packed) -> list[Any]:
    values: list[Any] = []
    for start, block in zip(content.starts, content.blocks, strict=True):
        assert start == len(values)
        values += json.loads(zlib.decompress(base64.b64decode(block, validate=True)))
    return values


@given(JSON)
def test_embedded_json_says_the_same_and_ends_no_element(value: Any) -> None:
    text = embedded(value)
    assert json.loads(text) == value
    assert "<" not in text
    assert text.isascii()


@given(st.lists(JSON, max_size=5))
def test_packed_values_come_back(values: list[Any]) -> None:
    assert unpacked(packed(values)) == values


def test_blocks_are_bounded_and_know_where_they_start() -> None:
    small, large = "a" * (BLOCK // 2), "b" * (3 * BLOCK)
    content = packed([small, small, small, large, small, small, "c"])
    assert content.starts == (0, 2, 4, 6)
    assert unpacked(content) == [small, small, small, large, small, small, "c"]


def test_nothing_is_packed_into_no_block() -> None:
    assert packed([]) == Packed((), ())
