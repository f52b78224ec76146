"""`hyperscale retrofit`: teach a model which of its cache entries may go."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hyperscale.budget import parse_budget, parse_size
from hyperscale.commands.example_source import SELF, ExampleSource
from hyperscale.commands.listener import Listener, Silent
from hyperscale.errors import Refusal, UsageError
from hyperscale.heads import DecideAt, HeadLayout, LearnedHeads
from hyperscale.models import LoadedModel, load_model, locate, pick_device, pick_dtype
from hyperscale.names import one_of, unknown
from hyperscale.retrofit.data import Batching, Row, rows_hash
from hyperscale.retrofit.launched import Place, find_place
from hyperscale.retrofit.loss import Divergence
from hyperscale.retrofit.recipe import Recipe, Trains
from hyperscale.retrofit.schedule import Schedule
from hyperscale.retrofit.session import Event, TrainingJob, train
from hyperscale.retrofit.trainer import layout_of
from hyperscale.tasks.cards import load_card

PAPER_WINDOW = 256
PAPER_ZEROING_STEPS = 2000
DMC_WINDOW = 12  # tokens of a merged entry that count, as in the published code
MOST_SEED = (1 << 31) - 1


@dataclass(frozen=True, slots=True)
class RetrofitInfo:
    """What is about to be trained."""

    model: str
    steps: int
    rows: int
    out: Path
    done: int


Watch = Callable[[RetrofitInfo | Event], None]


def retrofit(
    model: str,
    out: Path | str,
    target: str = "8x",
    window: int | None = None,
    recipe: str = "adapter",
    method: str = "dms",
    data: str | None = None,
    task: str | None = None,
    examples: int = 4000,
    context: int | str = "4k",
    steps_per_ratio: int = 100,
    zeroing_steps: int | None = None,
    hold_steps: int = 0,
    rate: float = 3e-5,
    final_rate: float = 1.0,
    warm_up: int = 0,
    batch_tokens: int | str = "32k",
    batching: str = "mixed",
    loss: str = "forward",
    average: float = 0.0,
    decide_at: str | None = None,
    shift: int | None = None,
    seed: int = 0,
    device: str = "auto",
    dtype: str = "auto",
    save_dtype: str = "auto",
    workers: int = 1,
    fresh: bool = False,
    watch: Watch = lambda event: None,
    listener: Listener | None = None,
) -> dict[str, Any]:
    """Train a model's eviction decisions by distillation from its untouched self; stopped, it goes on where it was.

    Parameters are those of ``hyperscale retrofit`` (docs/retrofit.md). `watch` is called with each step and snapshot,
    `listener` with the chains that ``data="self"`` generates. Under a launcher every process calls this and gets the same
    result, but only the first one's `watch` is called.

    Returns
    -------
    dict
        ``{"out", "snapshots": {"2x": folder, ...}, "steps", "kl", "marked", "ratio"}``; the last three of the last step.

    Raises
    ------
    UsageError
        An option is wrong; nothing was touched.
    Refusal
        Model, data, disk or hub refuse, or the loss is no number any more. Snapshots written so far are kept.
    """
    trains = one_of(Trains, recipe, "recipe")
    ratio = parse_budget(target).ratio
    if ratio is None:
        raise UsageError(f"--target is a compression ratio such as 8x, not {target!r}.")
    plan = Recipe(
        heads=_heads(method, trains, window, ratio, decide_at, shift),
        trains=trains,
        schedule=Schedule(ratio, steps_per_ratio, _zeroing(trains, zeroing_steps), hold_steps),
        rate=rate,
        warm_up=warm_up,
        final_rate=final_rate,
        batch_tokens=parse_size(str(batch_tokens), "--batch-tokens"),
        batching=one_of(Batching, batching, "batching"),
        divergence=one_of(Divergence, loss, "loss"),
        average=average,
        seed=seed,
    )
    source = ExampleSource(data or SELF, task, examples, parse_size(str(context), "--context"), seed, device)
    _check_numbers(plan, examples, workers)
    _check_machine(device, dtype, save_dtype, workers)
    if source.data == SELF:
        load_card(source.task_name)
    locate(model)
    folder = Path(out)
    _check_apart(folder, model, data)
    place = find_place(device)
    if place.size > 1 and workers > 1:
        raise UsageError("--workers starts processes of its own: leave it out under a launcher.")
    device = place.device or device
    loaded = load_model(model, device, dtype)
    if loaded.heads is not None:
        raise Refusal(f"{model} has {loaded.heads.method.upper()} heads already. Retrofit the model it was made from.")
    if fresh and place.first:
        _remove(folder)
    place.wait()
    rows = source.shared_rows(loaded, model, folder / "training", place, listener or Silent())
    _check_positions(rows, loaded)
    job = TrainingJob(
        model=model,
        device=device if device != "auto" else loaded.device.type,
        dtype=dtype,
        rows=rows,
        recipe=plan,
        out=folder,
        digest=plan.digest(loaded.weights_hash, rows_hash(rows), str(loaded.module.dtype), max(workers, place.size)),
        save_dtype=loaded.module.dtype if save_dtype == "auto" else pick_dtype(save_dtype, loaded.device),
        revision=loaded.revision,
    )
    if place.first:
        watch(RetrofitInfo(loaded.name, plan.schedule.steps, len(rows), folder, job.steps_done()))
    return _train(job, loaded, workers, place, watch)


def _train(job: TrainingJob, model: LoadedModel, workers: int, place: Place, watch: Watch) -> dict[str, Any]:
    for event in train(job, model, workers, place):
        watch(event)
    place.wait()
    last = job.last_report()
    snapshots = sorted((job.out / "snapshots").glob("*x"), key=lambda path: float(path.name[:-1]))
    return {
        "out": str(job.out),
        "snapshots": {path.name: str(path) for path in snapshots},
        "steps": job.recipe.schedule.steps,
        **({"kl": last.kl, "marked": last.marked, "ratio": last.ratio} if last else {}),
    }


def _heads(
    method: str, trains: Trains, window: int | None, ratio: float, decide_at: str | None, shift: int | None
) -> LearnedHeads:
    if method not in ("dms", "dmc"):
        raise unknown("method to retrofit", method, ("dms", "dmc"))
    if shift not in (None, 0, 1):
        raise UsageError(f"--shift is 1 (NVIDIA's order) or 0 (FastDMS's), not {shift}.")
    when = DecideAt.ARRIVAL if decide_at is None else one_of(DecideAt, decide_at, "decide-at")
    if window is not None and window < (1 if method == "dmc" else 0):
        raise UsageError(f"--window must be {1 if method == 'dmc' else 0} or more, not {window}.")
    if method == "dms":
        width = PAPER_WINDOW if window is None else window
        return LearnedHeads(layout_of(trains), width, shift=1 if shift is None else shift, decide_at=when, ratio=ratio)
    if trains is not Trains.FULL:
        raise UsageError("dmc borrows coordinates of keys and queries: it needs --recipe full.")
    if shift is not None or decide_at is not None:
        raise UsageError("dmc decides about a token when it comes: --shift and --decide-at are for dms.")
    return LearnedHeads(HeadLayout.DMC, DMC_WINDOW if window is None else window, shift=0, ratio=ratio)


def _zeroing(trains: Trains, steps: int | None) -> int:
    if trains is Trains.FULL:
        return PAPER_ZEROING_STEPS if steps is None else steps
    if steps is not None:
        raise UsageError(f"--zeroing-steps is for --recipe full: {trains} borrows nothing.")
    return 0


def _check_numbers(plan: Recipe, examples: int, workers: int) -> None:
    if not 0 < plan.rate < 1:
        raise UsageError(f"--rate must lie between 0 and 1, not {plan.rate}.")
    if not 0 <= plan.final_rate <= 1:
        raise UsageError(f"--final-rate is a share of --rate, from 0 to 1, not {plan.final_rate}.")
    if not 0 <= plan.average < 1:
        raise UsageError(f"--average must be at least 0 and below 1, not {plan.average}.")
    if not 0 <= plan.seed <= MOST_SEED:
        raise UsageError(f"--seed must be between 0 and {MOST_SEED}, not {plan.seed}.")
    numbers = ((examples, "--examples", 1), (workers, "--workers", 1), (plan.warm_up, "--warm-up", 0))
    for value, option, least in numbers:
        if value < least:
            raise UsageError(f"{option} must be {least} or more, not {value}.")


def _check_machine(device: str, dtype: str, save_dtype: str, workers: int) -> None:
    picked = pick_device(device)
    for name in (dtype, save_dtype):
        pick_dtype(name, picked)
    if workers > 1 and picked.index is not None:
        raise UsageError(f"--workers {workers} takes the first {workers} GPUs: use --device cuda, not {device}.")


def _check_apart(out: Path, model: str, data: str | None) -> None:
    """The result goes where neither the model nor the data lie."""
    for path, what in ((Path(model), "--model"), (Path(data or SELF), "--data")):
        if path.exists() and (path.resolve() == out.resolve() or (path.is_file() and path.resolve().parent == out.resolve())):
            raise UsageError(f"--out {out} is where {what} lies, and would overwrite it. Name another --out.")


def _check_positions(rows: list[Row], model: LoadedModel) -> None:
    longest = max(len(row.ids) for row in rows)
    if longest > model.max_positions:
        raise Refusal(
            f"{model.name} knows {model.max_positions} positions, and an example has {longest} tokens. Use --context "
            f"{model.max_positions} or less."
        )


def _remove(folder: Path) -> None:
    """Delete an earlier retrofit, and nothing else."""
    if not folder.exists() or not any(folder.iterdir()):
        return
    training = folder / "training"
    if not ((training / "log.jsonl").exists() or (training / "state.pt").exists()):
        raise Refusal(f"--fresh: {folder} holds something other than a retrofit. Name another --out.")
    shutil.rmtree(folder)
