"""What a gate found, as Markdown for a pull request and as numbers with units."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from hyperscale.analysis.check import Check, Metric, Outcome, Terms
from hyperscale.analysis.gate import Verdict
from hyperscale.commands.report_table import amount, markdown_cell

if TYPE_CHECKING:
    from hyperscale.commands.gate import Gated

SIGNS = {Outcome.PASS: "✅ pass", Outcome.FAIL: "❌ fail", Outcome.INCONCLUSIVE: "❔ inconclusive"}
HEADERS = ("check", "outcome", "baseline", "candidate", "change [95% bounds]", "allowed", "detects")


def markdown(runs: Sequence["Gated"], decision: Outcome, terms: Terms) -> str:
    """Fit for a pull request: the decision, a table per candidate, and what its columns mean."""
    parts = [f"### hyperscale gate: {SIGNS[decision]}\n"]
    for run in runs:
        verdict = run.verdict
        parts.append(f"\n**{markdown_cell(run.title)}** ({held_against_each_other(verdict)})\n\n")
        table = [HEADERS, ("---", "---", *["---:"] * 5), *(row(check, SIGNS[check.outcome]) for check in verdict.checks)]
        parts += [f"| {' | '.join(line)} |\n" for line in table]
        parts += [f"\n{sentence}\n" for sentence in remarks(verdict)]
    parts.append(f"\n<sub>{legend(terms, [check for run in runs for check in run.verdict.checks])}</sub>\n")
    return "".join(parts)


def held_against_each_other(verdict: Verdict) -> str:
    """How much of both sides."""
    here, there = verdict.chains
    chains = f"{here} chains" if here == there else f"{here} chains against {there}"
    return f"{verdict.problems} problems, {chains}{', the same chains' if verdict.identical else ''}"


def remarks(verdict: Verdict) -> list[str]:
    """Why checks did not pass, and what else a reader should know, a sentence each."""
    return [
        *(f"{check.name}: {check.reason}." for check in verdict.checks if check.outcome is not Outcome.PASS),
        *verdict.notes,
    ]


def value_text(check: Check, value: float) -> str:
    """A side's value in the check's unit."""
    if check.name == "problems":
        return f"{value:.0f}"
    if check.name.startswith("accuracy") and not check.relative:
        return f"{100 * value:.1f}%"
    return f"{value:.3g} /M" if check.name == "accuracy per read" else amount(value)


def change_text(check: Check, change: float | None) -> str:
    """A change in points of accuracy, or in percent of the baseline's value."""
    if change is None:
        return "-"
    text = signed(100 * change)
    return f"{text}%" if check.relative else text


def signed(number: float) -> str:
    """With one decimal and its sign; what rounds to nothing is not less than it."""
    return f"{round(number, 1) + 0.0:+.1f}"


def change_and_bounds(check: Check) -> str:
    """The change with its one-sided bounds in brackets."""
    if check.change is None:
        return "-"
    bounds = ", ".join(change_text(check, bound) for bound in (check.change.at_least, check.change.at_most))
    return f"{change_text(check, check.change.value)} [{bounds}]"


def allowed_text(check: Check) -> str:
    if check.name == "problems":
        return "all"
    return ("≥ " if check.limit <= 0 and "accuracy" in check.name else "≤ ") + change_text(check, check.limit)


def row(check: Check, outcome: str) -> tuple[str, ...]:
    """A row of a table, as `HEADERS` names it."""
    return (
        check.name,
        outcome,
        value_text(check, check.baseline),
        value_text(check, check.candidate),
        change_and_bounds(check),
        allowed_text(check),
        change_text(check, check.detectable),
    )


def legend(terms: Terms, checks: Sequence[Check]) -> str:
    """What the columns mean, and of what each number is an estimate."""
    costs = terms.metric in (Metric.PER_READ, Metric.KV_READS, Metric.PEAK)
    sentences = [
        "Paired by problem.",
        *dict.fromkeys(f"{check.name[:1].upper()}{check.name[1:]}: {check.estimand}." for check in checks if check.estimand),
        "Changes without % are points of accuracy. Bounds: one-sided, each with 95% confidence.",
        *(["A cost passes up to the limit as measured, and fails if above it with 95% confidence."] if costs else []),
        "Detects: the true change that fails in 80% of repetitions.",
    ]
    return " ".join(sentences)
