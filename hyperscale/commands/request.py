"""From the words of `hyperscale run` to what they mean: checked options, a loaded model, encoded problems."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from hyperscale.budget import Budget, parse_budget, parse_size
from hyperscale.cache.policy import Policy
from hyperscale.cache.registry import DEFAULT_BUDGET, DEFAULT_METHOD, make_policy, policy_class
from hyperscale.commands.auto_model import learned_method
from hyperscale.engine.chain import ChainTask
from hyperscale.engine.sampler import Sampling, chain_seed
from hyperscale.errors import Refusal, UsageError
from hyperscale.heads import LearnedHeads
from hyperscale.models import LoadedModel
from hyperscale.tasks.cards import Problem, TaskCard
from hyperscale.tasks.choices import option_order, user_turn


@dataclass(frozen=True, slots=True)
class Request:
    """The options of a run that need no file, model or network to be understood."""

    method: str
    settings: Mapping[str, str]
    policy: Policy
    stated_budget: Budget | None  # None until the model is known: what its heads were trained for
    width: int
    max_len: int | None
    limit: int | None
    seed: int
    purse: float | None  # reads one chain may spend
    temperature: float | None
    top_p: float | None
    top_k: int | None
    since: str | None
    until: str | None

    @property
    def budget(self) -> Budget:
        if self.stated_budget is None:
            raise RuntimeError("the budget is what the model's heads were trained for: call fitted first")
        return self.stated_budget

    def fitted(self, heads: LearnedHeads | None, model: str) -> "Request":
        """This request once the model is known; its policy is then what a manifest records (Refusal if they do not fit)."""
        policy, budget = fit(self.policy, self.stated_budget, heads, model)
        return replace(self, policy=policy, stated_budget=budget)


def fit(policy: Policy, budget: Budget | None, heads: LearnedHeads | None, model: str) -> tuple[Policy, Budget]:
    """A policy with everything filled in that follows from the budget and the model, and that budget.

    Raises
    ------
    Refusal
        The policy needs heads that the model does not have, or other ones.
    """
    if budget is None:
        policy.fitted(heads, model)  # says what is wrong with the model before its ratio is asked for
        if heads is None or heads.ratio is None:
            raise Refusal(
                f"{model} does not say which compression it was trained for. Say it with --budget, such as --budget 8x."
            )
        budget = Budget(ratio=heads.ratio)
    return policy.resolved(budget).fitted(heads, model), budget


def understand(
    *,
    method: str | None,
    budget: str | None,
    model: str,
    width: int,
    max_len: int | str | None,
    limit: int | None,
    seed: int,
    reads: str | int | None,
    settings: Mapping[str, str] | None,
    dms_offset: float | None,
    temperature: float | None,
    top_p: float | None,
    top_k: int | None,
    since: str | None,
    until: str | None,
) -> Request:
    """Check every option on its own and against the others (UsageError)."""
    if width < 1:
        raise UsageError(f"--width must be 1 or more, not {width}.")
    if limit is not None and limit < 1:
        raise UsageError(f"--limit must be 1 or more, not {limit}.")
    if not 0 <= seed < 1 << 63:
        raise UsageError(f"--seed must be between 0 and 2^63 - 1, not {seed}.")
    if temperature == 0 and width > 1:
        raise UsageError(f"At temperature 0 all {width} chains would be the same: use --width 1, or a temperature above 0.")
    Sampling(1.0 if temperature is None else temperature, 1.0 if top_p is None else top_p, top_k or 0)
    length = None if max_len is None else parse_size(str(max_len), "--max-len")
    purse = None if reads is None else parse_size(str(reads), "--reads") / width
    chosen = method or DEFAULT_METHOD
    chosen_settings = _with_offset(dict(settings or {}), dms_offset, chosen)
    policy = make_policy(chosen, chosen_settings)
    default = DEFAULT_BUDGET if method is None and model == "auto" else policy.default_budget
    text = budget or default
    parsed = None if text is None else parse_budget(text)
    return Request(
        method=chosen,
        settings=chosen_settings,
        policy=policy if parsed is None else policy.resolved(parsed),
        stated_budget=parsed,
        width=width,
        max_len=length,
        limit=limit,
        seed=seed,
        purse=purse,
        temperature=temperature,
        top_p=top_p,
        top_k=top_k,
        since=since,
        until=until,
    )


def _with_offset(settings: dict[str, str], offset: float | None, method: str) -> dict[str, str]:
    """`settings` with the threshold of ``--dms-offset`` among them."""
    if offset is None:
        return settings
    if learned_method(policy_class(method)) != "dms":
        raise UsageError(f"--dms-offset is for --method dms, not for {method}.")
    if not math.isfinite(offset):
        raise UsageError(f"--dms-offset must be a finite number, not {offset}.")
    if "offset" in settings:
        raise UsageError(f"--dms-offset {offset:g} and --set offset={settings['offset']} are the same thing. Keep one.")
    return {**settings, "offset": repr(float(offset))}


def resolve_sampling(request: Request, model: LoadedModel, card: TaskCard) -> Sampling:
    """Option, else the model's generation_config, else the card."""
    stated = model.generation

    def first(option: Any, name: str, default: Any) -> Any:
        return option if option is not None else stated.get(name) if stated.get(name) is not None else default

    defaults = card.generation
    sampling = Sampling(
        float(first(request.temperature, "temperature", defaults.temperature)),
        float(first(request.top_p, "top_p", defaults.top_p)),
        int(first(request.top_k, "top_k", defaults.top_k)),
    )
    if sampling.temperature == 0 and request.width > 1:
        raise UsageError(
            f"The sampling of {model.name} is greedy: all {request.width} chains would be the same. Use --temperature."
        )
    return sampling


def encode_problems(
    problems: tuple[Problem, ...], card: TaskCard, prompt: str | None, model: LoadedModel, request: Request, max_len: int
) -> dict[str, tuple[int, ...]]:
    """Prompt token ids by problem, checked against the model's positions and the policy's smallest budget."""
    turns = {problem.id: user_turn(card, problem, request.seed, prompt) for problem in problems}
    encoded = {problem_id: tuple(model.encode_prompt(turn)) for problem_id, turn in turns.items()}
    longest = max(encoded, key=lambda problem_id: len(encoded[problem_id]))
    prompt_tokens = len(encoded[longest])
    if prompt_tokens + max_len > model.max_positions:
        raise Refusal(
            f"{model.name} knows {model.max_positions} positions, and problem {longest} needs {prompt_tokens + max_len} "
            f"(prompt {prompt_tokens} + length {max_len}). Use --max-len {max(1, model.max_positions - prompt_tokens)} or "
            f"less, or a model with scaled RoPE."
        )
    request.policy.capacity(request.budget, min(len(ids) for ids in encoded.values()), max_len)
    return encoded


def chain_tasks(
    missing: list[tuple[str, int]],
    encoded: Mapping[str, tuple[int, ...]],
    problems: tuple[Problem, ...],
    task: str,
    seed: int,
) -> list[ChainTask]:
    """The chains to generate; those of one problem see its options in the same order, so that their letters can be pooled."""
    orders = {problem.id: option_order(seed, problem) for problem in problems}
    return [
        ChainTask(problem, chain, chain_seed(seed, task, problem, chain), encoded[problem], orders[problem])
        for problem, chain in missing
    ]
