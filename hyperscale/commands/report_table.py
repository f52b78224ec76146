"""How a report looks: columns, numbers, captions."""

import html
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.cells import cell_len
from rich.table import Table
from rich.text import Text

from hyperscale.commands.plain_table import fitting, plain_table
from hyperscale.commands.run_labels import run_labels
from hyperscale.shown import shown

Row = Mapping[str, Any]

# what Markdown takes for more than a letter; it does not take `_` inside a word, or the brackets of an interval
_MARKUP = re.compile(r"[\\`*~|$]|(?<![^\W_])_|_(?![^\W_])|\[(?![\d+-])|\](?=[(\[])")
_UNITS = ((1 << 40, "T"), (1 << 30, "G"), (1 << 20, "M"), (1 << 10, "k"))


@dataclass(frozen=True, slots=True)
class _Column:
    header: str
    text: Callable[[Row], str]
    rank: int  # the highest is left out first where space is short
    numeric: bool = True

    def cell(self, row: Row) -> str:
        return shown(self.text(row))


def amount(value: float | None) -> str:
    """A count in three digits or so: 402k, 1.31M; k = 1024, M = 1024 k."""
    if value is None:
        return "-"
    for size, unit in _UNITS:
        if abs(value) >= size:
            return _digits(value / size) + unit
    return f"{value:.0f}"


def percent(share: float | None) -> str:
    """A share in percent with one decimal."""
    return "-" if share is None else f"{100 * share:.1f}"


def markdown_cell(text: str) -> str:
    """A text as a cell of a Markdown table, or inside a line, that shows it as it is: no markup, no HTML, no second line."""
    return html.escape(_MARKUP.sub(r"\\\g<0>", shown(text)), quote=False)


def _digits(value: float) -> str:
    return f"{value:.0f}" if value >= 99.95 else f"{value:.1f}" if value >= 9.995 else f"{value:.2f}"


def _decimals(value: float | None, suffix: str = "") -> str:
    return "-" if value is None else _digits(value) + suffix


def _accuracy(row: Row) -> str:
    interval = row["accuracy_ci95"]
    bounds = f" [{percent(interval[0])}, {percent(interval[1])}]" if interval else ""
    return percent(row["accuracy"]) + bounds


_COLUMNS = (
    _Column("task", lambda row: str(row["task"]), 4, numeric=False),
    _Column("model", lambda row: str(row["model"]), 5, numeric=False),
    _Column("method", lambda row: str(row["method"]).rpartition(".py:")[2], 0, numeric=False),
    _Column("budget", lambda row: str(row["budget"]), 1),
    _Column("W-L", lambda row: f"{row['width']}-{_length(row['max_len'])}", 3),
    _Column("problems", lambda row: str(row["problems"]), 0),
    _Column("accuracy %", _accuracy, 0),
    _Column("hit %", lambda row: percent(row.get("hit_rate")), 6),
    _Column("avg %", lambda row: percent(row["accuracy_avg"]), 10),
    _Column("pass@W %", lambda row: percent(row["pass_at"].get(str(row["width"]))), 13),
    _Column("KV reads", lambda row: amount(row["kv_reads"]), 0),
    _Column("aux", lambda row: amount(row["aux_reads"]), 7),
    _Column("peak", lambda row: amount(row["peak_tokens"]), 8),
    _Column("CR", lambda row: _decimals(row["realised_cr"], "x"), 2),
    _Column("acc/Mread", lambda row: _decimals(row["accuracy_per_mread"]), 11),
    _Column("tokens/s", lambda row: amount(row["tokens_per_s"]), 9),
    _Column("tokens", lambda row: amount(row["tokens"]), 12),
    _Column("truncated %", lambda row: percent(row["truncated"]), 14),
)
_SHARED = ("task", "model", "W-L")
_HEADINGS = {"hit %": "hit rate %", "CR": "realised CR"}


def rich_table(rows: Sequence[Row], width: int) -> Table:
    """The rows as a table of at most `width` columns where that is possible.

    A task, model or W-L that all rows share goes into the title. Columns that do not fit are left out, the least important
    first, and named in the caption.
    """
    shared = [column for column in _COLUMNS if column.header in _SHARED and len({column.cell(row) for row in rows}) == 1]
    candidates = [column for column in _COLUMNS if column not in shared and not _is_empty(column, rows)]
    dispensable = sorted((column for column in candidates if column.rank), key=lambda column: -column.rank)
    shown = fitting({column: _width(column, rows) for column in candidates}, dispensable, width)
    left_out = [_HEADINGS.get(column.header, column.header) for column in candidates if column not in shown]
    table = plain_table(_title(rows, shared), " ".join(_notes(rows, shown, left_out)))
    for column in shown:
        table.add_column(column.header, justify="right" if column.numeric else "left", no_wrap=True)
    for row in rows:
        table.add_row(*(Text(column.cell(row)) for column in shown))
    return table


