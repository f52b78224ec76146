import re
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hyperscale.scoring.program import MOST_BYTES, continued, extract_program
from hyperscale.scoring.verdict import Verdict
from hyperscale.store.records import FinishReason

GOLDEN = {
    "plain python": ("Here:\n```python\nprint(1)\n```\nDone.", "print(1)"),
    "label py": ("```py\nprint(1)\n```", "print(1)"),
    "label python3": ("```python3\nprint(1)\n```", "print(1)"),
    "label in capitals": ("```Python\nprint(1)\n```", "print(1)"),
    "label after a blank": ("``` python\nprint(1)\n```", "print(1)"),
    "label in braces": ("```{.python .numberLines}\nprint(1)\n```", "print(1)"),
    "label with a file name": ("```python title=main.py\nprint(1)\n```", "print(1)"),
    "no label": ("```\nprint(1)\n```", "print(1)"),
    "another label": ("```cpp\nint x;\n```", "int x;"),
    "tildes": ("~~~python\nprint(1)\n~~~", "print(1)"),
    "tildes around backticks": ("~~~python\ns = '''\n```\n'''\n~~~", "s = '''\n```\n'''"),
    "four backticks around three": ("````python\ns = '''\n```\n'''\n````", "s = '''\n```\n'''"),
    "a longer end": ("```python\nprint(1)\n`````", "print(1)"),
    "a shorter end is none": ("````python\nprint(1)\n```\nprint(2)\n````", "print(1)\n```\nprint(2)"),
    "an end of the other kind is none": ("```python\nprint(1)\n~~~\nprint(2)\n```", "print(1)\n~~~\nprint(2)"),
    "blanks after the end": ("```python\nprint(1)\n``` \t\nDone.", "print(1)"),
    "last of two": ("```python\nprint(1)\n```\nBetter:\n```python\nprint(2)\n```", "print(2)"),
    "python before its output": ("```python\nprint(4)\n```\nOutput:\n```\n4\n```", "print(4)"),
    "python before another language": ("```python\nprint(4)\n```\n```text\n4\n```", "print(4)"),
    "no label before another language": ("```\nprint(4)\n```\n```text\n4\n```", "print(4)"),
    "last without a label": ("```\nprint(1)\n```\n```\nprint(2)\n```", "print(2)"),
    "end missing, an earlier block": ("```python\nprint(1)\n```\nor\n```python\nprint(2", "print(1)"),
    "end missing": ("```python\nprint(1)\n", "print(1)\n"),
    "end missing, no line end": ("So:\n```py\nif 1:\n    print(1)", "if 1:\n    print(1)"),
    "end missing, words before the fence": ("The program: ```python\nprint(1)", "print(1)"),
    "end missing, a blank block before": ("```python\n\n```\n```python\nprint(1)", "print(1)"),
    "end missing, an earlier block of another kind": ("```\n1 2\n```\nso\n```python\nprint(2)", "1 2"),
    "end missing, no label": ("```\nprint(1)\n", None),
    "end missing, another label": ("```text\nprint(1)\n", None),
    "end missing, nothing in it": ("So:\n```python\n \n", None),
    "end missing in the reasoning": ("```python\nprint(1)\n</think>none", None),
    "end of turn after the end": ("```python\nprint(4)\n```<|im_end|>", "print(4)"),
    "end of sentence after the end": ("```python\nprint(4)\n```<｜end▁of▁sentence｜>", "print(4)"),
    "a tag after the end": ("<answer>\n```python\nprint(4)\n```</answer>", "print(4)"),
    "words after the end": ("```python\nprint(4)\n``` That's it.", "print(4)"),
    "words after the end, lines after those": ("```python\nprint(4)\n``` So `4`.\nBye.\n", "print(4)"),
    "words after a longer end": ("```python\nprint(4)\n````` That's it.", "print(4)"),
    "words after a shorter end": ("````python\ns = '''\n``` a\n'''\n````", "s = '''\n``` a\n'''"),
    "end on the last line of code": ("```python\nx = 4\nprint(x)```", "x = 4\nprint(x)"),
    "end on the last line of code, blanks after it": ("```python\nprint(4)``` \n\n", "print(4)"),
    "end on the last line of code, then end of turn": ("```python\nprint(4)```<|im_end|>\n", "print(4)"),
    "end on the last line of code, no label": ("```\nprint(4)```", "print(4)"),
    "end on the last line of code, an earlier block": ("```python\nprint(1)\n```\nor\n```python\nprint(2)```", "print(2)"),
    "a longer end on the last line of code": ("```python\nprint(4)`````", "print(4)"),
    "a shorter end on the last line of code": ("````python\nprint(4)```", "print(4)```"),
    "a deep end on the last line": ("```python\nprint(4)\n      ```", "print(4)"),
    "end on a line of code that is not the last": ("```python\ns = '''\na```\n'''\n```", "s = '''\na```\n'''"),
    "end missing after an end": ("```python\nprint(1)\n```\n```", "print(1)"),
    "no fence": ("print(1)", None),
    "code in a line": ("Use `print(1)`.", None),
    "three backticks in a line": ("Use ```print(1)``` here.", None),
    "empty": ("", None),
    "blank block": ("```python\n\n   \n```", None),
    "blank block after a full one": ("```python\nprint(1)\n```\n```python\n```", "print(1)"),
    "only in the reasoning": ("<think>```python\nprint(1)\n```</think>I do not know.", None),
    "in the reasoning and after": ("<think>\n```python\nprint(1)\n```\n</think>\n```python\nprint(2)\n```", "print(2)"),
    "reasoning opened by the prompt": ("```python\nprint(1)\n```\n</think>\n```python\nprint(2)\n```", "print(2)"),
    "end of reasoning said twice": ("</think>```python\nprint(1)\n```\n</think>\n```\nprint(2)\n```", "print(2)"),
    "right after the reasoning": ("<think>x</think>```python\nprint(2)\n```", "print(2)"),
    "a fence that reasoning left open": ("<think>\n```python\nx</think>\n```python\nprint(2)\n```", "print(2)"),
    "CRLF": ("```python\r\nif 1:\r\n    print(1)\r\n```\r\n", "if 1:\n    print(1)"),
    "numbered list": ("1. So:\n   ```python\n   if 1:\n       print(1)\n   ```", "if 1:\n    print(1)"),
    "fence on the item's own line": ("- ```python\n  if 1:\n      print(1)\n  ```", "if 1:\n    print(1)"),
    "deeply indented": ("        ```python\n        print(1)\n        ```", "print(1)"),
    "tab": ("\t```python\n\tif 1:\n\t\tprint(1)\n\t```", "if 1:\n\tprint(1)"),
    "less indented than its fence": ("   ```python\n  x = 1\nprint(x)\n   ```", "x = 1\nprint(x)"),
    "words before the fence": ("The program: ```python\nprint(1)\n```", "print(1)"),
    "words before a fence without a label": ("The program: ```\nprint(1)\n```", None),
    "example in a docstring": (
        '```python\ndef f():\n    """\n    ```python\n    f()\n    ```\n    """\n    return 1\n```',
        'def f():\n    """\n    ```python\n    f()\n    ```\n    """\n    return 1',
    ),
    "backticks in a text": ("```python\ns = '```'\nprint(s)\n```", "s = '```'\nprint(s)"),
    "backticks at the start of a line": ("```python\ns = '''\n```a\n'''\n```", "s = '''\n```a\n'''"),
    "separators that end no line": ("```python\ns = '\u2028\x0c\x85'\n```", "s = '\u2028\x0c\x85'"),
    "answer tags": ("<think>x</think><answer>\n```python\nprint(1)\n```\n</answer>", "print(1)"),
    "NUL": ("```python\nprint('\0')\n```", "print('\0')"),
    "half of a surrogate pair": ("```python\nprint('\ud800')\n```", "print('\ufffd')"),
    "blank lines inside": ("```python\n\nx = 1\n\n\ny = 2\n\n```", "\nx = 1\n\n\ny = 2\n"),
}


