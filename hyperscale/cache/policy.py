"""The contract between a cache and the rule that decides what it keeps.

The cache owns memory, positions and the meter; a policy only decides. A policy class is a dataclass whose fields are its
hyper-parameters (``--set field=value``). An instance made by a user holds nothing else: `Policy.bind` copies it for one
block of rows, and only that copy carries state.
"""

from __future__ import annotations

import copy
import dataclasses
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, ClassVar, Self

import torch

from hyperscale.attention.taps import Heard
from hyperscale.budget import Budget
from hyperscale.errors import Refusal
from hyperscale.heads import HeadLayout, LearnedHeads

if TYPE_CHECKING:
    from hyperscale.cache.cache import KVCache
    from hyperscale.cache.prompt import Observer, Prompt


class PromptStatistics(StrEnum):
    """What a policy wants to know about attention inside the prompt."""

    NONE = "none"
    LAST = "last"  # the weights of the last prompt query
    SUMS = "sums"  # the weights summed over all prompt queries


class Holds(StrEnum):
    """What bounds the entries a policy keeps."""

    CAPACITY = "capacity"  # at most C per head after a step, C + 1 at its attention
    EVERYTHING = "everything"  # it never evicts; it saves reads or nothing
    LEARNED = "learned"  # the model decides, head by head


class Prefill(StrEnum):
    """How a prompt longer than the capacity is brought down to it."""

    DENSE = "dense"  # dense attention over the whole prompt, then one cut by the method's own score
    STEPWISE = "stepwise"  # dense until the capacity is reached, then token by token as in decoding


@dataclass(frozen=True, slots=True)
class PromptLayer:
    """What dense attention over a prompt left in one layer: ``keys, values [Hkv, P, D]``.

    ``weights [Hkv, G, P]`` (float32) holds the `PromptStatistics` the policy asked for, else None; `heard` what the layer's
    tap heard, for a model that has taps.
    """

    keys: torch.Tensor
    values: torch.Tensor
    weights: torch.Tensor | None
    heard: Heard | None = None


@dataclass(frozen=True, slots=True)
class LiveLayer:
    """A live set in one layer, slots ``[0, n)`` in this order.

    ``keys, values [Hkv, n, D]``, ``positions [Hkv, n]`` and, for policies that keep a number per entry, ``scores [Hkv, n]``
    (float32). Heads that differ in length are padded to the longest, with position -1; ``lengths [Hkv]`` says how long they
    are, and None that all are alike. ``newest`` is what else a policy wants to be given back by `Policy.load`.
    """

    keys: torch.Tensor
    values: torch.Tensor
    positions: torch.Tensor
    scores: torch.Tensor | None = None
    lengths: torch.Tensor | None = None
    newest: tuple[torch.Tensor, ...] | None = None


@dataclass(frozen=True, slots=True)
class Selection:
    """What each query head reads in one layer at one step, where that is less than everything.

    Attributes
    ----------
    slots : [R, Hkv, G, n]
        Slot numbers.
    valid : [R, Hkv, G, n] bool
        False on padding, and on slots that hold nothing.
    fetched : [R, Hkv]
        Distinct entries fetched per KV head: the union over its query heads.
    scored : [R, Hkv]
        Metadata read to decide, in entries.
    selecting : [R] bool
        Rows that select. The others list all their live slots and attend exactly as if nobody selected.
    run : int
        Slots come in runs of this many, a divisor of `CHUNK`: consecutive, from a multiple of it on, valid ones first.
    """

    slots: torch.Tensor
    valid: torch.Tensor
    fetched: torch.Tensor
    scored: torch.Tensor
    selecting: torch.Tensor
    run: int = 1


