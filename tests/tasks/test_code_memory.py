"""What loading code tasks leaves on disk and takes of memory, measured in processes of their own."""

import json
import os
import stat
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.card_files import write_rows
from tests.code_files import call_row, listed, packed, stdin_row, write_code_card

ROWS = [stdin_row("echo"), call_row("plus"), stdin_row("third")]

# --- copies of rows that cannot be read where they lie

SPOOL = """
import json, sys
from pathlib import Path
from hyperscale.tasks.cards import load_card, load_problems
loaded = load_problems(load_card(sys.argv[1]), data=Path(sys.argv[2]), limit=1)
place = loaded.problems[0].tests.place
folder = place.path.parent
print(json.dumps([str(place.path), sorted(path.name for path in folder.iterdir()), folder.stat().st_mode]))
"""


@pytest.mark.parametrize("ending", ["jsonl.gz", "parquet", "csv"])
def test_copies_are_private_few_and_gone_at_the_end(tmp_path: Path, ending: str) -> None:
    rows = [*ROWS, stdin_row("old", day="2020-01-01")]
    file = write_rows(tmp_path / f"t.{ending}", rows)
    done = subprocess.run(
        [sys.executable, "-c", SPOOL, str(write_code_card(tmp_path)), str(file)],
        env=os.environ | {"TMPDIR": str(tmp_path), "PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        check=True,
        timeout=100,
    )
    path, names, mode = json.loads(done.stdout)
    assert len(names) == 1, "only the kept problem's row is left"
    assert stat.S_IMODE(mode) == 0o700
    assert Path(path).parent.parent == tmp_path
    assert not Path(path).parent.exists()


# --- memory

BIG = """
import json, sys
from pathlib import Path
from hyperscale.tasks.cards import load_card, load_problems
notes = []
loaded = load_problems(load_card(sys.argv[1]), data=Path(sys.argv[2]), note=notes.append)
cases = [len(problem.tests.load().cases) for problem in loaded.problems]
# not getrusage, whose peak begins with that of the process that started this one
status = dict(line.split(":") for line in open("/proc/self/status"))
peak = int(status["VmHWM"].split()[0])
print(json.dumps({"problems": len(loaded.problems), "cases": sum(cases), "peak": peak, "notes": notes}))
"""


def measured(tmp_path: Path, file: Path) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-c", BIG, str(write_code_card(tmp_path)), str(file)],
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        check=False,
        timeout=280,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def write_big(path: Path, rows: int, row_bytes: int, kept: Sequence[int]) -> None:
    """Rows with much incompressible input each; those not kept lie outside the window."""
    private = packed(listed([(os.urandom(row_bytes // 2).hex(), "1")]))
    with path.open("w") as file:
        for number in range(rows):
            day = "2024-09-01" if number in kept else "2023-09-01"
            file.write(json.dumps(stdin_row(f"row{number}", day=day, private_test_cases=private)) + "\n")


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    few, many = tmp_path / "few.jsonl", tmp_path / "many.jsonl"
    write_big(few, 2, 3_000_000, kept=range(2))
    write_big(many, 20, 3_000_000, kept=range(20))
    small, large = measured(tmp_path, few), measured(tmp_path, many)
    assert (small["problems"], large["problems"]) == (2, 20)
    assert large["cases"] == 40
    assert large["peak"] - small["peak"] < 8_000, "kB: twenty rows take no more than two"


@pytest.mark.slow
def test_a_file_of_more_than_a_gigabyte_streams_within_one(tmp_path: Path) -> None:
    file = tmp_path / "big.jsonl"
    try:
        write_big(file, 64, 33_000_000, kept=range(0, 64, 8))
        size = file.stat().st_size
        assert size > 1_200_000_000
        found = measured(tmp_path, file)
    finally:
        file.unlink(missing_ok=True)
    assert found["problems"] == 8
    assert found["notes"] == [f"reading {size / 1e9:.1f} GB of rows"]
    assert found["peak"] < 1_000_000, f"kB: {found}"
