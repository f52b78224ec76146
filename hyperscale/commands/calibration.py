"""Calibration: how long chains are and how fast they come, from a run that is there or from a short try."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice
from pathlib import Path

from hyperscale.commands.standing import Standing
from hyperscale.commands.sweep_plan import PlannedRun
from hyperscale.commands.telemetry import measured
from hyperscale.cpu import compute_on_cpu
from hyperscale.engine.chain import ChainTask
from hyperscale.engine.sampler import chain_seed
from hyperscale.engine.scheduler import CPU_BLOCK_ROWS, Plan, generate_chains
from hyperscale.errors import Refusal
from hyperscale.models import LoadedModel
from hyperscale.store.codec import Detail
from hyperscale.store.layout import path_name
from hyperscale.store.manifest import FILE_NAME
from hyperscale.store.records import ChainRecord, FinishReason
from hyperscale.store.run_folder import RunFolder

ENOUGH_CHAINS = 32
MOST_CHAINS = 4096
TRY_SECONDS = 4.0

Clock = Callable[[], float]


class Pace(StrEnum):
    """What a speed was measured of."""

    WORKER = "worker"  # one process that generates
    RUN = "run"  # a whole run, with all its processes


@dataclass(frozen=True, slots=True)
class SampleChain:
    """The length of one chain; unless it had `ended` by itself, it would have gone on."""

    tokens: int
    ended: bool


@dataclass(frozen=True, slots=True)
class Calibration:
    """What a prediction rests on: `source` says it in words."""

    source: str
    chains: tuple[SampleChain, ...]
    tokens_per_s: float
    pace: Pace

    def speed(self, workers: int) -> float:
        """Tokens per second of so many processes, taken to be as many times as fast as one."""
        return self.tokens_per_s * (workers if self.pace is Pace.WORKER else 1)

    def lengths(self, max_len: int) -> list[float]:
        """Tokens of each chain if it may generate `max_len`.

        A chain that was cut off is taken to go on as if every further token ended it with the same chance: that of the sample,
        the chains that ended over all tokens. Where none ended, all are taken to go on to `max_len`.
        """
        ends = sum(chain.ended for chain in self.chains) / sum(chain.tokens for chain in self.chains)

        def rest(room: int) -> float:
            return (1 - (1 - ends) ** room) / ends if ends else float(room)

        return [
            float(min(chain.tokens, max_len))
            if chain.ended or chain.tokens >= max_len
            else chain.tokens + rest(max_len - chain.tokens)
            for chain in self.chains
        ]


def stored_calibration(run: PlannedRun, out: Path) -> Calibration | None:
    """From the largest run of the same task, model and method below `out`, of the same budget if there is one."""
    folder = out / path_name(run.card.name) / path_name(run.checkpoint.name)
    found = [(len(chains), stored, chains) for stored, chains in _stored(folder, run) if len(chains) >= ENOUGH_CHAINS]
    if not found:
        return None
    budget = run.request.budget.label
    _, stored, chains = max(found, key=lambda each: (each[1].manifest.fields["budget"] == budget, each[0]))
    sample = tuple(SampleChain(chain.tokens, chain.finish_reason is FinishReason.STOP) for chain in chains[:MOST_CHAINS])
    speed = measured(stored.telemetry())["tokens_per_s"] or 0.0
    return Calibration(f"{len(sample)} chains of {stored.name}{_caution(sample)}", sample, speed, Pace.RUN)


def _stored(folder: Path, run: PlannedRun) -> Iterator[tuple[RunFolder, list[ChainRecord]]]:
    for manifest in sorted(folder.glob(f"*/{FILE_NAME}")):
        try:
            stored = RunFolder.read(manifest.parent)
            if stored.manifest.fields["method"] != run.request.method or not measured(stored.telemetry())["tokens_per_s"]:
                continue
            chains = [chain for chain in stored.chains(Detail.COUNTS).values() if chain.tokens]
        except (Refusal, KeyError):  # a damaged run is no measure; whoever runs it is told
            continue
        yield stored, chains


def tried_calibration(
    run: PlannedRun, standing: Standing, model: LoadedModel, seconds: float = TRY_SECONDS, now: Clock = time.perf_counter
) -> Calibration:
    """From a block of chains of one worker, generated for a few seconds; nothing is written."""
    if model.device.type == "cpu":
        compute_on_cpu()  # as in a run
    request, tasks = run.request, list(islice(_tasks(run, standing), CPU_BLOCK_ROWS))
    plan = Plan(request.policy, request.budget, standing.sampling, run.length, rows=len(tasks))
    started, stepped = now(), 0
    ended: list[ChainRecord] = []
    for event in generate_chains(model, tasks, plan):
        if isinstance(event, ChainRecord):
            ended.append(event)
            continue
        stepped += event.tokens
        if now() - started >= seconds:
            break
    took = now() - started
    sample = _sample(ended, len(tasks), stepped)
    tokens = sum(chain.tokens for chain in sample)
    source = f"{len(tasks)} chains of {request.method} {request.budget.label}, tried for {took:.1f} s{_caution(sample)}"
    return Calibration(source, sample, tokens / took, Pace.WORKER)


def _tasks(run: PlannedRun, standing: Standing) -> Iterator[ChainTask]:
    """Chains of as many problems as there are, the second ones after all first ones."""
    for chain in range(run.width):
        for problem, prompt in standing.encoded.items():
            yield ChainTask(problem, chain, chain_seed(run.request.seed, run.card.name, problem, chain), prompt)


def _sample(ended: list[ChainRecord], started: int, stepped: int) -> tuple[SampleChain, ...]:
    """Those that ended, and those under way, which all started together and so are equally long.

    Parameters
    ----------
    stepped : int
        Tokens of all chains, but for the first one of each, which is prefill's.
    """
    sample = [SampleChain(record.tokens, record.finish_reason is FinishReason.STOP) for record in ended]
    under_way = started - len(ended)
    if under_way:
        tokens = (stepped + started - sum(record.tokens for record in ended)) // under_way
        sample += [SampleChain(tokens, ended=False)] * under_way
    return tuple(sample)


def _caution(sample: Sequence[SampleChain]) -> str:
    """What to say of a sample that does not show when chains end."""
    return "" if any(chain.ended for chain in sample) else ", of which none ended by itself: each is taken to be as long as L"
