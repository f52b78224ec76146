"""Forecast: what a run is going to cost, before it is made."""

from dataclasses import dataclass
from statistics import fmean

from hyperscale.cache.cache import CacheShape
from hyperscale.commands.calibration import Calibration
from hyperscale.commands.closed_forms import expected_reads, most_entries
from hyperscale.commands.run_plan import Machine
from hyperscale.commands.standing import Standing
from hyperscale.commands.sweep_plan import PlannedRun
from hyperscale.engine.pool import default_workers
from hyperscale.engine.scheduler import default_rows
from hyperscale.models import pick_device

RESTS_ON = (
    "A prediction: chains as long and as fast as in the calibration; reads by formula (dense: the sum of P + t; at most C "
    "slots: the sum of min(P + t, C); learned: dense over the nominal ratio; Quest: as if query heads agreed); memory of keys "
    "and values alone, with every row of every worker at its longest; time of generation alone."
)


@dataclass(frozen=True, slots=True)
class Forecast:
    """What is to be expected of a run.

    Attributes
    ----------
    tokens : float
        Generated per problem, summed over its W chains, as `kv_reads` and `aux_reads` are (entries per KV head).
    memory : int
        Bytes of keys and values, all workers together, when every row is at its longest.
    seconds : float
        To generate the chains that are missing.
    """

    tokens: float
    kv_reads: float
    aux_reads: float
    memory: int
    seconds: float


def forecast(run: PlannedRun, standing: Standing, calibration: Calibration, machine: Machine) -> Forecast:
    """Predict a run from closed forms and from how long and how fast the calibration's chains were."""
    request, length = run.request, run.length
    prompt = round(fmean(len(ids) for ids in standing.encoded.values()))
    longest_prompt = max(len(ids) for ids in standing.encoded.values())
    lengths = calibration.lengths(length)
    reads = [expected_reads(request.policy, request.budget, prompt, round(tokens), length) for tokens in lengths]
    device = pick_device(machine.device)
    workers = machine.workers or default_workers(device, standing.missing)
    rows = (machine.rows or default_rows(device)) * workers
    return Forecast(
        tokens=run.width * fmean(lengths),
        kv_reads=run.width * fmean(each.kv for each in reads),
        aux_reads=run.width * fmean(each.aux for each in reads),
        memory=cache_bytes(most_entries(request.policy, request.budget, longest_prompt, length), standing.shape, rows),
        seconds=standing.missing * fmean(lengths) / calibration.speed(workers),
    )


def cache_bytes(entries: float, shape: CacheShape, rows: int) -> int:
    """Bytes of keys and values of `rows` chains that hold `entries` per KV head each."""
    return round(entries * shape.heads * 2 * shape.head_dim * shape.dtype.itemsize * rows)
