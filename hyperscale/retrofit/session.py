"""A retrofit from start to end, in one process or several, stopped and resumed at will."""

import json
import multiprocessing as mp
import os
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist

from hyperscale.cpu import compute_on_cpu
from hyperscale.errors import HyperscaleError, Refusal, out_of_memory
from hyperscale.models import LoadedModel, load_model
from hyperscale.processes import die_with, messages, running
from hyperscale.retrofit.data import Row
from hyperscale.retrofit.export import write_checkpoint
from hyperscale.retrofit.launched import Place
from hyperscale.retrofit.recipe import Recipe
from hyperscale.retrofit.trainer import StepReport, Trainer

STATE_EVERY = 25  # steps between states a stopped training goes on from
KEPT = "Run the command again to go on from the last state."
REMEDY = f"{KEPT} If memory is short: --workers 1, or a smaller --batch-tokens."


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A checkpoint was written."""

    ratio: float
    folder: Path


@dataclass(frozen=True, slots=True)
class TrainingJob:
    """A retrofit in a form that can be sent to another process."""

    model: str
    device: str
    dtype: str
    rows: list[Row]
    recipe: Recipe
    out: Path
    digest: str
    save_dtype: torch.dtype
    revision: str | None = None

    @property
    def state_path(self) -> Path:
        return self.out / "training" / "state.pt"

    @property
    def log_path(self) -> Path:
        return self.out / "training" / "log.jsonl"

    def steps_done(self) -> int:
        """Steps of an earlier session that this one goes on from."""
        return int(_read_state(self, torch.device("cpu"))["done"]) if self.state_path.exists() else 0

    def last_report(self) -> StepReport | None:
        """The last step of an earlier session, from the log."""
        lines = self.log_path.read_text().splitlines() if self.log_path.exists() else []
        return (
            StepReport(**{name: json.loads(lines[-1])[name] for name in ("step", "kl", "marked", "wanted")}) if lines else None
        )


Event = StepReport | Snapshot


def train(job: TrainingJob, model: LoadedModel, workers: int, place: Place) -> Iterator[Event]:
    """Train here, or in `workers` processes that average their gradients; yields every step and every snapshot.

    Processes that a launcher has started train at their `place`; only the first of them yields anything.
    """
    job.state_path.parent.mkdir(parents=True, exist_ok=True)
    if workers == 1:
        yield from _saying_what_is_short(_rank(job, model, place.rank, place.size))
        return
    if model.device.type != "cpu":
        model.module.to("cpu")  # the workers load it once more, on every GPU
    yield from _spawned(job, workers)


def _saying_what_is_short(events: Iterator[Event]) -> Iterator[Event]:
    try:
        yield from events
    except RuntimeError as error:  # that of a GPU's memory is one
        if out_of_memory(error):
            raise Refusal(f"Out of memory. Use a smaller --batch-tokens or --context, or --dtype bfloat16. {KEPT}") from error
        raise


def _rank(job: TrainingJob, model: LoadedModel, rank: int, size: int) -> Iterator[Event]:
    if model.device.type == "cpu":
        compute_on_cpu()
    trainer = Trainer(model, job.rows, job.recipe, rank, size)
    if job.state_path.exists():
        trainer.restore(_read_state(job, model.device))
    log = _Log(job.log_path, trainer.done) if rank == 0 else None
    started = time.perf_counter()
    for report in trainer.steps():
        if log is None:
            continue
        log.add(report, time.perf_counter() - started)
        yield report
        ratio = job.recipe.schedule.reached(report.step)
        last = report.step == job.recipe.schedule.steps
        if ratio is not None or last:
            reached = job.recipe.schedule.target if last else float(ratio or 0)
            yield _write_snapshot(job, trainer, reached, job.out if last else job.out / "snapshots" / f"{ratio}x")
        if report.step % STATE_EVERY == 0 or last or ratio is not None:
            _write_state(job, trainer)


def _write_snapshot(job: TrainingJob, trainer: Trainer, ratio: float, folder: Path) -> Snapshot:
    recipe = job.recipe
    notes = {"steps": trainer.done, "parent_weights": trainer.model.weights_hash, "recipe": recipe.to_json()}
    heads = replace(recipe.heads, ratio=ratio)
    write_checkpoint(trainer.model, trainer.tensors(), heads, folder, job.save_dtype, notes)
    return Snapshot(ratio, folder)


def _write_state(job: TrainingJob, trainer: Trainer) -> None:
    fresh = job.state_path.with_suffix(".new")
    torch.save({"digest": job.digest, **trainer.state()}, fresh)
    os.replace(fresh, job.state_path)


def _read_state(job: TrainingJob, device: torch.device) -> dict[str, Any]:
    try:
        state: dict[str, Any] = torch.load(job.state_path, map_location=device, weights_only=True)
    except Exception as error:  # torn, or none of ours: whatever torch makes of it
        raise Refusal(f"{job.state_path} cannot be read ({error}). Remove {job.out} or use --fresh to start over.") from error
    if state["digest"] != job.digest:
        raise Refusal(
            f"{job.out} holds the training of another recipe, model, data or number of workers. Use another --out, or --fresh "
            f"to start over."
        )
    return state


class _Log:
    """One line per step; lines after the step a training resumes from are cut off."""

    def __init__(self, path: Path, done: int) -> None:
        kept = []
        if path.exists():
            kept = [line for line in path.read_text().splitlines() if line.endswith("}") and json.loads(line)["step"] <= done]
        path.write_text("".join(line + "\n" for line in kept))
        self.path = path
        self.before = json.loads(kept[-1])["seconds"] if kept else 0.0

    def add(self, report: StepReport, seconds: float) -> None:
        line = {**asdict(report), "ratio": report.ratio, "seconds": round(self.before + seconds, 3)}
        with self.path.open("a") as file:
            file.write(json.dumps(line) + "\n")


def _spawned(job: TrainingJob, workers: int) -> Iterator[Event]:
    context = mp.get_context("spawn")
    events: Any = context.Queue()
    with tempfile.TemporaryDirectory() as folder:
        meeting = f"file://{folder}/meeting"
        processes = [
            context.Process(target=_work, args=(job, rank, workers, meeting, events, os.getpid()), daemon=True)
            for rank in range(workers)
        ]
        with running(processes):
            yield from messages(events, processes, 1, REMEDY)


def _work(job: TrainingJob, rank: int, size: int, meeting: str, events: Any, parent: int) -> None:
    die_with(parent)
    try:
        cuda = job.device.startswith("cuda")
        dist.init_process_group("nccl" if cuda else "gloo", init_method=meeting, rank=rank, world_size=size)
        compute_on_cpu()
        model = load_model(job.model, f"cuda:{rank}" if cuda else job.device, job.dtype, job.revision)
        for event in _saying_what_is_short(_rank(job, model, rank, size)):
            events.put(event)
        if rank == 0:
            events.put(None)
        dist.barrier()
    except (HyperscaleError, OSError) as error:
        events.put(error)
    except Exception as error:
        events.put(RuntimeError(f"{type(error).__name__}: {error}"))