def markdown_table(rows: Sequence[Row]) -> str:
    """The rows as a Markdown table with all columns, hit rates and numbers of problems where they differ, and notes below."""
    columns = [column for column in _COLUMNS if column.header == "aux" or not _is_empty(column, rows)]
    headers = [_HEADINGS.get(column.header, column.header) for column in columns]
    lines = [
        _markdown_row(headers),
        _markdown_row(["---:" if column.numeric else "---" for column in columns]),
        *(_markdown_row([column.cell(row) for column in columns]) for row in rows),
        "",
        markdown_cell(" ".join(_notes(rows, columns, []))),
    ]
    return "\n".join(lines) + "\n"


def _markdown_row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(map(markdown_cell, cells)) + " |"


def _width(column: _Column, rows: Sequence[Row]) -> int:
    return max(cell_len(text) for text in (column.header, *(column.cell(row) for row in rows)))


def _is_empty(column: _Column, rows: Sequence[Row]) -> bool:
    if column.header == "hit %":
        return not _measured(rows)
    if column.header == "problems":
        return len(_counts(rows)) < 2  # then the title says it
    return column.header == "aux" and not any(row["aux_reads"] for row in rows)


def _measured(rows: Sequence[Row]) -> bool:
    return any(row.get("hit_rate") is not None for row in rows)


def _counts(rows: Sequence[Row]) -> set[int]:
    return {row["problems"] for row in rows}


def _length(tokens: int) -> str:
    return f"{tokens >> 10}k" if tokens >= 1024 and tokens % 1024 == 0 else str(tokens)


def _title(rows: Sequence[Row], shared: Sequence[_Column]) -> str | None:
    counts = _counts(rows)
    problems = [f"{counts.pop()} problems"] if len(counts) == 1 else []
    return shown(", ".join([column.cell(rows[0]) for column in shared] + problems)) if rows else None


def _notes(rows: Sequence[Row], shown: Sequence[_Column], left_out: Sequence[str]) -> list[str]:
    headers = {column.header for column in shown}
    votes = "any of W chains passing or " if any("sandbox" in row for row in rows) else ""
    notes = [f"Accuracy: {votes}the vote of W chains, with its 95% interval."]
    summed = [name for name in ("KV reads", "aux", "peak", "tokens") if name in headers]
    notes.append(f"{_listed(summed)}: mean per problem, summed over its W chains (k = 1024, M = 1024k).")
    if "CR" in headers:
        notes.append("CR: dense over measured reads.")
    if "hit %" in headers:
        notes.append("Hit: share of the dense model's attention that falls on what the method read.")
    if "truncated %" in headers:
        notes.append("Truncated: chains stopped by length or reads.")
    if any(row.get("accounting") == "paper" for row in rows):
        notes.append("Costs leave aux reads out.")
    notes += _warnings(rows)
    if left_out:
        notes.append(f"Not shown here: {', '.join(left_out)} (a wider terminal, --markdown or --json shows them).")
    return notes


def _warnings(rows: Sequence[Row]) -> list[str]:
    errors, incomplete = (sum(row.get(name) or 0 for row in rows) for name in ("errors", "incomplete"))
    warnings = [*_unequal(rows), *_cautions(rows)]
    if errors:
        warnings.append(f"Chains that ended in an error and are in no accuracy: {errors}.")
    if incomplete:
        warnings.append(f"Problems not finished and not counted: {incomplete}.")
    if any(row.get("partial_tests") for row in rows):
        warnings.append("Only part of the tests was there (--allow-partial-tests): a program that passed may still be wrong.")
    if any("unsafe" in row.get("sandbox", "") for row in rows):
        warnings.append("Programs were graded without a sandbox (--unsafe-no-sandbox).")
    return warnings


def _unequal(rows: Sequence[Row]) -> list[str]:
    """A sentence where runs of one task are not on equally many problems."""
    tasks = {str(row["task"]) for row in rows}
    if all(len(_counts([row for row in rows if str(row["task"]) == task])) == 1 for task in tasks):
        return []
    return ["Runs are on different numbers of problems: hyperscale compare takes two of them on the problems that both have."]


def _cautions(rows: Sequence[Row]) -> list[str]:
    """What is to be said of some intervals, each once, and of whose."""
    whose: dict[str, list[str]] = {}
    for row, label in zip(rows, run_labels(rows), strict=True):
        if row.get("accuracy_ci95_caution"):
            whose.setdefault(shown(str(row["accuracy_ci95_caution"])), []).append(label)
    if len(rows) == 1:
        return list(whose)
    return [f"{'All runs' if len(its) == len(rows) else ', '.join(its)}: {text}" for text, its in whose.items()]


def _listed(names: Sequence[str]) -> str:
    text = ", ".join(names)
    return text[:1].upper() + text[1:]
