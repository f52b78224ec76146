"""SweepResult: what came of a sweep."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hyperscale.analysis.point import Point
from hyperscale.analysis.prefix import points
from hyperscale.commands.combination import Skipped
from hyperscale.commands.equivalence import EquivalenceOf, equivalences
from hyperscale.commands.prospect import Prospect
from hyperscale.commands.report import Report, report
from hyperscale.commands.telemetry import measured
from hyperscale.store.run_folder import RunFolder


@dataclass(frozen=True, slots=True)
class Outcome:
    """One run of a sweep: its summary, or the reason why there is none."""

    prospect: Prospect
    summary: Mapping[str, Any] | None
    reason: str = ""

    @property
    def path(self) -> Path:
        assert self.prospect.standing is not None
        return self.prospect.standing.path


@dataclass(frozen=True, slots=True)
class SweepResult:
    """The outcomes of all planned runs, in the order of the plan, and what was left out of the plan."""

    outcomes: tuple[Outcome, ...]
    skipped: tuple[Skipped, ...]

    @property
    def finished(self) -> tuple[Outcome, ...]:
        return tuple(outcome for outcome in self.outcomes if outcome.summary is not None)

    @property
    def failed(self) -> tuple[Outcome, ...]:
        return tuple(outcome for outcome in self.outcomes if outcome.summary is None)

    def report(self) -> Report:
        """The finished runs as `hyperscale report` shows them."""
        paths = [outcome.path for outcome in self.finished]
        return report(paths) if paths else Report(())

    def configurations(self) -> list[dict[str, Any]]:
        """Every configuration that was asked for, with what the run that covers it says of it; of a failed run nothing."""
        with equivalences() as equivalence:
            return [row for outcome in self.outcomes for row in _rows(outcome, equivalence)]

    def to_json(self) -> dict[str, Any]:
        """Summaries, configurations and failures as one JSON object."""
        return {
            **self.report().to_json(),
            "configurations": self.configurations(),
            "failed": [{"run": outcome.prospect.label, "reason": outcome.reason} for outcome in self.failed],
            "skipped": [str(each) for each in self.skipped],
        }

    def failure_text(self) -> str:
        """One message about all failures."""
        count = f"{len(self.failed)} of {len(self.outcomes)} runs failed"
        return "\n".join([f"{count}:", *(f"  {outcome.prospect.label}: {outcome.reason}" for outcome in self.failed)])


def _rows(outcome: Outcome, equivalence: EquivalenceOf) -> Iterator[dict[str, Any]]:
    run = outcome.prospect.run
    found = {} if outcome.summary is None else _points(outcome, equivalence)
    for configuration in run.covers:
        point = found.get((configuration.width, configuration.length))
        yield {
            "configuration": configuration.label,
            "label": outcome.prospect.label,
            **run.fields,
            "width": configuration.width,
            "max_len": configuration.length,
            "derived": run.derives(configuration),
            "run": None if outcome.summary is None else str(outcome.path),
            **_estimates(point),
        }


def _points(outcome: Outcome, equivalence: EquivalenceOf) -> dict[tuple[int, int], Point]:
    stored, covers = RunFolder.read(outcome.path), outcome.prospect.run.covers
    found = points(
        stored,
        equivalence(str(stored.manifest.fields.get("kind", "math"))),
        widths=sorted({configuration.width for configuration in covers}),
        lengths=sorted({configuration.length for configuration in covers}),
        tokens_per_s=measured(stored.telemetry())["tokens_per_s"],
    )
    return {(point.width, point.length): point for point in found}


def _estimates(point: Point | None) -> dict[str, Any]:
    if point is None:
        return dict.fromkeys(("problems", "accuracy", "accuracy_avg", "kv_reads", "aux_reads", "peak_tokens"))
    return {
        "problems": len(point.problems),
        "accuracy": float(point.accuracy.mean()),
        "accuracy_avg": float(point.average.mean()),
        "kv_reads": float(point.kv_reads.mean()),
        "aux_reads": float(point.aux_reads.mean()),
        "peak_tokens": float(point.peak.mean()),
    }