@pytest.mark.parametrize(("text", "code"), GOLDEN.values(), ids=GOLDEN.keys())
def test_golden(text: str, code: str | None) -> None:
    found = extract_program(text)
    assert found.code == code
    assert found.verdict == (Verdict.NO_CODE if code is None else None)
    assert bool(found.detail) == (code is None)


@pytest.mark.parametrize("reason", [FinishReason.LENGTH, FinishReason.READS, FinishReason.ERROR])
def test_a_chain_that_was_cut_off_has_no_program(reason: FinishReason) -> None:
    found = extract_program("```python\nprint(1)\n```\nand", reason)
    assert (found.code, found.verdict) == (None, Verdict.NO_CODE)
    assert str(reason) in found.detail
    for text in ("```python\nprint(1)", "```python\nprint(1)```", "```python\nprint(1)\n```<|im_end|>"):
        assert extract_program(text, reason).code is None


def test_a_program_of_ten_megabytes_is_too_large_and_the_largest_is_not() -> None:
    fits = "#" * MOST_BYTES
    assert extract_program(f"```python\n{fits}\n```").code == fits
    found = extract_program(f"```python\n{fits}#\n```")
    assert (found.code, found.verdict) == (None, Verdict.LIMIT)
    assert str(MOST_BYTES + 1) in found.detail
    assert extract_program(f"```python\n{'é' * (MOST_BYTES // 2 + 1)}\n```").verdict is Verdict.LIMIT, "bytes, not letters"


