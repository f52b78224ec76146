"""Prospect: a planned run and what is known of it before it starts."""

from collections.abc import Callable
from dataclasses import dataclass

from hyperscale.commands.run_labels import run_labels
from hyperscale.commands.stage import Stage
from hyperscale.commands.standing import Standing, Survey
from hyperscale.commands.sweep_plan import PlannedRun, SweepPlan
from hyperscale.errors import Refusal


@dataclass(frozen=True, slots=True)
class Prospect:
    """A run of a sweep: where it stands, or why it cannot be made."""

    label: str
    run: PlannedRun
    standing: Standing | None
    reason: str = ""

    @property
    def stage(self) -> Stage:
        return Stage.FAILED if self.standing is None else self.standing.stage


def prospects(plan: SweepPlan, note: Callable[[str], None]) -> tuple[Prospect, ...]:
    """Look at all runs before the first one starts.

    A run that its files or the machine refuse loses only itself.

    Raises
    ------
    UsageError
        Words of a run are wrong together with its model's own settings, or with its task.
    """
    survey, found = Survey(plan.common, note), []
    for label, run in zip(run_labels([run.fields for run in plan.runs]), plan.runs, strict=True):
        try:
            found.append(Prospect(label, run, survey.standing(run)))
        except (Refusal, OSError) as error:
            found.append(Prospect(label, run, None, str(error)))
    return tuple(found)
