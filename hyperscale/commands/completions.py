"""Completions that were made elsewhere: rows to be graded."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hyperscale.errors import Refusal
from hyperscale.store.records import FinishReason
from hyperscale.tasks.rows import Row, read_file


@dataclass(frozen=True, slots=True)
class Completion:
    """An input row, where it stands, and those of its columns that every kind of task has."""

    where: str
    row: Row
    problem_id: str | None
    text: str
    finish_reason: FinishReason

    def scalar(self, column: str) -> str | None:
        """A column's text or number as text, None where there is none; raises Refusal for anything else."""
        return _scalar(self.row, column, self.where)


def read_completions(source: Path | Iterable[Mapping[str, Any]], columns: str) -> list[Completion]:
    """Read and check rows; `columns` says in a message what a row should hold.

    Raises
    ------
    Refusal
        If the file cannot be read, a row has no text, or there are no rows; names the file and line.
    """
    if isinstance(source, str | Path):
        rows = [_completion(row, f"{source}, {where}", columns) for where, row in read_file(Path(source)).rows]
    else:
        rows = [_completion(row, f"completions, row {number}", columns) for number, row in enumerate(source, 1)]
    if not rows:
        raise Refusal("There are no completions to grade. Give at least one row.")
    return rows


def _completion(row: Row, where: str, columns: str) -> Completion:
    text = row.get("text")
    if not isinstance(text, str):
        raise Refusal(f"{where}: the row has no text to grade. {columns}.")
    return Completion(where, row, _scalar(row, "problem_id", where), text, _finish_reason(row, where))


def _finish_reason(row: Row, where: str) -> FinishReason:
    reason = row.get("finish_reason")
    if reason is None:
        return FinishReason.STOP
    try:
        return FinishReason(str(reason))
    except ValueError:
        known = ", ".join(FinishReason)
        raise Refusal(f"{where}: finish_reason is {reason!r}. Write one of {known}, or leave it out.") from None


def _scalar(row: Row, column: str, where: str) -> str | None:
    value = row.get(column)
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Refusal(f"{where}: {column} holds a {type(value).__name__}, not a text or number.")
    return str(value)