pieces = st.lists(
    st.sampled_from(
        ["```", "```python", "~~~", "````", "\n", "\r\n", " ", "    ", "\t", "- ", "1. ", "x", "</think>", "`", "\ud800", "é"]
    )
    | st.text(max_size=5)
).map("".join)


@settings(max_examples=300, deadline=None)
@given(pieces)
def test_whatever_comes_the_lines_of_a_program_are_lines_of_the_reply(text: str) -> None:
    found = extract_program(text)
    if found.code is None:
        assert found.verdict is Verdict.NO_CODE
        return
    found.code.encode()
    assert found.code.strip()
    whole = "".join("\ufffd" if "\ud800" <= letter <= "\udfff" else letter for letter in text.rpartition("</think>")[2])
    rest = [line.removesuffix("\r") for line in whole.split("\n")]
    for line in found.code.split("\n"):
        at = next(number for number, candidate in enumerate(rest) if _indented(candidate, line))
        rest = rest[at + 1 :]


def _indented(candidate: str, line: str) -> bool:
    """Whether a line of the reply is that line of code behind mere indentation and maybe before the end of its block."""
    return re.fullmatch(rf"[ \t]*{re.escape(line)}([`~].*)?", candidate) is not None


@settings(max_examples=100, deadline=None)
@given(st.text(alphabet=st.characters(exclude_categories=["Cs"], exclude_characters="`~\r")).filter(str.strip), pieces)
def test_what_stands_between_fences_is_found_whole(code: str, before: str) -> None:
    assert extract_program(f"{before}</think>\n```python\n{code}\n```\n").code == code or "</think>" in code


DEGENERATE = ["`" * 300_000 + "a", "a " * 300_000 + "```", " " * 600_000, "~" * 600_000 + "`", "- " * 300_000]


@pytest.mark.parametrize("line", DEGENERATE)
def test_degenerate_lines_take_no_time(line: str) -> None:
    start = time.process_time()
    extract_program(f"{line}\n" * 3)
    assert time.process_time() - start < 2


# --- HumanEval: a program, or the rest of one

PROMPT = 'from typing import List\n\n\ndef add(a: int, b: int) -> int:\n    """Add."""\n'


@pytest.mark.parametrize(
    "code",
    [
        "    return a + b",
        "\n    total = a + b\n\n    return total\n",
        "return a + b",
        "total = a\nfor _ in range(b):\n    total += 1\n\nreturn total",
    ],
)
def test_the_rest_of_a_function_stands_after_its_head(code: str) -> None:
    space: dict[str, Any] = {}
    exec(continued(code, PROMPT), space)
    assert space["add"](1, 2) == 3


def test_a_head_without_a_line_end_is_not_run_into() -> None:
    assert continued("    return 1", "def f():") == "def f():\n    return 1"
