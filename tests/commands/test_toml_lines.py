import tomllib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hyperscale.commands.toml_lines import Key, line_of

TEXT = '''# a sweep
methods = ["vanilla",  # dense
  "tova"]

configs = [
  "1-1k-1x",

  # the large ones
  '8-1k-8x',
]
note = """
limit = 3
"""
limit = 5

[set]
sinks = 8
"a key" = 1

[[run]]
method = "dms"
[[run]]

method = "quest"
set = {page = 32}
'''


@pytest.mark.parametrize(
    ("key", "item", "line"),
    [
        (("methods",), None, 2),
        (("methods",), "tova", 3),
        (("configs",), None, 5),
        (("configs",), "1-1k-1x", 6),
        (("configs",), "8-1k-8x", 9),
        (("configs",), "not there", 5),
        (("note",), None, 11),
        (("limit",), None, 14),
        (("set",), None, 16),
        (("set", "sinks"), None, 17),
        (("set", "a key"), None, 18),
        (("run",), None, 20),
        (("run", 0), None, 20),
        (("run", 0, "method"), None, 21),
        (("run", 1), None, 22),
        (("run", 1, "method"), None, 24),
        (("run", 1, "set", "page"), None, 25),
    ],
)
def test_a_key_is_found_on_its_line(key: Key, item: str | None, line: int) -> None:
    assert line_of(TEXT, key, item) == line
    assert line_of(TEXT.replace("\n", "\r\n"), key, item) == line


@pytest.mark.parametrize("key", [("limits",), ("set", "page"), ("run", 2), ("run", "method"), ("limit", 0)])
def test_a_key_that_is_not_there_is_an_error(key: Key) -> None:
    with pytest.raises(KeyError):
        line_of(TEXT, key)


VALUES = st.one_of(st.integers(), st.booleans(), st.just('"a # b"'), st.just("[\n1, # one\n2,\n]"), st.just("'''x = 1\ny'''"))
FILLERS = st.lists(st.sampled_from(["", "# k1 = 5", "   "]), max_size=2)


@settings(deadline=None, max_examples=50)
@given(st.lists(st.tuples(FILLERS, VALUES), min_size=1, max_size=6))
def test_statements_between_comments_and_long_values_are_found(statements: list[tuple[list[str], object]]) -> None:
    lines: list[str] = []
    where: dict[str, int] = {}
    for number, (filler, value) in enumerate(statements):
        lines += filler
        where[f"k{number}"] = len(lines) + 1
        lines += f"k{number} = {str(value).lower() if isinstance(value, bool) else value}".split("\n")
    text = "\n".join(lines)
    assert {key: line_of(text, (key,)) for key in tomllib.loads(text)} == where
