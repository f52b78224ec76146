"""`hyperscale sweep --dry-run`: the plan, and what it is going to cost."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Unpack

from hyperscale.checkpoint import Checkpoint
from hyperscale.commands.calibration import TRY_SECONDS, Calibration, stored_calibration, tried_calibration
from hyperscale.commands.combination import Skipped
from hyperscale.commands.forecast import RESTS_ON, Forecast, forecast
from hyperscale.commands.prospect import Prospect, prospects
from hyperscale.commands.stage import Stage
from hyperscale.commands.sweep_common import Common
from hyperscale.commands.sweep_plan import plan_sweep
from hyperscale.commands.sweep_request import SweepOptions, understand_sweep
from hyperscale.errors import Refusal
from hyperscale.models import LoadedModel, load_model

Note = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Foreseen:
    """A planned run; `forecast` and the `source` it rests on are None where nothing is left to do or nothing can be done."""

    prospect: Prospect
    forecast: Forecast | None = None
    source: str | None = None

    def to_json(self) -> dict[str, Any]:
        prospect, standing, expected = self.prospect, self.prospect.standing, self.forecast
        return {
            "run": prospect.label,
            **prospect.run.fields,
            "covers": [configuration.label for configuration in prospect.run.covers],
            "state": prospect.stage.value,
            "folder": None if standing is None else str(standing.path),
            "reason": prospect.reason or None,
            "chains": None if standing is None else standing.wanted,
            "missing": None if standing is None else standing.missing,
            "tokens": expected and expected.tokens,
            "kv_reads": expected and expected.kv_reads,
            "aux_reads": expected and expected.aux_reads,
            "cache_bytes": expected and expected.memory,
            "seconds": expected and expected.seconds,
            "calibration": self.source,
        }


@dataclass(frozen=True, slots=True)
class SweepForecast:
    """All planned runs with what is expected of them, and what was left out."""

    runs: tuple[Foreseen, ...]
    skipped: tuple[Skipped, ...]

    @property
    def seconds(self) -> float:
        return sum(each.forecast.seconds for each in self.runs if each.forecast)

    @property
    def impossible(self) -> tuple[Prospect, ...]:
        """Runs that a file or the machine refuses."""
        return tuple(each.prospect for each in self.runs if each.prospect.stage is Stage.FAILED)

    def failure_text(self) -> str:
        """One message about all that are impossible."""
        lines = [f"  {prospect.label}: {prospect.reason}" for prospect in self.impossible]
        return "\n".join([f"{len(lines)} of {len(self.runs)} runs cannot be made:", *lines])

    def to_json(self) -> dict[str, Any]:
        """The plan as one JSON object."""
        return {
            "planned": [each.to_json() for each in self.runs],
            "skipped": [str(each) for each in self.skipped],
            "seconds": self.seconds,
            "rests_on": RESTS_ON,
        }


def forecast_sweep(
    file: Path | str | None = None, *, note: Note = lambda text: None, **options: Unpack[SweepOptions]
) -> SweepForecast:
    """Say what `sweep` would run with the same words, and predict reads, memory and time.

    Runs that are there calibrate the prediction; where there is none of a model and method, some chains are generated for a few
    seconds. Nothing is written.

    Raises
    ------
    UsageError
        An option is wrong, or options are wrong together.
    Refusal
        A file is wrong, a model cannot be had, or nothing is left to run.
    """
    request = understand_sweep(file, options)
    with request.blaming():
        plan = plan_sweep(request)
        for text in plan.remarks:
            note(text)
        found = prospects(plan, note)
    return SweepForecast(tuple(_foreseen(found, plan.common, note)), plan.skipped)


def _foreseen(found: Sequence[Prospect], common: Common, note: Note) -> Iterator[Foreseen]:
    calibrations = _calibrations(found, common, note)
    for prospect in found:
        standing = prospect.standing
        calibration = calibrations.get(_kind(prospect))
        if standing is None or not standing.missing or calibration is None:
            yield Foreseen(prospect)
        elif isinstance(calibration, Refusal):
            yield Foreseen(Prospect(prospect.label, prospect.run, None, str(calibration)))
        else:
            expected = forecast(prospect.run, standing, calibration, common.machine)
            yield Foreseen(prospect, expected, calibration.source)


def _kind(prospect: Prospect) -> tuple[str, str, str]:
    """Runs of a kind share a calibration: budgets change lengths and speed less than methods do."""
    run = prospect.run
    return run.checkpoint.source, str(run.card.path), run.request.method


def _size(prospect: Prospect) -> tuple[int, int]:
    return prospect.run.length, prospect.standing.wanted if prospect.standing else 0


def _calibrations(found: Sequence[Prospect], common: Common, note: Note) -> dict[tuple[str, str, str], Calibration | Refusal]:
    """One for each kind of run that has chains to generate, made with its largest; one model is loaded at a time."""
    kinds: dict[tuple[str, str, str], list[Prospect]] = {}
    for prospect in found:
        if prospect.standing and prospect.standing.missing:
            kinds.setdefault(_kind(prospect), []).append(prospect)
    models = _LastModel(common)
    return {kind: _calibration(max(kinds[kind], key=_size), models, note) for kind in sorted(kinds)}


def _calibration(prospect: Prospect, models: "_LastModel", note: Note) -> Calibration | Refusal:
    run, standing = prospect.run, prospect.standing
    assert standing is not None
    stored = stored_calibration(run, Path(models.common.out))
    if stored:
        return stored
    note(f"trying {run.request.method} on {run.card.name} with {run.checkpoint.name} for {TRY_SECONDS:.0f} s")
    try:
        return tried_calibration(run, standing, models.loaded(run.checkpoint))
    except Refusal as error:
        return error


class _LastModel:
    """Loads models, and keeps the one loaded last."""

    def __init__(self, common: Common) -> None:
        self.common = common
        self.source = ""
        self.model: LoadedModel | None = None

    def loaded(self, checkpoint: Checkpoint) -> LoadedModel:
        if self.model is None or self.source != checkpoint.source:
            self.model = None  # its memory goes first
            self.model = load_model(checkpoint, self.common.device, self.common.dtype)
            self.source = checkpoint.source
        return self.model
