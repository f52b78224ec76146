"""`hyperscale.generate`: the compressed cache alone, without a benchmark."""

from collections.abc import Mapping, Sequence

from hyperscale.budget import parse_budget
from hyperscale.cache.registry import make_policy
from hyperscale.commands.request import fit
from hyperscale.engine.chain import ChainTask
from hyperscale.engine.sampler import Sampling, chain_seed
from hyperscale.engine.scheduler import Plan, default_rows, generate_chains
from hyperscale.errors import Refusal, UsageError
from hyperscale.models import LoadedModel, load_model
from hyperscale.store.records import ChainRecord


def generate(
    model: str | LoadedModel,
    prompts: Sequence[str],
    method: str = "vanilla",
    budget: str | None = None,
    width: int = 1,
    max_len: int = 1024,
    temperature: float = 1.0,
    top_p: float = 1.0,
    top_k: int = 0,
    seed: int = 0,
    settings: Mapping[str, str] | None = None,
    device: str = "auto",
    dtype: str = "auto",
) -> list[list[ChainRecord]]:
    """Sample `width` chains for each prompt through a compressed cache.

    Parameters
    ----------
    model : str or LoadedModel
        A bundled model, folder or hub id; or the result of `hyperscale.models.load_model`.
    prompts : sequence of str
        User turns; the model's chat template is applied.

    Returns
    -------
    list of list of ChainRecord
        Per prompt its chains, each with its text, reads, peak and finish reason.
    """
    if width < 1 or max_len < 1:
        raise UsageError(f"width and max_len must be 1 or more, not {width} and {max_len}.")
    if temperature == 0 and width > 1:
        raise UsageError(f"At temperature 0 all {width} chains would be the same: use width 1, or a temperature above 0.")
    policy = make_policy(method, settings)
    text = budget or policy.default_budget
    parsed = None if text is None else parse_budget(text)
    sampling = Sampling(temperature, top_p, top_k)
    loaded = load_model(model, device, dtype) if isinstance(model, str) else model
    plan = Plan(*fit(policy, parsed, loaded.heads, loaded.name), sampling, max_len, default_rows(loaded.device))
    encoded = [tuple(loaded.encode_prompt(prompt)) for prompt in prompts]
    if encoded and max(map(len, encoded)) + max_len > loaded.max_positions:
        raise Refusal(f"{loaded.name} knows {loaded.max_positions} positions: use shorter prompts or a smaller max_len.")
    names = [f"prompt-{number}" for number in range(len(prompts))]
    tasks = [
        ChainTask(name, chain, chain_seed(seed, "generate", prompt, chain), ids)
        for name, prompt, ids in zip(names, prompts, encoded, strict=True)
        for chain in range(width)
    ]
    found = {r.key: r for r in generate_chains(loaded, tasks, plan) if isinstance(r, ChainRecord)}
    return [[found[name, chain] for chain in range(width)] for name in names]
