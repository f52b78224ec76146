"""Small choice questions in the columns of GPQA, with words that can be looked for in whatever is written."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from tests.zip_files import write_zip

PASSWORD = "deserted-untie-orchid"
MEMBER = "dataset/gpqa_diamond.csv"
OPTIONS = ("Correct Answer", "Incorrect Answer 1", "Incorrect Answer 2", "Incorrect Answer 3")
MARKERS = ("ZQUESTION", "ZRIGHT", "ZWRONG")

ROWS: list[dict[str, object]] = [
    {
        "Record ID": f"rec{number:02}",
        "Question": f"ZQUESTION{number}, {{options}}\nor \\1?",
        "Correct Answer": f"ZRIGHT{number}\n",
        **{f"Incorrect Answer {wrong}": f"ZWRONG{wrong} of {number}" for wrong in (1, 2, 3)},
        "Subdomain": "sums",
        "High-level domain": "mathematics",
        "Canary": "ZQUESTION",
    }
    for number in range(6)
]


def csv_bytes(rows: Sequence[dict[str, object]] = ROWS) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, fieldnames=list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def write_choices(path: Path, rows: Sequence[dict[str, object]] = ROWS, password: str | None = PASSWORD) -> Path:
    """A zip such as GPQA's authors publish; call it anything but dataset.zip, which is pinned."""
    return write_zip(path, {"dataset/license.txt": b"free", MEMBER: csv_bytes(rows)}, password)
