"""How `tasks`, `methods`, `models` and `doctor` show what they found."""

from collections.abc import Sequence

from rich.console import Group
from rich.table import Table
from rich.text import Text

from hyperscale.budget import format_size
from hyperscale.commands.doctor import Diagnosis, Status
from hyperscale.commands.listings import HeadsInfo, MethodInfo, Models, TaskInfo
from hyperscale.commands.plain_table import plain_table, with_note

_STYLES = {Status.OK: "green", Status.NOTE: "yellow", Status.BROKEN: "bold red"}


def tasks_table(tasks: Sequence[TaskInfo]) -> Group:
    table = plain_table()
    table.add_column("task", no_wrap=True)
    table.add_column("kind", no_wrap=True)
    table.add_column("problems", justify="right", no_wrap=True)
    table.add_column("L", justify="right", no_wrap=True)
    table.add_column("problems from", overflow="fold")
    table.add_column("licence")
    for task in tasks:
        count = "?" if task.problems is None else str(task.problems)
        source = Text(f"{task.origin}: ").append(Text(task.fault or task.source, style="red" if task.fault else ""))
        table.add_row(task.name, task.kind, count, format_size(task.max_len), source, Text(task.licence))
    return with_note(table, "A task of your own: --task path/to/card.toml. --json shows prompts and known defects.")


def methods_table(methods: Sequence[MethodInfo]) -> Group:
    table = plain_table()
    table.add_column("method", no_wrap=True)
    table.add_column("budget", justify="right", max_width=12)
    table.add_column("what it does, its parameters, its paper")
    for method in methods:
        text = Text(method.summary)
        for parameter in method.parameters:
            text.append(f"\n--set {parameter.name}={parameter.default}", style="cyan").append(
                f"  ({parameter.values})", style="dim"
            )
        if method.paper:
            text.append(f"\n{method.paper}", style="dim")
        table.add_row(method.name, method.default_budget, text)
    default = next((f"Without --method, {method.name} runs. " for method in methods if method.is_default), "")
    return with_note(table, f"{default}A method of your own: --method path/file.py:Class.")


def models_table(models: Models) -> Group:
    table = plain_table()
    table.add_column("bundled model", no_wrap=True)
    table.add_column("family", no_wrap=True)
    table.add_column("trained for", no_wrap=True)
    table.add_column("parameters", justify="right", no_wrap=True)
    table.add_column("positions", justify="right", no_wrap=True)
    table.add_column("licence")
    for model in models.bundled:
        positions = "?" if model.max_positions is None else str(model.max_positions)
        heads = _heads(model.heads) if model.heads else "-"
        table.add_row(model.name, model.family, heads, f"{model.parameters:,}", positions, Text(model.licence))
    families = ", ".join(models.families)
    note = f"--model also takes a folder in the hub's layout, or owner/name on the hub. Families: {families}."
    return Group(table, _published_table(models), Text(note))


def _published_table(models: Models) -> Table:
    table = plain_table()
    table.add_column("on the hub", no_wrap=True)
    table.add_column("trained for", no_wrap=True)
    table.add_column("licence")
    for model in models.published:
        table.add_row(model.name, _heads(model.heads), Text(model.licence))
    return table


def _heads(heads: HeadsInfo) -> str:
    ratio = "" if heads.ratio is None else f" {heads.ratio:g}x"
    return f"{heads.method}{ratio}, w={heads.window}"


def doctor_table(diagnosis: Diagnosis) -> Group:
    table = plain_table()
    table.show_header = False
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for check in diagnosis.checks:
        table.add_row(Text(str(check.status), style=_STYLES[check.status]), check.name, Text(check.finding))
    broken = [check.name for check in diagnosis.checks if check.status is Status.BROKEN]
    return with_note(table, f"Broken: {', '.join(broken)}." if broken else "Nothing essential is broken.")
