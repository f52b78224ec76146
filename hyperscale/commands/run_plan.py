"""What a run is going to do, settled before its folder is opened."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch

from hyperscale.checkpoint import Checkpoint
from hyperscale.commands.auto_model import pick_model
from hyperscale.commands.listener import RunInfo
from hyperscale.commands.request import Request, encode_problems, resolve_sampling
from hyperscale.commands.run_manifest import manifest_of
from hyperscale.engine.pool import Job, default_workers
from hyperscale.engine.scheduler import default_rows
from hyperscale.errors import UsageError
from hyperscale.models import LoadedModel, load_model, locate
from hyperscale.store.layout import run_path
from hyperscale.store.manifest import Manifest
from hyperscale.tasks.cards import load_card, load_problems
from hyperscale.tasks.problem import ProblemSet
from hyperscale.tasks.task_card import TaskCard


@dataclass(frozen=True, slots=True)
class Machine:
    """What a run may use; None leaves a number to the program."""

    device: str
    dtype: str
    rows: int | None
    workers: int | None


@dataclass(frozen=True, slots=True)
class RunPlan:
    """Everything that is known of a run before it starts.

    Attributes
    ----------
    encoded : mapping
        Prompt token ids by problem.
    path : Path
        The run folder.
    """

    request: Request
    machine: Machine
    card: TaskCard
    problems: ProblemSet
    model: LoadedModel
    encoded: Mapping[str, tuple[int, ...]]
    manifest: Manifest
    job: Job
    path: Path

    @property
    def ids(self) -> list[str]:
        return [problem.id for problem in self.problems.problems]

    @property
    def width(self) -> int:
        return self.request.width

    @property
    def workers(self) -> int:
        """Processes that would generate all of the run's chains."""
        return self.workers_for(len(self.ids) * self.width)

    def workers_for(self, chains: int) -> int:
        return self.machine.workers or default_workers(torch.device(self.job.device), chains)

    def info(self, missing: int) -> RunInfo:
        """What is about to be done, where so many chains are missing."""
        request, wanted, length = self.request, len(self.ids) * self.width, self.job.max_len
        method = f"{request.method} {request.budget.label}"
        title = f"{self.card.name} · {self.model.name} · {method} · W={self.width} L={length}"
        return RunInfo(title, wanted, wanted - missing, len(self.ids), self.width, length)


def plan_run(
    request: Request,
    machine: Machine,
    note: Callable[[str], None],
    *,
    task: str,
    model: str,
    prompt: str | None,
    data: Path | None,
    out: Path,
    accept_licence: bool,
    allow_partial_tests: bool,
) -> RunPlan:
    """Find the task, its problems and the model, and settle what follows from them.

    Parameters
    ----------
    request, machine
        The options that needed none of these to be understood.
    note
        Told what a user should know.

    Raises
    ------
    UsageError
        There is no such task, prompt or model; found before anything is loaded.
    Refusal
        Problems or model cannot be had, or do not fit the request.
    """
    card = load_card(task)
    card.prompt(prompt)
    chosen, remark = pick_model(model, card, machine.device, request.policy, request.stated_budget, accept_licence)
    locate(chosen)
    if remark:
        note(remark)
    problems = load_problems(
        card,
        data=data,
        limit=request.limit,
        since=request.since,
        until=request.until,
        allow_partial_tests=allow_partial_tests,
        note=note,
    )
    checkpoint = Checkpoint.open(chosen)
    request = request.fitted(checkpoint.heads, checkpoint.name)  # before its weights are loaded
    loaded = load_model(checkpoint, machine.device, machine.dtype)
    sampling = resolve_sampling(request, loaded, card)
    length = request.max_len or card.generation.max_len
    encoded = encode_problems(problems.problems, card, prompt, loaded, request, length)
    manifest = manifest_of(request, card, problems, prompt, loaded, sampling, length)
    job = Job(
        model=chosen,
        device=machine.device if machine.device != "auto" else loaded.device.type,
        dtype=machine.dtype,
        method=request.method,
        settings=request.settings,
        budget=request.budget,
        sampling=sampling,
        max_len=length,
        rows=machine.rows or default_rows(loaded.device),
        purse=request.purse,
        revision=loaded.revision,
    )
    path = run_path(
        out,
        task=card.name,
        model=loaded.name,
        method=request.method,
        budget=request.budget.label,
        max_len=length,
        seed=request.seed,
        hash8=manifest.hash,
    )
    return RunPlan(request, machine, card, problems, loaded, encoded, manifest, job, path)


def count(value: int | str, option: str) -> int | None:
    """A number of rows or workers; None for auto."""
    if value == "auto":
        return None
    try:
        number = int(value)
    except ValueError:
        raise UsageError(f"{option} must be auto or a number, not {value!r}.") from None
    if number < 1:
        raise UsageError(f"{option} must be 1 or more, not {number}.")
    return number
