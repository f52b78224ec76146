"""Chains in one process or several: the same chains either way."""

import multiprocessing as mp
import os
import traceback
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import torch

from hyperscale.budget import Budget
from hyperscale.cache.registry import make_policy
from hyperscale.cpu import compute_on_cpu
from hyperscale.engine.chain import ChainTask
from hyperscale.engine.sampler import Sampling
from hyperscale.engine.scheduler import CPU_BLOCK_ROWS, Plan, Tick, generate_chains
from hyperscale.errors import HyperscaleError, Refusal, out_of_memory
from hyperscale.models import LoadedModel, load_model
from hyperscale.processes import die_with, messages, running, usable_cores
from hyperscale.store.records import ChainRecord

REMEDY = "Finished chains are kept: run the command again to go on, with --workers 1 if memory is short."


@dataclass(frozen=True, slots=True)
class Job:
    """Everything a process needs to generate chains, in a form that can be sent to it."""

    model: str
    device: str
    dtype: str
    method: str
    settings: Mapping[str, str]
    budget: Budget
    sampling: Sampling
    max_len: int
    rows: int
    purse: float | None = None
    revision: str | None = None

    def plan(self, model: LoadedModel) -> Plan:
        policy = make_policy(self.method, self.settings).resolved(self.budget).fitted(model.heads, model.name)
        return Plan(policy, self.budget, self.sampling, self.max_len, self.rows, self.purse)


def default_workers(device: torch.device, chains: int) -> int:
    """One per core, but none without a full block of rows to itself; one per GPU, unless one GPU was asked for."""
    if device.type == "cuda":
        return max(1, min(torch.cuda.device_count(), chains)) if device.index is None else 1
    return max(1, min(usable_cores(), -(-chains // CPU_BLOCK_ROWS)))


def run_job(job: Job, model: LoadedModel, tasks: Sequence[ChainTask], workers: int) -> Iterator[ChainRecord | Tick]:
    """Generate `tasks` (chains of one problem side by side) here, or in `workers` processes that load the model themselves."""
    if model.device.type == "cpu":
        compute_on_cpu()
    elif workers > 1:
        model.module.to("cpu")  # the workers load it once more, on every GPU
    yield from _generate(job, model, tasks) if workers == 1 else _run_workers(job, tasks, workers)


def _generate(job: Job, model: LoadedModel, tasks: Iterable[ChainTask]) -> Iterator[ChainRecord | Tick]:
    """Chains in this process; what a user's policy or a lack of memory did is said as such."""
    try:
        yield from generate_chains(model, tasks, job.plan(model))
    except (HyperscaleError, torch.OutOfMemoryError, OSError):
        raise
    except Exception as error:
        if out_of_memory(error):
            raise Refusal("Out of memory. Use a smaller --rows or --workers 1. Finished chains are kept.") from error
        if ".py" in job.method:  # a policy of the user's own
            raise Refusal(f"The policy {job.method} failed with {type(error).__name__}: {error}") from error
        raise


def _run_workers(job: Job, tasks: Sequence[ChainTask], workers: int) -> Iterator[ChainRecord | Tick]:
    context = mp.get_context("spawn")
    todo: Any = context.Queue()  # buffered: a pipe alone would be full after a few hundred prompts
    done: Any = context.Queue()
    processes = [
        context.Process(target=_work, args=(job, rank, todo, done, os.getpid()), daemon=True) for rank in range(workers)
    ]
    try:
        with running(processes):
            feeder = [list(chains) for _, chains in groupby(tasks, key=lambda task: task.problem_id)]
            for chains in feeder:
                todo.put(chains)
            for _ in processes:
                todo.put(None)
            yield from messages(done, processes, len(processes), REMEDY)
    finally:
        todo.cancel_join_thread()


def _work(job: Job, rank: int, todo: Any, done: Any, parent: int) -> None:
    die_with(parent)
    try:
        device = f"cuda:{rank % torch.cuda.device_count()}" if job.device == "cuda" else job.device
        model = load_model(job.model, device, job.dtype, job.revision)
        if model.device.type == "cpu":
            compute_on_cpu()
        tasks = (task for chains in iter(todo.get, None) for task in chains)
        for message in _generate(job, model, tasks):
            done.put(message)
        done.put(None)
    except HyperscaleError as error:
        done.put(error)
    except Exception as error:
        done.put(RuntimeError(f"{type(error).__name__}: {error}\n{traceback.format_exc()}"))
