"""How a report looks: columns, numbers, captions."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich import box
from rich.cells import cell_len
from rich.table import Table
from rich.text import Text

Row = Mapping[str, Any]

_GAP = 2  # between two cells: one for padding, one for the divider
_EDGES = 2
_UNITS = ((1 << 40, "T"), (1 << 30, "G"), (1 << 20, "M"), (1 << 10, "k"))


@dataclass(frozen=True, slots=True)
class _Column:
    header: str
    cell: Callable[[Row], str]
    rank: int  # the highest is left out first where space is short
    numeric: bool = True


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
    _Column("cut %", lambda row: percent(row["truncated"]), 14),
)
_SHARED = ("task", "model", "W-L")
_HEADINGS = {"hit %": "hit rate %", "CR": "realised CR", "cut %": "truncated %"}


def rich_table(rows: Sequence[Row], width: int) -> Table:
    """The rows as a table of at most `width` columns where that is possible.

    A task, model or W-L that all rows share goes into the title. Columns that do not fit are left out, the least important
    first, and named in the caption.
    """
    shared = [column for column in _COLUMNS if column.header in _SHARED and len({column.cell(row) for row in rows}) == 1]
    candidates = [column for column in _COLUMNS if column not in shared and not _is_empty(column, rows)]
    shown = _fitting(candidates, rows, width)
    left_out = [_HEADINGS.get(column.header, column.header) for column in candidates if column not in shown]
    table = Table(
        title=_title(rows, shared),
        caption=Text(" ".join(_notes(rows, shown, left_out))),
        title_justify="left",
        caption_justify="left",
        title_style="bold",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        padding=(0, _GAP - 1, 0, 0),
    )
    for column in shown:
        table.add_column(column.header, justify="right" if column.numeric else "left", no_wrap=True)
    for row in rows:
        table.add_row(*(Text(column.cell(row)) for column in shown))
    return table


def markdown_table(rows: Sequence[Row]) -> str:
    """The rows as a Markdown table with all columns (hit rates where there are any), and the notes below it."""
    columns = [column for column in _COLUMNS if column.header != "hit %" or _measured(rows)]
    headers = [_HEADINGS.get(column.header, column.header) for column in columns]
    lines = [
        _markdown_row(headers),
        _markdown_row(["---:" if column.numeric else "---" for column in columns]),
        *(_markdown_row([column.cell(row) for column in columns]) for row in rows),
        "",
        " ".join(_notes(rows, columns, [])),
    ]
    return "\n".join(lines) + "\n"


def _markdown_row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _fitting(columns: Sequence[_Column], rows: Sequence[Row], width: int) -> list[_Column]:
    shown = list(columns)
    widths = {column.header: _width(column, rows) for column in columns}
    while sum(widths[column.header] + _GAP for column in shown) - _GAP + _EDGES > width and any(
        column.rank for column in shown
    ):
        shown.remove(max(shown, key=lambda column: column.rank))
    return shown


def _width(column: _Column, rows: Sequence[Row]) -> int:
    return max(cell_len(text) for text in (column.header, *(column.cell(row) for row in rows)))


def _is_empty(column: _Column, rows: Sequence[Row]) -> bool:
    if column.header == "hit %":
        return not _measured(rows)
    return column.header == "aux" and not any(row["aux_reads"] for row in rows)


def _measured(rows: Sequence[Row]) -> bool:
    return any(row.get("hit_rate") is not None for row in rows)


def _length(tokens: int) -> str:
    return f"{tokens >> 10}k" if tokens >= 1024 and tokens % 1024 == 0 else str(tokens)


def _title(rows: Sequence[Row], shared: Sequence[_Column]) -> str | None:
    counts = {row["problems"] for row in rows}
    problems = [f"{counts.pop()} problems"] if len(counts) == 1 else []
    return ", ".join([column.cell(rows[0]) for column in shared] + problems) if rows else None


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
    if "cut %" in headers:
        notes.append("Cut: chains stopped by length or reads.")
    if any(row.get("accounting") == "paper" for row in rows):
        notes.append("Costs leave aux reads out.")
    notes += _warnings(rows)
    if left_out:
        notes.append(f"Not shown here: {', '.join(left_out)} (a wider terminal, --markdown or --json shows them).")
    return notes


def _warnings(rows: Sequence[Row]) -> list[str]:
    errors, incomplete = (sum(row.get(name) or 0 for row in rows) for name in ("errors", "incomplete"))
    warnings = list(dict.fromkeys(row["accuracy_ci95_caution"] for row in rows if row.get("accuracy_ci95_caution")))
    if errors:
        warnings.append(f"Chains that ended in an error and are in no accuracy: {errors}.")
    if incomplete:
        warnings.append(f"Problems not finished and not counted: {incomplete}.")
    if any(row.get("partial_tests") for row in rows):
        warnings.append("Only part of the tests was there (--allow-partial-tests): a program that passed may still be wrong.")
    if any("unsafe" in row.get("sandbox", "") for row in rows):
        warnings.append("Programs were graded without a sandbox (--unsafe-no-sandbox).")
    return warnings


def _listed(names: Sequence[str]) -> str:
    text = ", ".join(names)
    return text[:1].upper() + text[1:]
