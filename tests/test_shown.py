import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hyperscale.shown import shown

ANY_TEXT = st.text(st.characters(exclude_categories=()))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("abacus-dms-8x", "abacus-dms-8x"),
        ("m|x\n# h", "m|x<U+000A># h"),
        ("\x1b[31mred\x07\x9b", "<U+001B>[31mred<U+0007><U+009B>"),
        ("gnp\u202etxt.exe\u2069", "gnp<U+202E>txt.exe<U+2069>"),
        ("\ud800x\udc00", "<U+D800>x<U+DC00>"),
        ("a\u2028b\u200bc\ufeff\U000e0041", "a<U+2028>b<U+200B>c<U+FEFF><U+E0041>"),
        ("模型 é שלום 🦜 👩\u200d🔬", "模型 é שלום 🦜 👩\u200d🔬"),
    ],
)
def test_what_no_one_would_see_is_shown_by_number(name: str, text: str) -> None:
    assert shown(name) == text


@given(ANY_TEXT)
def test_a_shown_name_is_one_line_that_any_terminal_and_any_file_takes(name: str) -> None:
    text = shown(name)
    text.encode()
    assert {unicodedata.category(letter) for letter in text} & {"Cc", "Cs", "Zl", "Zp"} == set()
    assert not any(
        unicodedata.bidirectional(letter) in ("LRE", "RLE", "PDF", "LRO", "RLO", "LRI", "RLI", "FSI", "PDI") for letter in text
    )
    assert shown(text) == text
