"""Small code cards and rows for the tests of code tasks."""

import base64
import json
import pickle
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

CARD = """
name = "programs"
version = 1
kind = "code"
licence = "MIT"

[source]
{source}

[source.files]
{files}

[local]
folder = "programs"

[columns]
id = "question_id"
question = "question_content"
metadata = ["difficulty", "contest_date"]

[window]
column = "contest_date"
since = 2024-08-01
until = 2025-02-01

[code]
format = "livecodebench"
tests = ["public_test_cases", "private_test_cases"]
function = "metadata"
starter = "starter_code"
partial_column = "_recovered_status"
{code}

[code.formats]
stdin = "Read stdin."
starter = '''Start from:
{{starter}}'''

[prompt]
default = "plain"

[prompt.presets]
plain = '''{{question}}
{{format}}'''

[generation]
max_len = 64
temperature = 0.6

[scorer]
extraction = "fence"
"""


def write_code_card(folder: Path, source: str = "", files: str = "", code: str = "") -> Path:
    path = folder / "programs.toml"
    path.write_text(CARD.format(source=source, files=files, code=code), encoding="utf-8")
    return path


def packed(text: str) -> str:
    """As LiveCodeBench packs private tests."""
    return base64.b64encode(zlib.compress(pickle.dumps(text))).decode()


def listed(pairs: Sequence[tuple[str, str]], testtype: str = "stdin") -> str:
    return json.dumps([{"input": given, "output": wanted, "testtype": testtype} for given, wanted in pairs])


def stdin_row(name: str = "echo", day: str = "2024-09-01", **changes: Any) -> dict[str, Any]:
    """A problem with one public and two private tests."""
    return {
        "question_title": name,
        "question_content": f"Echo the input ({name}).",
        "question_id": name,
        "contest_date": f"{day}T00:00:00",
        "starter_code": "",
        "difficulty": "easy",
        "public_test_cases": listed([("1\n", "1\n")]),
        "private_test_cases": packed(listed([("2\n", "2\n"), ("1\n", "1\n")])),
        "metadata": "{}",
    } | changes


def call_row(name: str = "plus", **changes: Any) -> dict[str, Any]:
    """A problem whose function is called."""
    tests = {
        "public_test_cases": listed([("1\n2", "3")], "functional"),
        "private_test_cases": packed(listed([("[1]\n[2]", "[1, 2]")], "functional")),
    }
    starter = "class Solution:\n    def plus(self, a, b):\n        "
    return stdin_row(name, starter_code=starter, metadata='{"func_name": "plus"}') | tests | changes
