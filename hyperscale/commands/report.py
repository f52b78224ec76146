"""`hyperscale report`: one row per run."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.table import Table

from hyperscale.analysis.summary import Vote, summarize
from hyperscale.commands.equivalence import equivalences
from hyperscale.commands.grading import vote
from hyperscale.commands.report_table import markdown_table, rich_table
from hyperscale.commands.telemetry import measured
from hyperscale.errors import Refusal
from hyperscale.store.codec import Detail
from hyperscale.store.find_runs import open_runs
from hyperscale.store.stored_run import StoredRun
from hyperscale.tasks.task_card import Kind

VoteOf = Callable[[Mapping[str, Any]], Vote]
"""The vote that fits a run, from the fields of its manifest."""


@dataclass(frozen=True, slots=True)
class Report:
    """The summaries of several runs, ready to be shown."""

    rows: tuple[Mapping[str, Any], ...]

    def table(self, width: int = 120) -> Table:
        """The rows as a table for a terminal of `width` columns; what does not fit is left out, the least important first."""
        return rich_table(self.rows, width)

    def markdown(self) -> str:
        """The rows as a Markdown table with all columns."""
        return markdown_table(self.rows)

    def to_json(self) -> dict[str, Any]:
        """The rows as one JSON object, as `--json` prints it."""
        return {"runs": [dict(row) for row in self.rows]}


def report(runs: Iterable[Path | str], vote_of: VoteOf | None = None) -> Report:
    """Report on runs: run folders, folders of runs, exported files.

    A run without a summary, e.g. an interrupted one, is summarized from its chains and scores, by the vote of its kind of task
    or the one that `vote_of` finds for it.

    Raises
    ------
    Refusal
        If there is no run, or one cannot be read.
    """
    with equivalences() as equivalence:

        def by_kind(fields: Mapping[str, Any]) -> Vote:
            kind = fields.get("kind", Kind.MATH)
            return lambda grades: vote(kind, equivalence(kind), grades)

        return Report(tuple(sorted((_row(run, vote_of or by_kind) for run in open_runs(map(Path, runs))), key=_order)))


def _order(row: Mapping[str, Any]) -> tuple[Any, ...]:
    """Like beside like, and the dense cache, which the others are measured against, first."""
    dense_first = (row["method"] != "vanilla", row["method"], row["budget"])
    return row["task"], row["base_model"], row["width"], row["max_len"], *dense_first


def _row(run: StoredRun, vote_of: VoteOf) -> dict[str, Any]:
    summary = run.summary()
    if summary is None:
        summary = resummarize(run, vote_of(run.manifest.fields))
    return {**summary, "run": run.name}  # a folder may have been moved, or exported, since its summary was written


def resummarize(run: StoredRun, vote: Vote) -> dict[str, Any]:
    """The summary of a run from its records: the chains its manifest says are wanted, else all there are."""
    fields = run.manifest.fields
    chains = run.chains(Detail.COUNTS)
    ids = fields.get("problem_ids") or list(dict.fromkeys(problem for problem, _ in chains))
    width = fields.get("width") or 1 + max((chain for _, chain in chains), default=0)
    try:
        return summarize(fields, ids, chains, run.scores(), width, vote, run=run.name, **measured(run.telemetry()))
    except KeyError as error:
        raise Refusal(f"The manifest of {run.name} does not say its {error}; it cannot be reported. Run it again.") from None
