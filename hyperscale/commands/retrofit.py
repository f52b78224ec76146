"""`hyperscale retrofit`: teach a model which of its cache entries may go."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hyperscale.budget import parse_budget, parse_size
from hyperscale.cards import load_card, load_problems
from hyperscale.commands.listener import Listener, Silent
from hyperscale.commands.run import run
from hyperscale.errors import Refusal, UsageError
from hyperscale.heads import DecideAt, HeadLayout, LearnedHeads
from hyperscale.models import LoadedModel, load_model, locate, pick_device, pick_dtype
from hyperscale.names import unknown
from hyperscale.retrofit.data import Row, rows_hash
from hyperscale.retrofit.launched import Place, find_place
from hyperscale.retrofit.loss import Divergence
from hyperscale.retrofit.recipe import Recipe, Trains
from hyperscale.retrofit.schedule import Schedule
from hyperscale.retrofit.session import Event, TrainingJob, train
from hyperscale.retrofit.sources import HUB, SELF, file_rows, hub_rows, training_problems
from hyperscale.retrofit.trainer import StepReport, layout_of
from hyperscale.store.records import FinishReason
from hyperscale.store.run_folder import RunFolder

PAPER_ZEROING_STEPS = 2000
DMC_WINDOW = 12  # tokens of a merged entry that count, as in the published code


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
    window: int = 256,
    recipe: str = "adapter",
    method: str = "dms",
    data: str | None = None,
    task: str = "modchain",
    examples: int = 4000,
    context: int | str = "4k",
    steps_per_ratio: int = 100,
    zeroing_steps: int | None = None,
    hold_steps: int = 0,
    rate: float = 3e-5,
    final_rate: float = 1.0,
    warm_up: int = 0,
    batch_tokens: int | str = "32k",
    loss: str = "forward",
    average: float = 0.0,
    decide_at: str = "arrival",
    shift: int = 1,
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

    Parameters are those of ``hyperscale retrofit`` (docs/retrofit.md). `watch` is called with each step and
    snapshot, `listener` with the chains that ``data="self"`` generates.

    Returns
    -------
    dict
        ``{"out", "snapshots": {"2x": folder, ...}, "steps", "kl", "marked", "ratio"}``.

    Raises
    ------
    UsageError
        An option is wrong; nothing was touched.
    Refusal
        Model, data, disk or hub refuse, or the loss is no number any more. Snapshots written so far are kept.
    """
    trains = _one_of(Trains, recipe, "recipe")
    ratio = parse_budget(target).ratio
    if ratio is None:
        raise UsageError(f"--target is a compression ratio such as 8x, not {target!r}.")
    zeroing = PAPER_ZEROING_STEPS if zeroing_steps is None else zeroing_steps
    plan = Recipe(
        heads=_heads(method, trains, window, ratio, decide_at, shift),
        trains=trains,
        schedule=Schedule(ratio, steps_per_ratio, zeroing if trains is Trains.FULL else 0, hold_steps),
        rate=rate,
        warm_up=warm_up,
        final_rate=final_rate,
        batch_tokens=parse_size(str(batch_tokens), "--batch-tokens"),
        divergence=_one_of(Divergence, loss, "loss"),
        average=average,
        seed=seed,
    )
    length = parse_size(str(context), "--context")
    _check_numbers(plan, examples, workers)
    pick_dtype(dtype, pick_device(device))
    locate(model)
    folder, place = Path(out), find_place()
    if place.size > 1:
        if workers > 1:
            raise UsageError("--workers starts processes of its own: leave it out under a launcher.")
        device = f"cuda:{place.state.local_process_index}" if place.state.device.type == "cuda" else "cpu"
    if fresh and folder.exists() and place.first:
        shutil.rmtree(folder)
    loaded = load_model(model, device, dtype)
    if loaded.heads is not None:
        raise Refusal(f"{model} has {loaded.heads.method.upper()} heads already. Retrofit the model it was made from.")
    with place.first_goes_ahead():
        rows = _rows(loaded, model, data, task, examples, length, folder, seed, device, listener or Silent())
    job = TrainingJob(
        model=model,
        device=device if device != "auto" else loaded.device.type,
        dtype=dtype,
        rows=rows,
        recipe=plan,
        out=folder,
        digest=plan.digest(loaded.weights_hash, rows_hash(rows), max(workers, place.size)),
        save_dtype=loaded.module.dtype if save_dtype == "auto" else pick_dtype(save_dtype, loaded.device),
    )
    if place.first:
        watch(RetrofitInfo(loaded.name, plan.schedule.steps, len(rows), folder, job.steps_done()))
    return _train(job, loaded, workers, place, watch)


