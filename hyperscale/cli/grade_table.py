"""How `grade` shows its verdicts."""

from rich.console import Group

from hyperscale.analysis.estimate import wilson
from hyperscale.commands.grade import GradeReport
from hyperscale.commands.plain_table import plain_table, with_note
from hyperscale.commands.report_table import percent


def grade_table(report: GradeReport) -> Group:
    """How many completions got each verdict, and the share of correct ones with Wilson's interval."""
    count = len(report.rows)
    table = plain_table(f"{report.task}, {count} completions")
    table.add_column("verdict")
    table.add_column("completions", justify="right")
    table.add_column("%", justify="right")
    for verdict, number in report.counts.items():
        table.add_row(verdict.value, str(number), percent(number / count))
    return with_note(table, " ".join([_accuracy(report), *_warnings(report), "--json lists every row."]))


def _accuracy(report: GradeReport) -> str:
    if report.accuracy is None:
        return "Accuracy: -."
    interval = wilson(report.correct, len(report.rows) - report.errors)
    return f"Accuracy: {percent(report.accuracy)}%, 95% interval [{percent(interval.low)}, {percent(interval.high)}]."


def _warnings(report: GradeReport) -> list[str]:
    errors = [f"{_rows(report.errors)} in no accuracy."] if report.errors else []
    partial = ["Only part of the tests is here: a program that passes may still be wrong."] if report.partial_tests else []
    return errors + partial + (["Programs ran with your own rights."] if "unsafe" in report.grader else [])


def _rows(ungraded: int) -> str:
    return "1 row could not be graded and is" if ungraded == 1 else f"{ungraded} rows could not be graded and are"