@dataclass
class Policy:
    """Keeps everything and reads everything; a method overrides the moments it needs, in the order of a step.

    Once per problem: `first`. Once per row: `load`. At each step: `place` for all layers, then layer by layer `tapped` (models
    with learned heads), `late` (if `place` could not tell), `write`, `wrote`, `select` and `observe`.
    """

    name: ClassVar[str] = ""
    summary: ClassVar[str] = ""
    default_budget: ClassVar[str | None] = "8x"  # None: the checkpoint's
    statistics: ClassVar[PromptStatistics] = PromptStatistics.NONE
    needs_weights: ClassVar[bool] = False  # whether `observe` is called
    holds: ClassVar[Holds] = Holds.CAPACITY
    prefix_safe: ClassVar[bool] = False  # decisions never depend on L, whatever the budget
    rewrites: ClassVar[bool] = False  # stored entries change after they were written, so that no mask can replay them
    layouts: ClassVar[tuple[HeadLayout, ...]] = ()  # learned heads it can listen to; none: it needs none

    def __post_init__(self) -> None:
        """Refuse hyper-parameters that make no sense (UsageError)."""

    # --- before a run -------------------------------------------------------------------------------------------------

    def resolved(self, budget: Budget) -> Self:
        """This policy with the parameters that follow from the budget filled in; what a manifest records."""
        return self

    def fitted(self, heads: LearnedHeads | None, model: str) -> Self:
        """This policy with the parameters that a model's learned heads decide filled in.

        Raises
        ------
        Refusal
            The model has not the heads this policy needs.
        """
        return self

    def capacity(self, budget: Budget, prompt_tokens: int, max_len: int) -> int:
        """Slots per head for one problem: ``ceil((P + L) / CR)``, or the number the budget names (DESIGN: the paper's rule)."""
        slots = budget.capacity(prompt_tokens, max_len)
        if slots < self.smallest_capacity:
            raise Refusal(
                f"{self.name} needs at least {self.smallest_capacity} slots per head, and {budget.label} leaves {slots} "
                f"(prompt {prompt_tokens} tokens, length {max_len}). Use a smaller ratio or a larger --max-len."
            )
        return slots

    @property
    def smallest_capacity(self) -> int:
        return 1

    @property
    def page_slots(self) -> int:
        """Consecutive slots treated as one page. Entries may trade places inside a page, and full pages with each other."""
        return 1

    @property
    def ragged(self) -> bool:
        """Whether heads differ in length: memory is paged then, and follows each head's own."""
        return False

    def parameters(self) -> dict[str, Any]:
        return dataclasses.asdict(self)

    def bind(self, cache: KVCache) -> Self:
        """A copy that decides for one cache."""
        bound = copy.copy(self)
        bound.__dict__["_cache"] = cache
        bound.setup()
        return bound

    # --- state --------------------------------------------------------------------------------------------------------

    @property
    def cache(self) -> KVCache:
        """The cache this policy decides for."""
        if "_cache" not in self.__dict__:
            raise RuntimeError("this policy is not bound to a cache; call bind(cache)")
        return self.__dict__["_cache"]  # type: ignore[no-any-return]

    def setup(self) -> None:
        """Allocate state for ``self.cache``."""

    def first(self, prompt: PromptLayer, capacity: int) -> LiveLayer:
        """The first live set of one layer, from a dense prompt."""
        return keep(prompt, everything(prompt))

    def prompt_cache(self, observer: Observer | None) -> Prompt | None:
        """What prompts attend through where attention inside them is not dense; None means dense, then `first`."""
        return None

    def load(self, row: int, layers: list[LiveLayer]) -> None:
        """A row was filled with a problem's first live set."""

    def slot_scores(self, layer: int, row: int) -> torch.Tensor | None:
        """Scores of a row's slots, ``[Hkv, slots]``, for policies that keep any; what `load` will be given back."""
        return None

    # --- a step -------------------------------------------------------------------------------------------------------

    def place(self) -> torch.Tensor | None:
        """Slot of each head's new entry, ``[layers, R, Hkv]``: the one freed last, else the next free one.

        None where the rule can only tell after the layer's tap; `late` is asked then.
        """
        return torch.where(self.cache.hole >= 0, self.cache.hole, self.cache.live)

    def tapped(self, layer: int, heard: Heard) -> None:
        """What a layer's tap heard of this step's tokens; models without learned heads have no taps."""

    def late(self, layer: int) -> torch.Tensor | None:
        """Slot of each head's new entry in one layer, ``[R, Hkv]``; None if `place` has said it."""
        return None

    def write(self, layer: int, keys: torch.Tensor, values: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """What to store for this step's ``keys, values [R, Hkv, D]``, for policies that rewrite entries."""
        return keys, values

    def wrote(self, layer: int, keys: torch.Tensor) -> None:
        """The new entries of one layer were stored: ``keys [R, Hkv, D]``."""

    def metadata(self, layer: int) -> torch.Tensor | None:
        """Metadata held beside the cache, in entries, ``[R, Hkv]``."""
        return None

    def reread(self, layer: int) -> torch.Tensor | None:
        """Metadata read at this step where all entries are, in entries, ``[R, Hkv]``."""
        return None

    def select(self, layer: int, queries: torch.Tensor) -> Selection | None:
        """What ``queries [R, Hkv, G, D]`` read; None means all live entries."""
        return None

    def observe(self, layer: int, weights: torch.Tensor) -> None:
        """This step's attention weights ``[R, Hkv, G, slots]`` (float32, 0 on empty slots); may call ``self.cache.evict``."""


def everything(prompt: PromptLayer) -> torch.Tensor:
    heads, length = prompt.keys.shape[:2]
    return torch.arange(length, device=prompt.keys.device).expand(heads, length)


def keep(prompt: PromptLayer, positions: torch.Tensor, scores: torch.Tensor | None = None) -> LiveLayer:
    """The live set of the given ``positions [Hkv, n]``; ``scores [Hkv, P]`` are gathered along."""
    index = positions[..., None].expand(*positions.shape, prompt.keys.shape[-1])
    kept_scores = None if scores is None else scores.gather(1, positions)
    return LiveLayer(prompt.keys.gather(1, index), prompt.values.gather(1, index), positions, kept_scores)