def _train(job: TrainingJob, model: LoadedModel, workers: int, place: Place, watch: Watch) -> dict[str, Any]:
    last: StepReport | None = None
    for event in train(job, model, workers, place):
        watch(event)
        if isinstance(event, StepReport):
            last = event
    snapshots = sorted((job.out / "snapshots").glob("*x"), key=lambda path: float(path.name[:-1]))
    reached = {"kl": last.kl, "marked": last.marked, "ratio": last.ratio} if last else {}
    return {
        "out": str(job.out),
        "snapshots": {path.name: str(path) for path in snapshots},
        "steps": job.recipe.schedule.steps,
        **reached,
    }


def _heads(method: str, trains: Trains, window: int, ratio: float, decide_at: str, shift: int) -> LearnedHeads:
    if method not in ("dms", "dmc"):
        raise unknown("method to retrofit", method, ("dms", "dmc"))
    if shift not in (0, 1):
        raise UsageError(f"--shift is 1 (NVIDIA's order) or 0 (FastDMS's), not {shift}.")
    when = _one_of(DecideAt, decide_at, "decide-at")
    if method == "dmc":
        if trains is not Trains.FULL:
            raise UsageError("dmc borrows coordinates of keys and queries: it needs --recipe full.")
        return LearnedHeads(HeadLayout.DMC, window=DMC_WINDOW, shift=0, ratio=ratio)
    return LearnedHeads(layout_of(trains), window=window, shift=shift, decide_at=when, ratio=ratio)


def _one_of(kind: Any, text: str, option: str) -> Any:
    try:
        return kind(text)
    except ValueError:
        raise unknown(option, text, list(kind)) from None


def _check_numbers(plan: Recipe, examples: int, workers: int) -> None:
    if not 0 < plan.rate < 1:
        raise UsageError(f"--rate must lie between 0 and 1, not {plan.rate}.")
    if not 0 <= plan.final_rate <= 1:
        raise UsageError(f"--final-rate is a share of --rate, from 0 to 1, not {plan.final_rate}.")
    if not 0 <= plan.average < 1:
        raise UsageError(f"--average must be at least 0 and below 1, not {plan.average}.")
    numbers = ((examples, "--examples", 1), (workers, "--workers", 1), (plan.heads.window, "--window", 0))
    for value, option, least in (*numbers, (plan.warm_up, "--warm-up", 0)):
        if value < least:
            raise UsageError(f"{option} must be {least} or more, not {value}.")


def _rows(
    loaded: LoadedModel,
    model: str,
    data: str | None,
    task: str,
    count: int,
    context: int,
    folder: Path,
    seed: int,
    device: str,
    listener: Listener,
) -> list[Row]:
    if data == HUB:
        return hub_rows(loaded, context, count)
    if data is None or data == SELF:
        return _own_chains(loaded, model, task, count, context, folder / "training", seed, device, listener)
    return file_rows(loaded, Path(data), context, count)


def _own_chains(
    loaded: LoadedModel,
    model: str,
    task: str,
    count: int,
    context: int,
    folder: Path,
    seed: int,
    device: str,
    listener: Listener,
) -> list[Row]:
    """Chains the untouched model samples itself, through the same road as any run, and so resumable.

    For modchain they are on problems outside the benchmark; for another task they are on its own problems.
    """
    problems = training_problems(count, folder) if task == "modchain" else None
    listener.note(f"--data self: {count} chains of {loaded.name} on {task}, through the dense cache.")
    out = folder / "chains"
    summary = run(
        task=task,
        method="vanilla",
        model=model,
        data=problems,
        limit=count,
        out=out,
        seed=seed,
        device=device,
        listener=listener,
    )
    card = load_card(task)
    prompts = {p.id: loaded.encode_prompt(card.render(p.question, None)) for p in load_problems(card, data=problems).problems}
    chains = RunFolder.read(Path(summary["run"])).chains().values()
    rows = [
        Row(tuple([*prompts[chain.problem_id], *chain.token_ids][:context]), len(prompts[chain.problem_id]))
        for chain in sorted(chains, key=lambda chain: chain.key)
        if chain.finish_reason is not FinishReason.ERROR and len(prompts[chain.problem_id]) + 1 < context
    ]
    if not rows:
        raise Refusal(f"None of the chains of {loaded.name} on {task} is of use: no prompt fits into --context {context}.")
    return rows
