"""The chains that a policy is checked on."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import torch

from hyperscale.budget import Budget
from hyperscale.cache.policy import Policy
from hyperscale.conformance.models import VOCABULARY, TinyModel
from hyperscale.conformance.session import Script, Session
from hyperscale.heads import LearnedHeads

ROWS = 8
STEPS = 31
PROMPTS = {0: 44, 2: 3, 3: 17, 6: 27}  # tokens by row; ragged, some above and some below the capacity; the other rows idle
FULL = Budget(ratio=1.0)
WINDOW = 6  # of learned heads, unless the policy asks for another


@dataclass(frozen=True)
class Bench:
    """One policy on one model family."""

    policy: Policy  # as the user made it, parameters that follow from a budget not yet filled in
    budget: Budget
    model: TinyModel

    @cached_property
    def scripts(self) -> Mapping[int, Script]:
        return {row: script(length, STEPS, seed=row) for row, length in PROMPTS.items()}

    @cached_property
    def base(self) -> Session:
        """All scripts together, at the budget."""
        return self.decode(self.scripts)

    def fitted(self, budget: Budget) -> Policy:
        """The policy as a run would have it."""
        return self.policy.resolved(budget).fitted(self.model.seamed.heads, self.model.seamed.name)

    def session(self) -> Session:
        """All rows idle."""
        return Session(self.model.seamed, self.fitted(self.budget), self.budget, ROWS)

    def decode(self, scripts: Mapping[int, Script], shuffle: torch.Generator | None = None) -> Session:
        """Scripts by row, decoded to their end."""
        session = self.session()
        for row, chain in scripts.items():
            session.load(row, chain, shuffle)
        return session.run(STEPS)


def script(prompt: int, forced: int, seed: int) -> Script:
    """A chain of random tokens."""
    generator = torch.Generator().manual_seed(seed + 1)
    ids = torch.randint(VOCABULARY, (prompt + forced,), generator=generator).tolist()
    return Script(tuple(ids[:prompt]), tuple(ids[prompt:]))


def greedy(session: Session, prompts: Mapping[int, tuple[int, ...]], steps: int) -> Mapping[int, Script]:
    """Let a session pick each next token itself; the scripts it wrote."""
    for row, prompt in prompts.items():
        session.load(row, Script(prompt, (0,) * steps))
    written: dict[int, tuple[int, ...]] = dict.fromkeys(prompts, ())
    for number in range(steps):
        for row, prompt in prompts.items():
            logits = session.steps[-1].logits[row] if number else session.prompt_logits[row]
            written[row] += (int(logits.argmax()),)
            session.scripts[row] = Script(prompt, written[row])
        session.step()
    return {row: Script(prompt, written[row]) for row, prompt in prompts.items()}


def heads_for(policy: Policy, at: Budget) -> list[LearnedHeads | None]:
    """Learned heads of every layout that a policy listens to; for one that needs none, none."""
    window = getattr(policy, "window", None)
    window = WINDOW if window is None else window
    stated = {name: value for name in ("shift", "per_layer") if (value := getattr(policy, name, None)) is not None}
    return [LearnedHeads(layout, window, ratio=at.ratio, **stated) for layout in policy.layouts] or [None]
