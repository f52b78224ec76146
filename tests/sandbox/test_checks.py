"""Trusted asserts judge a function in another process: it can be wrong in many ways, but not claim to be right."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hyperscale.sandbox import Ending, Limits, Sandbox
from hyperscale.sandbox.plain import NotPlainError, decode, encode

CHECK = "def check(candidate):\n    assert candidate(2) == 4\n    assert candidate(3) == 9\n"
RIGHT = "def square(x): return x * x"
SHORT = Limits(cpu_seconds=5, wall=1.5, output=1 << 20, memory=256 << 20)

# Functions that are not right, and how each is told so.
WRONG = {
    "wrong": ("def square(x): return x + 2", Ending.CHECK_FAILED),
    "raises": ("def square(x): raise KeyError(x)", Ending.RUNTIME_ERROR),
    "asserts itself": ("def square(x): assert False", Ending.RUNTIME_ERROR),
    "does not load": ("def square(x: return 4", Ending.RUNTIME_ERROR),
    "is not there": ("def cube(x): return 4", Ending.RUNTIME_ERROR),
    "is not callable": ("square = 4", Ending.RUNTIME_ERROR),
    "wrong number of arguments": ("def square(): return 4", Ending.RUNTIME_ERROR),
    "equal to everything": ("class A:\n    def __eq__(self, o): return True\ndef square(x): return A()", Ending.RUNTIME_ERROR),
    "integer equal to everything": (
        "class I(int):\n    def __eq__(self, o): return True\n    def __index__(self): return 4\ndef square(x): return I(5)",
        Ending.CHECK_FAILED,
    ),
    "list equal to everything": (
        (
            "class L(list):\n    def __eq__(self, o): return True\n"
            "    def __iter__(self): return iter([4])\ndef square(x): return L()"
        ),
        Ending.CHECK_FAILED,
    ),
    "class that lies": ("class A:\n    __class__ = int\ndef square(x): return A()", Ending.RUNTIME_ERROR),
    "generator": ("def square(x): yield x * x", Ending.RUNTIME_ERROR),
    "not a number": ("def square(x): return float('nan')", Ending.CHECK_FAILED),
    "returns itself": ("def square(x):\n    l = []\n    l.append(l)\n    return l", Ending.RUNTIME_ERROR),
    "leaves while loading": ("import os\nos._exit(0)", Ending.RUNTIME_ERROR),
    "leaves politely while loading": ("raise SystemExit(0)", Ending.RUNTIME_ERROR),
    "leaves when called": ("import os\ndef square(x): os._exit(0)", Ending.RUNTIME_ERROR),
    "leaves politely when called": ("import sys\ndef square(x): sys.exit(0)", Ending.RUNTIME_ERROR),
    "raises to leave": ("class A(BaseException): pass\ndef square(x): raise A", Ending.RUNTIME_ERROR),
    "cannot say what it raises": (
        "class A(Exception):\n    def __str__(self): 1/0\ndef square(x): raise A",
        Ending.RUNTIME_ERROR,
    ),
    "answers with nonsense": (
        "import os\nfor d in range(3, 256):\n"
        "    try: os.write(d, (4).to_bytes(8, 'little') + b'nope')\n    except OSError: pass\n"
        "def square(x): return x * x",
        Ending.RUNTIME_ERROR,
    ),
    "answers with nonsense and stays": (
        "import os, time\nfor d in range(3, 256):\n    try: os.write(d, (4).to_bytes(8, 'little') + b'nope')\n"
        "    except OSError: pass\ntime.sleep(60)",
        Ending.RUNTIME_ERROR,
    ),
    "says that all is well": (
        (
            "import os\nfor d in range(3, 256):\n    try: os.write(d, b'ready\\n"
            "' + bytes(16) + b'passed ')\n    except OSError: pass\nos._exit(0)"
        ),
        Ending.RUNTIME_ERROR,
    ),
    "walks frames": (
        "import sys\ndef square(x):\n    f = sys._getframe()\n    while f:\n        for v in list(f.f_locals.values()):\n"
        "            if 'candidate(2)' + ' == 4' in repr(v): return x * x\n        f = f.f_back\n    return 0",
        Ending.CHECK_FAILED,
    ),
    "loops": ("def square(x):\n    while True: pass", Ending.TIME_LIMIT),
    "sleeps": ("import time\ntime.sleep(60)", Ending.TIME_LIMIT),
    "swallows everything": (
        "import time\nwhile True:\n    try: time.sleep(60)\n    except BaseException: pass",
        Ending.TIME_LIMIT,
    ),
    "fills memory": ("x = bytearray(3 << 30)\ndef square(x): return 4", Ending.MEMORY_LIMIT),
    "fills memory when called": ("def square(x): return bytearray(3 << 30)", Ending.MEMORY_LIMIT),
    "prints without end": ("def square(x):\n    while True: print('x' * 9999)", Ending.OUTPUT_LIMIT),
    "answers too much": ("def square(x): return 'x' * (2 << 20)", Ending.RUNTIME_ERROR),
    "forks": ("import os\ndef square(x): return os.fork()", Ending.RUNTIME_ERROR),
    "numbers that all have one hash": (
        "def square(x): return {(2 ** 61 - 1) * k for k in range(40_000)}",
        Ending.RUNTIME_ERROR,
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_function_that_is_not_right_does_not_pass(sandbox: Sandbox, name: str) -> None:
    code, ending = WRONG[name]
    outcome = sandbox.check_function(code, "square", "", CHECK, SHORT)
    if name == "numbers that all have one hash":  # whichever limit is met first
        assert outcome.ending is not Ending.FINISHED
    else:
        assert outcome.ending is ending, outcome.detail


@pytest.mark.parametrize(
    "code",
    [
        RIGHT,
        "square = lambda x: x ** 2",
        "from functools import cache\n@cache\ndef square(x): return x * x",
        "print('hello')\ndef square(x):\n    print(x)\n    return x * x\nif __name__ == '__main__': square(input())",
        "def square(x: int) -> float: return float(x * x)",
    ],
)
def test_a_right_function_passes(sandbox: Sandbox, code: str) -> None:
    outcome = sandbox.check_function(code, "square", "def square(x):\n    '''Square.'''\n", CHECK)
    assert outcome.ending is Ending.FINISHED, outcome.detail


def test_a_right_function_that_computes_for_too_long_does_not_pass(sandbox: Sandbox) -> None:
    code = "import time\ndef square(x):\n    while time.process_time() < 0.5: pass\n    return x * x"
    assert sandbox.check_function(code, "square", "", CHECK, Limits(cpu_seconds=0.4)).ending is Ending.TIME_LIMIT


def test_helpers_of_the_prompt_serve_the_asserts(sandbox: Sandbox) -> None:
    setup = "import math\ndef poly(xs, x): return sum(c * math.pow(x, i) for i, c in enumerate(xs))\ndef find_zero(xs): ..."
    check = (
        "def check(candidate):\n    for c in [[1, 2], [-6, 11, -6, 1]]:\n        assert math.fabs(poly(c, candidate(c))) < 1e-4"
    )
    code = "def find_zero(xs):\n    return -0.5 if len(xs) == 2 else 1.0"
    assert sandbox.check_function(code, "find_zero", setup, check).ending is Ending.FINISHED
    assert sandbox.check_function(code.replace("1.0", "1.1"), "find_zero", setup, check).ending is Ending.CHECK_FAILED


def test_the_function_is_also_known_by_its_name(bare: Sandbox) -> None:
    check = "def check(candidate):\n    assert square(2) == 4"
    assert bare.check_function(RIGHT, "square", "def square(x): return 0", check).finished


@pytest.mark.parametrize("error", ["ValueError", "ZeroDivisionError", "KeyError", "RecursionError", "Exception"])
def test_asserts_may_expect_an_exception(bare: Sandbox, error: str) -> None:
    check = f"def check(c):\n    try: c(1)\n    except {error} as e: assert 'no' in str(e)\n    else: assert False"
    assert bare.check_function(f"def f(x): raise {error}('no')", "f", "", check).ending is Ending.FINISHED


def test_exceptions_that_cannot_be_made_anew_are_still_exceptions(bare: Sandbox) -> None:
    check = (
        "def check(c):\n    try: c(1)\n    except Exception as e: assert 'invalid start byte' in str(e)\n    else: assert False"
    )
    for code in ("def f(x): b'\\xff'.decode()", "class E(Exception): pass\ndef f(x): raise E('invalid start byte')"):
        assert bare.check_function(code, "f", "", check).ending is Ending.FINISHED


ANCESTORS = {
    "subclass": ("class Bad(ValueError): pass\ndef f(x): raise Bad('no')", "ValueError"),
    "subclass of a subclass": ("class A(KeyError): pass\nclass B(A): pass\ndef f(x): raise B('no')", "LookupError"),
    "of the library": ("import json\ndef f(x): return json.loads('{no')", "ValueError"),
    "several": ("class A(TypeError, ValueError): pass\ndef f(x): raise A('no')", "TypeError"),
    "one that takes more": ("def f(x): return b'\\xffno'.decode()", "ValueError"),
    "of its own making": ("class A(Exception): pass\ndef f(x): raise A('no')", "Exception"),
}


@pytest.mark.parametrize("name", ANCESTORS)
def test_an_exception_arrives_as_the_builtin_one_it_is(bare: Sandbox, name: str) -> None:
    code, kind = ANCESTORS[name]
    check = f"def check(c):\n    try: c(1)\n    except {kind} as e: assert str(e)\n    else: assert False"
    outcome = bare.check_function(code, "f", "", check)
    assert outcome.finished, outcome.detail


_FRAME = (
    "import json, os, sys\ndef f(x):\n    w = sys._getframe(1).f_locals['task']['replies']\n"
    "    m = json.dumps(['raised', NAMES, 'x']).encode()\n    os.write(w, len(m).to_bytes(8, 'little') + m)\n"
    "    os._exit(0)\n"
)
QUIET = {
    "ends an iteration": "def f(x): raise StopIteration",
    "ends an iteration with a class of its own": "class A(StopIteration): pass\ndef f(x): raise A",
    "ends one that waits": "def f(x): raise StopAsyncIteration",
    "leaves a generator": "def f(x): raise GeneratorExit",
    "writes so itself": _FRAME.replace("NAMES", "['StopIteration']"),
    "writes so after another name": _FRAME.replace("NAMES", "['Nope', 'StopIteration']"),
    "writes that a generator was left": _FRAME.replace("NAMES", "['GeneratorExit']"),
    "writes no names": _FRAME.replace("NAMES", "4"),
    "writes other names": _FRAME.replace("NAMES", "[[], None, 'print', 'SystemExit', 'KeyboardInterrupt']"),
}


@pytest.mark.parametrize("name", QUIET)
@pytest.mark.parametrize("check", ["assert all(map(c, [1, 2]))", "for got, want in zip(map(c, [1]), [5]): assert got == want"])
def test_no_exception_ends_a_loop_of_the_asserts_as_if_all_was_well(bare: Sandbox, name: str, check: str) -> None:
    outcome = bare.check_function(QUIET[name], "f", "", f"def check(c):\n    {check}")
    assert outcome.ending is Ending.RUNTIME_ERROR, outcome.detail


def test_arguments_may_have_names(bare: Sandbox) -> None:
    check = "def check(c):\n    assert c(1, b=[2], z={3: 4}) == (1, [2], {3: 4})"
    outcome = bare.check_function("def f(a, b, **rest): return a, b, rest['z']", "f", "", check)
    assert outcome.finished, outcome.detail


def test_asserts_draw_the_same_numbers_every_time(bare: Sandbox) -> None:
    import random

    generator = random.Random(0)
    first, second = generator.random(), generator.random()
    check = "import random\nA = random.random()\ndef check(c):\n    assert c(A) == random.random()"
    code = f"def f(x): return {second!r} if x == {first!r} else None"
    assert bare.check_function(code, "f", "", check).finished


_PROMPT = 'import math\ndef half(x): return x // 2\ndef f(x):\n    """Half of it, rounded down."""\n'
_HALVES = "def check(c):\n    assert [c(4), c(7)] == [2, 3]"
WHOLE = {
    "function": "def f(x): return x // 2",
    "helpers of the prompt": "def f(x): return half(x)",
    "future import": "from __future__ import annotations\ndef f(x: Nope) -> Never: return x // 2",
    "future import below words": "'words'\nfrom __future__ import annotations\ndef f(x: Nope): return x // 2",
    "decorated": "import functools\n@functools.cache\ndef f(x): return x // 2",
    "below a condition": "if True:\n    def f(x): return x // 2",
    "imported": "import sys, types\nsys.modules['m'] = m = types.ModuleType('m')\nm.f = half\nfrom m import f",
    "two names": "f, g = half, half",
    "method": "class Solution:\n    def f(self, x): return x // 2\nf = Solution().f",
    "by a global": "def make():\n    global f\n    f = half\nmake()",
    "calls itself": "def f(x): return 0 if x < 2 else 1 + f(x - 2)",
    "tried out": "def f(x): return half(x)\nassert f(7) == 3\nprint(f(4))",
    "byte order mark": "\ufeffdef f(x): return x // 2",
}
PART = {
    "body": "    return half(math.floor(x))",
    "body that is not indented": "return half(math.floor(x))",
    "body of two lines": "y = x + 0\nreturn half(y)",
    "body that is a program that fails": "y = x + 0\nglobal z\nz = y // 2",
    "body that is a program": "y = 0\nglobal z\nz = 4",
}


@pytest.mark.parametrize("name", WHOLE)
def test_a_program_that_defines_the_function_stands_for_itself(bare: Sandbox, name: str) -> None:
    continuation = "raise ValueError('not to be run')"
    outcome = bare.check_function(WHOLE[name], "f", _PROMPT, _HALVES, prefix=_PROMPT, continuation=continuation)
    assert outcome.finished, outcome.detail


@pytest.mark.parametrize("name", PART)
def test_a_program_that_goes_on_where_the_prompt_ends_is_continued(bare: Sandbox, name: str) -> None:
    body = "\n".join("    " + line.strip() for line in PART[name].split("\n"))
    body += "" if "return" in body else "\n    return x // 2"
    outcome = bare.check_function(PART[name], "f", _PROMPT, _HALVES, prefix=_PROMPT, continuation=_PROMPT + body)
    assert outcome.finished, outcome.detail


def test_a_prompt_that_does_not_compile_is_left_out(bare: Sandbox) -> None:
    prompt = "import math\ndef f(x):\n"
    for code in ("def f(x): return x", "    return math.floor(x)"):
        check = "def check(c):\n    assert c(5) == 5"
        outcome = bare.check_function(code, "f", "", check, prefix=prompt, continuation=prompt + code)
        assert outcome.finished, outcome.detail


@pytest.mark.parametrize(
    ("code", "detail"),
    [
        ("import numpy\ndef f(x): return x // 2", "ModuleNotFoundError: No module named 'numpy'"),
        ("def f(x): return x // 2\nassert f(4) == 3", "AssertionError"),
    ],
)
def test_a_program_that_defines_the_function_and_fails_does_not_become_a_body(bare: Sandbox, code: str, detail: str) -> None:
    body = _PROMPT + "\n".join("    " + line for line in code.split("\n"))
    check = "def check(c):\n    assert c(4) is None"
    for continuation in ("", body):
        outcome = bare.check_function(code, "f", _PROMPT, check, prefix=_PROMPT, continuation=continuation)
        assert (outcome.ending, outcome.detail) == (Ending.RUNTIME_ERROR, detail)


@pytest.mark.parametrize(
    ("code", "detail"),
    [("def g(x): return x // 2", "NameError: name 'f' is not defined"), ("def f(x: return x", "SyntaxError")],
)
def test_the_head_in_the_prompt_is_no_function(bare: Sandbox, code: str, detail: str) -> None:
    outcome = bare.check_function(code, "f", _PROMPT, "def check(c): assert c(4) is None", prefix=_PROMPT)
    assert outcome.ending is Ending.RUNTIME_ERROR
    assert outcome.detail.startswith(detail)


def test_asserts_cannot_catch_a_function_that_has_left(bare: Sandbox) -> None:
    check = "def check(candidate):\n    try: candidate(1)\n    except Exception: pass"
    assert bare.check_function("import os\ndef f(x): os._exit(0)", "f", "", check).ending is Ending.RUNTIME_ERROR


@pytest.mark.parametrize(
    "check",
    [
        "def check(candidate:",
        "",
        "x = 1 / 0",
        "def check(candidate):\n    candidate(lambda: 1)",
        "import os\nos._exit(0)",
        "exit()",
    ],
)
def test_broken_asserts_say_nothing_about_the_function(bare: Sandbox, check: str) -> None:
    assert bare.check_function(RIGHT, "square", "", check).ending is Ending.SANDBOX_ERROR


def test_broken_values_of_the_asserts_are_wrong_answers(bare: Sandbox) -> None:
    check = "def check(candidate):\n    assert len(candidate(2)) == 1"
    assert bare.check_function(RIGHT, "square", "", check).detail == "TypeError: object of type 'int' has no len()"


def test_many_calls_are_cheap(bare: Sandbox) -> None:
    check = "def check(candidate):\n    for i in range(5000): assert candidate(i) == i * i"
    outcome = bare.check_function(RIGHT, "square", "", check)
    assert outcome.finished, outcome.detail
    assert outcome.cpu_s < 3


def test_the_asserts_are_not_in_the_functions_process(bare: Sandbox) -> None:
    code = """
