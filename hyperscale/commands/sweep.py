"""`hyperscale sweep`: many runs, as few as their configurations need, in one table."""

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any, Unpack

import torch

from hyperscale.commands.prospect import Prospect, prospects
from hyperscale.commands.run import run
from hyperscale.commands.stage import Stage
from hyperscale.commands.sweep_common import Common
from hyperscale.commands.sweep_listener import SilentSweep, SweepListener
from hyperscale.commands.sweep_plan import PlannedRun, plan_sweep
from hyperscale.commands.sweep_request import SweepOptions, understand_sweep
from hyperscale.commands.sweep_result import Outcome, SweepResult
from hyperscale.errors import HyperscaleError

ITS_OWN = (HyperscaleError, OSError, MemoryError, torch.OutOfMemoryError)
"""What one run may end in without taking the others along."""


def sweep(
    file: Path | str | None = None, *, listener: SweepListener | None = None, **options: Unpack[SweepOptions]
) -> SweepResult:
    """Run methods at configurations, on tasks, with seeds; what is done is skipped, what is not goes on.

    Everything is checked before the first run starts. A run that is refused does not cost the others: it is among the
    result's `failed`, with the reason. Interrupted and called again, it goes on and gives the result of an uninterrupted sweep.

    Parameters
    ----------
    file : path, optional
        A sweep written down (docs/sweep.md), instead of the options that say what to run.
    listener : SweepListener, optional
        Told what happens meanwhile.
    options
        The words of ``hyperscale sweep``: `methods` and `configs` (such as ``"8-1k-8x"``), or a file, must be there.

    Raises
    ------
    UsageError
        An option is wrong, or options are wrong together; nothing was run.
    Refusal
        A file is wrong, a model cannot be had, or nothing is left to run; nothing was run.
    """
    listener = listener or SilentSweep()
    request = understand_sweep(file, options)
    with request.blaming():
        plan = plan_sweep(request)
        for text in plan.remarks:
            listener.note(text)
        found = prospects(plan, listener.note)
    listener.planned(found)
    return SweepResult(tuple(_outcomes(found, plan.common, listener)), plan.skipped)


def _outcomes(found: tuple[Prospect, ...], common: Common, listener: SweepListener) -> Iterator[Outcome]:
    for number, prospect in enumerate(found):
        if prospect.stage is Stage.FAILED:
            yield Outcome(prospect, None, prospect.reason)
        elif prospect.stage is Stage.DONE:
            assert prospect.standing is not None
            yield Outcome(prospect, prospect.standing.summary)
        else:
            yield _made(number, prospect, common, listener)


def _made(number: int, prospect: Prospect, common: Common, listener: SweepListener) -> Outcome:
    try:
        summary = run(**_words(prospect.run, common), listener=listener.running(number))
    except ITS_OWN as error:
        reason = str(error) or type(error).__name__
        listener.failed(number, reason)
        return Outcome(prospect, None, reason)
    listener.done(number, summary)
    return Outcome(prospect, summary)


def _words(planned: PlannedRun, common: Common) -> dict[str, Any]:
    """The run in the words of `hyperscale run`."""
    request = planned.request
    return {
        **asdict(common),
        "task": planned.task,
        "method": request.method,
        "budget": request.budget.label,
        "model": planned.checkpoint.asked,
        "width": planned.width,
        "max_len": planned.length,
        "seed": request.seed,
        "settings": request.settings,
        "data": common.data_path,
    }
