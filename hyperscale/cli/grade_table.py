"""How `grade` shows its verdicts."""

from rich import box
from rich.table import Table

from hyperscale.analysis.estimate import wilson
from hyperscale.commands.grade import GradeReport
from hyperscale.commands.report_table import percent


def grade_table(report: GradeReport) -> Table:
    """How many completions got each verdict, and the share of correct ones with Wilson's interval."""
    count = len(report.rows)
    interval = wilson(sum(row.grade.correct for row in report.rows), count)
    bounds = f"[{percent(interval.low)}, {percent(interval.high)}]"
    table = Table(
        title=f"{report.task}, {count} completions",
        caption=" ".join(
            [f"Accuracy: {percent(report.accuracy)}%, 95% interval {bounds}.", *_warnings(report), "--json lists every row."]
        ),
        title_justify="left",
        caption_justify="left",
        title_style="bold",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
    )
    table.add_column("verdict")
    table.add_column("completions", justify="right")
    table.add_column("%", justify="right")
    for verdict, number in report.counts.items():
        table.add_row(verdict.value, str(number), percent(number / count))
    return table


def _warnings(report: GradeReport) -> list[str]:
    partial = ["Only part of the tests is here: a program that passes may still be wrong."] if report.partial_tests else []
    return partial + (["Programs ran with your own rights."] if "unsafe" in report.grader else [])
