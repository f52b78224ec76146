"""The hit rate of a run: a few of its finished chains, replayed."""

from collections.abc import Mapping, Sequence

from hyperscale.engine.pool import Job
from hyperscale.engine.replay import FinishedChain, HitRate, hit_rate, pick_chains
from hyperscale.models import LoadedModel, pick_device
from hyperscale.store.records import FinishReason
from hyperscale.store.run_folder import RunFolder


def measure_hit_rate(
    folder: RunFolder,
    model: LoadedModel,
    job: Job,
    prompts: Mapping[str, Sequence[int]],
    width: int,
    seed: int,
    count: int,
) -> HitRate | None:
    """Replay `count` of the run's chains 0..width-1, which ones `seed` decides; None if none of them has a decode step."""
    chains = {
        key: chain
        for key, chain in folder.chains().items()
        if key[0] in prompts and chain.chain < width and chain.tokens > 1 and chain.finish_reason is not FinishReason.ERROR
    }
    picked = pick_chains(chains, count, seed)
    if not picked:
        return None
    model.module.to(pick_device(job.device))  # workers with GPUs of their own may have sent it away
    told = [FinishedChain(tuple(prompts[key[0]]), chains[key].token_ids) for key in picked]
    return hit_rate(model, told, job.plan(model))
