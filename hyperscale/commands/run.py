"""`hyperscale run`: task -> chains through a compressed cache -> graded answers -> summary."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hyperscale.analysis.summary import dense_reads
from hyperscale.commands.grading import Grading, free_cores, isolation_of, summary_of
from hyperscale.commands.hit_rate import measure_hit_rate
from hyperscale.commands.listener import Listener, Silent
from hyperscale.commands.request import chain_tasks, understand
from hyperscale.commands.run_plan import Machine, RunPlan, count, plan_run
from hyperscale.commands.telemetry import add_hit_rate, add_session
from hyperscale.engine.pool import run_job
from hyperscale.engine.scheduler import Tick
from hyperscale.errors import Refusal, UsageError
from hyperscale.models import pick_device, pick_dtype
from hyperscale.sandbox import Isolation
from hyperscale.store.codec import Detail
from hyperscale.store.records import FinishReason
from hyperscale.store.retention import NOTHING_SEEN
from hyperscale.store.run_folder import Existing, Key, RunFolder


def run(
    task: str = "modchain",
    method: str | None = None,
    budget: str | None = None,
    model: str = "auto",
    width: int = 1,
    max_len: int | str | None = None,
    reads: int | str | None = None,
    limit: int | None = None,
    seed: int = 0,
    temperature: float | None = None,
    top_p: float | None = None,
    top_k: int | None = None,
    settings: Mapping[str, str] | None = None,
    dms_offset: float | None = None,
    accept_licence: bool = False,
    data: Path | None = None,
    out: Path | str = Path("results"),
    fresh: bool = False,
    device: str = "auto",
    dtype: str = "auto",
    rows: int | str = "auto",
    workers: int | str = "auto",
    prompt: str | None = None,
    since: str | None = None,
    until: str | None = None,
    allow_partial_tests: bool = False,
    unsafe_no_sandbox: bool = False,
    hit_rate: int | None = None,
    listener: Listener | None = None,
) -> dict[str, Any]:
    """Evaluate a method on a benchmark; chains already in the run folder are kept, missing ones are generated.

    Parameters are those of ``hyperscale run`` (sizes as numbers or text such as ``"64M"``); without a method it is DMS at 8x.

    Returns
    -------
    dict
        The summary: accuracy with its interval, reads, peak, realised compression (docs/results.md).

    Raises
    ------
    UsageError
        An option is wrong; nothing was touched.
    Refusal
        A file, model, device or the hub refuses. Everything finished is kept.
    """
    listener = listener or Silent()
    request = understand(
        method=method,
        budget=budget,
        model=model,
        width=width,
        max_len=max_len,
        limit=limit,
        seed=seed,
        reads=reads,
        settings=settings,
        dms_offset=dms_offset,
        temperature=temperature,
        top_p=top_p,
        top_k=top_k,
        since=since,
        until=until,
    )
    machine = Machine(device, dtype, count(rows, "--rows"), count(workers, "--workers"))
    replays = None if hit_rate is None else count(hit_rate, "--hit-rate")
    if replays and request.policy.rewrites:
        raise UsageError(
            f"--hit-rate says nothing about {request.method}, whose entries stand for several tokens. Leave it out."
        )
    pick_dtype(dtype, pick_device(device))
    isolation = isolation_of(listener.note, unsafe_no_sandbox=unsafe_no_sandbox)
    plan = plan_run(
        request,
        machine,
        listener.note,
        task=task,
        model=model,
        prompt=prompt,
        data=None if data is None else Path(data),
        out=Path(out),
        accept_licence=accept_licence,
        allow_partial_tests=allow_partial_tests,
    )
    return _carry_out(plan, Existing.FRESH if fresh else Existing.RESUME, isolation, replays, listener)


def _carry_out(
    plan: RunPlan, existing: Existing, isolation: Isolation, replays: int | None, listener: Listener
) -> dict[str, Any]:
    with (
        RunFolder.open(plan.path, plan.manifest, existing) as folder,
        Grading(plan.card, folder, plan.problems.problems, free_cores(plan.workers), isolation) as grading,
    ):
        missing = folder.missing(plan.ids, plan.width)
        listener.started(plan.info(len(missing)))
        for score in grading.catch_up(plan.ids, plan.width):
            listener.graded(score)
        _generate(plan, missing, folder, grading, listener)
        _refuse_nothing_but_errors(folder, plan.ids, plan.width, plan.model.name)
        for score in grading.drain():
            listener.graded(score)
        summary = summary_of(folder, plan.ids, plan.width, grading)
        folder.write_summary(summary)
        if replays:
            listener.note(f"replaying up to {replays} chains to measure the hit rate")
            if rate := measure_hit_rate(folder, plan.model, plan.job, plan.encoded, plan.width, plan.request.seed, replays):
                add_hit_rate(folder, rate)
                summary["hit_rate"] = rate.mean
                folder.write_summary(summary)
    listener.finished(summary)
    return summary


def _generate(plan: RunPlan, missing: list[Key], folder: RunFolder, grading: Grading, listener: Listener) -> None:
    """Generate the missing chains, and grade those that finish meanwhile."""
    tokens, retention, started = 0, NOTHING_SEEN, time.perf_counter()
    tasks = chain_tasks(missing, plan.encoded, plan.problems.problems, plan.card.name, plan.request.seed)
    try:
        for event in run_job(plan.job, plan.model, tasks, plan.workers_for(len(tasks))):
            if isinstance(event, Tick):
                listener.tick(event.tokens)
                retention += event.retention
                continue
            folder.add_chain(event)
            tokens += event.tokens
            listener.chain(event, float(dense_reads(event.prompt_tokens, event.tokens)))
            for score in grading.submit(event):
                listener.graded(score)
    finally:
        add_session(folder, tokens, time.perf_counter() - started, retention)


def _refuse_nothing_but_errors(folder: RunFolder, problem_ids: list[str], width: int, model: str) -> None:
    wanted = set(problem_ids)
    reasons = [r.finish_reason for r in folder.chains(Detail.COUNTS).values() if r.problem_id in wanted and r.chain < width]
    if all(reason is FinishReason.ERROR for reason in reasons):
        raise Refusal(
            f"{model} gave logits that are not finite in all {len(reasons)} chains: the weights are damaged, or the "
            f"dtype is too narrow for them (try --dtype float32)."
        )
