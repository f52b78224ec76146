"""How `run` shows its summary."""

from collections.abc import Mapping
from typing import Any

from rich.table import Table
from rich.text import Text

from hyperscale.budget import format_size
from hyperscale.commands.plain_table import plain_table
from hyperscale.commands.report_table import amount, percent


def summary_table(summary: Mapping[str, Any]) -> Table:
    """One run, one line per number, with a word on what each number is."""
    table = plain_table(_title(summary), headed=False)
    table.add_column(no_wrap=True)
    table.add_column(justify="right", no_wrap=True)
    table.add_column(style="dim")
    for cells in _rows(summary):
        table.add_row(*map(Text, cells))
    return table


def _title(summary: Mapping[str, Any]) -> str:
    what = f"{summary['task']}, {summary['model']}, {summary['method']} {summary['budget']}"
    return f"{what}, W={summary['width']}, L={format_size(summary['max_len'])}"


def _rows(summary: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    width = summary["width"]
    chains = "1 chain" if width == 1 else f"{width} chains"
    interval = summary["accuracy_ci95"]
    bounds = f"95%: [{percent(interval[0])}, {percent(interval[1])}]; " if interval else ""
    # only programs are graded in a sandbox
    vote = f"any of {chains} passes" if "sandbox" in summary else f"vote of {chains}"
    rows = [
        ("accuracy %", percent(summary["accuracy"]), f"{bounds}{vote}, {summary['problems']} problems"),
        ("average %", percent(summary["accuracy_avg"]), "mean over chains"),
        (f"pass@{width} %", percent(summary["pass_at"].get(str(width))), "at least one chain right"),
        ("KV reads", amount(summary["kv_reads"]), f"per problem, {chains}; k = 1024, M = 1024k"),
        ("aux reads", amount(summary["aux_reads"]), "metadata read to decide what to read"),
        ("peak", _plain(summary["peak_tokens"]), f"most entries held, per problem, {chains}"),
        ("realised CR", _decimals(summary["realised_cr"], "x"), "dense reads over measured reads"),
        ("acc/Mread", _decimals(summary["accuracy_per_mread"]), "accuracy per 2^20 reads, aux included"),
        ("tokens", _plain(summary["tokens"]), f"generated per problem, {chains}"),
        ("tokens/s", _plain(summary["tokens_per_s"]), "while generating"),
        ("truncated %", percent(summary["truncated"]), "chains stopped by length or reads"),
    ]
    if summary.get("hit_rate") is not None:
        rows.insert(3, ("hit rate %", percent(summary["hit_rate"]), "of dense attention falls on what was read"))
    if summary.get("accuracy_ci95_caution"):
        rows.append(("caution", "", summary["accuracy_ci95_caution"]))
    if summary.get("partial_tests"):
        rows.append(("tests", "partial", "--allow-partial-tests: a program that passes may still be wrong"))
    if "unsafe" in summary.get("sandbox", ""):
        rows.append(("sandbox", summary["sandbox"], "programs ran with the user's rights"))
    if summary.get("errors"):
        rows.append(("errors", str(summary["errors"]), "chains that failed; they are in no accuracy"))
    if summary.get("incomplete"):
        rows.append(("incomplete", str(summary["incomplete"]), "problems not finished; not counted"))
    return rows


def _plain(value: float | None) -> str:
    return "-" if value is None else f"{value:.0f}"


def _decimals(value: float | None, suffix: str = "") -> str:
    return "-" if value is None else f"{value:.2f}{suffix}"
