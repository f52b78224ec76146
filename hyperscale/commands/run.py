"""`hyperscale run`: task -> chains through a compressed cache -> graded answers -> summary."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from hyperscale.analysis.summary import dense_reads
from hyperscale.cards import load_card, load_problems
from hyperscale.checkpoint import Checkpoint
from hyperscale.commands.auto_model import pick_model
from hyperscale.commands.grading import Grading, summary_of
from hyperscale.commands.hit_rate import measure_hit_rate
from hyperscale.commands.listener import Listener, RunInfo, Silent
from hyperscale.commands.request import chain_tasks, encode_problems, resolve_sampling, understand
from hyperscale.commands.run_manifest import manifest_of
from hyperscale.commands.telemetry import add_hit_rate, add_session
from hyperscale.engine.pool import Job, default_workers, run_job
from hyperscale.engine.scheduler import Tick, default_rows
from hyperscale.errors import Refusal, UsageError
from hyperscale.models import load_model, locate, pick_device, pick_dtype
from hyperscale.store.codec import Detail
from hyperscale.store.layout import run_path
from hyperscale.store.records import FinishReason
from hyperscale.store.retention import NOTHING_SEEN
from hyperscale.store.run_folder import Existing, RunFolder


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
    rows_wanted, workers_wanted = _count(rows, "--rows"), _count(workers, "--workers")
    replays = None if hit_rate is None else _count(hit_rate, "--hit-rate")
    if replays and request.policy.rewrites:
        raise UsageError(
            f"--hit-rate says nothing about {request.method}, whose entries stand for several tokens. Leave it out."
        )
    pick_dtype(dtype, pick_device(device))
    card = load_card(task)
    card.prompt(prompt)
    chosen, remark = pick_model(model, card, device, request.policy, request.stated_budget, accept_licence)
    locate(chosen)
    if remark:
        listener.note(remark)
    problems = load_problems(card, data=None if data is None else Path(data), limit=limit, since=since, until=until)
    checkpoint = Checkpoint.open(chosen)
    request = request.fitted(checkpoint.heads, checkpoint.name)  # before its weights are loaded
    loaded = load_model(checkpoint, device, dtype)
    sampling = resolve_sampling(request, loaded, card)
    length = request.max_len or card.generation.max_len
    encoded = encode_problems(problems.problems, card, prompt, loaded, request, length)
    manifest = manifest_of(request, card, problems, prompt, loaded, sampling, length)
    path = run_path(
        Path(out),
        task=card.name,
        model=loaded.name,
        method=request.method,
        budget=request.budget.label,
        max_len=length,
        seed=seed,
        hash8=manifest.hash,
    )
    ids = [problem.id for problem in problems.problems]
    with (
        RunFolder.open(path, manifest, Existing.FRESH if fresh else Existing.RESUME) as folder,
        Grading(card, folder, problems.problems) as grading,
    ):
        missing = folder.missing(ids, width)
        title = f"{card.name} · {loaded.name} · {request.method} {request.budget.label} · W={width} L={length}"
        wanted = len(ids) * width
        listener.started(RunInfo(title, wanted, wanted - len(missing), len(ids), width, length))
        job = Job(
            model=chosen,
            device=device if device != "auto" else loaded.device.type,
            dtype=dtype,
            method=request.method,
            settings=request.settings,
            budget=request.budget,
            sampling=sampling,
            max_len=length,
            rows=rows_wanted or default_rows(loaded.device),
            purse=request.purse,
            revision=loaded.revision,
        )
        for score in grading.catch_up(ids, width):
            listener.graded(score)
        tokens, retention, started = 0, NOTHING_SEEN, time.perf_counter()
        tasks = chain_tasks(missing, encoded, card.name, seed)
        try:
            for event in run_job(job, loaded, tasks, workers_wanted or default_workers(torch.device(job.device), len(tasks))):
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
        _refuse_nothing_but_errors(folder, ids, width, loaded.name)
        for score in grading.drain():
            listener.graded(score)
        summary = summary_of(folder, ids, width, grading)
        folder.write_summary(summary)
        if replays:
            listener.note(f"replaying up to {replays} chains to measure the hit rate")
            if rate := measure_hit_rate(folder, loaded, job, encoded, width, seed, replays):
                add_hit_rate(folder, rate)
                summary["hit_rate"] = rate.mean
                folder.write_summary(summary)
    listener.finished(summary)
    return summary


def _refuse_nothing_but_errors(folder: RunFolder, problem_ids: list[str], width: int, model: str) -> None:
    wanted = set(problem_ids)
    reasons = [r.finish_reason for r in folder.chains(Detail.COUNTS).values() if r.problem_id in wanted and r.chain < width]
    if all(reason is FinishReason.ERROR for reason in reasons):
        raise Refusal(
            f"{model} gave logits that are not finite in all {len(reasons)} chains: the weights are damaged, or the "
            f"dtype is too narrow for them (try --dtype float32)."
        )


def _count(value: int | str, option: str) -> int | None:
    """A number of rows or workers; None for auto."""
    if value == "auto":
        return None
    try:
        count = int(value)
    except ValueError:
        raise UsageError(f"{option} must be auto or a number, not {value!r}.") from None
    if count < 1:
        raise UsageError(f"{option} must be 1 or more, not {count}.")
    return count
