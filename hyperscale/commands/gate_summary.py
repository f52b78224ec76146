"""What a gate found, as Markdown for a pull request and as numbers with units."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from hyperscale.analysis.check import Check, Metric, Outcome, Terms
from hyperscale.commands.report_table import amount

if TYPE_CHECKING:
    from hyperscale.commands.gate import Gated

SIGNS = {Outcome.PASS: "✅ pass", Outcome.FAIL: "❌ fail", Outcome.INCONCLUSIVE: "❔ inconclusive"}
HEADERS = ("check", "baseline", "candidate", "change [95% bounds]", "allowed", "detects", "")


def markdown(runs: Sequence["Gated"], decision: Outcome, terms: Terms) -> str:
    """Fit for a pull request: the decision, a table per candidate, and what its columns mean."""
    parts = [f"### hyperscale gate: {SIGNS[decision]}\n"]
    for run in runs:
        verdict = run.verdict
        same = ", the same chains" if verdict.identical else ""
        there, here = verdict.chains[1], verdict.chains[0]
        chains = f"{here} chains" if here == there else f"{here} chains against {there}"
        parts.append(f"\n**{run.title}** ({verdict.problems} problems, {chains}{same})\n\n")
        table = [HEADERS, ("---", *["---:"] * 5, "---"), *((*cells(check), SIGNS[check.outcome]) for check in verdict.checks)]
        parts += [f"| {' | '.join(line)} |\n" for line in table]
        parts += [f"\n{check.name}: {check.reason}.\n" for check in verdict.checks if check.outcome is not Outcome.PASS]
    parts.append(f"\n<sub>{legend(terms)}</sub>\n")
    return "".join(parts)


def value_text(check: Check, value: float) -> str:
    """A side's value in the check's unit."""
    if check.name.startswith("accuracy") and not check.relative:
        return f"{100 * value:.1f}%"
    return f"{value:.3g} /M" if check.name == "accuracy per read" else amount(value)


def change_text(check: Check, change: float | None) -> str:
    """A change in points of accuracy, or in percent of the baseline's value."""
    if change is None:
        return "-"
    return f"{100 * change:+.1f}%" if check.relative else f"{100 * change:+.1f}"


def change_and_bounds(check: Check) -> str:
    """The change with its one-sided bounds in brackets."""
    if check.change is None:
        return "-"
    bounds = ", ".join(change_text(check, bound) for bound in (check.change.at_least, check.change.at_most))
    return f"{change_text(check, check.change.value)} [{bounds}]"


def allowed_text(check: Check) -> str:
    return ("≥ " if check.limit <= 0 and "accuracy" in check.name else "≤ ") + change_text(check, check.limit)


def cells(check: Check) -> tuple[str, ...]:
    """A row of a table, as `HEADERS` names it, without the outcome."""
    return (
        check.name,
        value_text(check, check.baseline),
        value_text(check, check.candidate),
        change_and_bounds(check),
        allowed_text(check),
        change_text(check, check.detectable),
    )


def legend(terms: Terms) -> str:
    """What the columns mean."""
    costs = " Reads fail where they are shown to be above the limit, and pass where they were not."
    return (
        "Paired by problem. Accuracy: share of right chains unless votes were asked for. Changes without % are points of "
        "accuracy. Bounds: one-sided, each with 95% confidence. Detects: the true change that fails in 80% of repetitions."
        + (costs if terms.metric in (Metric.PER_READ, Metric.KV_READS, Metric.PEAK) else "")
    )