import gc, sys
def square(x):
    seen = [o for o in gc.get_objects() if isinstance(o, dict)]
    texts = [v for d in seen for v in list(d.values()) if isinstance(v, (str, bytes))]
    if any('of the asserts' in str(t) for t in texts): return x * x
    return 0
"""
    check = CHECK + "    'known to nobody but the author of the asserts'\n"
    assert bare.check_function(code.replace("of the asserts", "of the " + "as'+'serts"), "square", "", check).ending is (
        Ending.CHECK_FAILED
    )


plain_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(min_value=2**62, max_value=2**80)
    | st.floats()
    | st.complex_numbers()
    | st.binary()
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner) | st.lists(inner).map(tuple) | st.dictionaries(st.text(max_size=3) | st.integers(), inner),
    max_leaves=20,
)


@given(plain_values)
def test_plain_values_survive_the_way(value: Any) -> None:
    import json

    there = decode(json.loads(json.dumps(encode(value))))
    assert repr(there) == repr(value)  # which tells -0.0 from 0.0, True from 1, and has NaN equal itself


@pytest.mark.parametrize(
    "value", [{1, 2}, frozenset({(1, "a")}), bytearray(b"x"), {(1, 2): {3}}, math.inf, -0.0, [1 << 20_000]]
)
def test_other_plain_values_survive_too(value: Any) -> None:
    assert decode(encode(value)) == value
    assert type(decode(encode(value))) is type(value)


def test_a_subclass_crosses_as_what_it_holds() -> None:
    class Five(int):
        def __index__(self) -> int:
            return 4

        __int__ = __repr__ = __index__  # type: ignore[assignment]

    class Items(list[int]):
        def __iter__(self) -> Any:
            return iter([4])

    assert decode(encode(Five(5))) == 5
    assert decode(encode(Items([5]))) == [5]


@pytest.mark.parametrize("value", [object(), int, len, iter([]), range(3), {"a": [object()]}, Ellipsis])
def test_other_values_do_not_cross(value: Any) -> None:
    with pytest.raises(NotPlainError):
        encode(value)


@pytest.mark.parametrize(
    "data", [{}, {"int": 5}, {"int": "x"}, {"nope": 1}, {"set": [[1]]}, {"a": 1, "b": 2}, {"bytes": "zz"}, {"dict": [1]}]
)
def test_data_that_stands_for_nothing_is_refused(data: Any) -> None:
    with pytest.raises(NotPlainError):
        decode(data)
