"""What a sweep is going to run: as few generations as its configurations need."""

import dataclasses
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from hyperscale.checkpoint import Checkpoint
from hyperscale.commands.combination import Combination, Skipped, combinations, left_out, settings_notes
from hyperscale.commands.model_finder import ModelFinder, Serving, UnfitError
from hyperscale.commands.request import Request
from hyperscale.commands.sweep_common import Common
from hyperscale.commands.sweep_request import SweepRequest
from hyperscale.configuration import Configuration, Order
from hyperscale.engine.chain import TRACE_EVERY
from hyperscale.errors import Refusal, UsageError
from hyperscale.tasks.cards import load_card
from hyperscale.tasks.task_card import TaskCard


@dataclass(frozen=True, slots=True)
class PlannedRun:
    """One generation, and the configurations whose chains are among its chains.

    Attributes
    ----------
    request : Request
        With the largest width and length of its configurations, and the policy fitted to the model.
    task : str
        As it was asked for: a name, or the path of a card.
    covers : tuple of Configuration
        By length and width.
    """

    request: Request
    task: str
    card: TaskCard
    checkpoint: Checkpoint
    covers: tuple[Configuration, ...]

    @property
    def width(self) -> int:
        return self.request.width

    @property
    def length(self) -> int:
        return self.covers[-1].length

    @property
    def fields(self) -> dict[str, Any]:
        """What tells it from others, by the names of a manifest."""
        return {
            "task": self.card.name,
            "model": self.checkpoint.name,
            "method": self.request.method,
            "budget": self.request.budget.label,
            "width": self.width,
            "max_len": self.length,
            "seed": self.request.seed,
        }

    def derives(self, configuration: Configuration) -> bool:
        """Whether a configuration is read off chains that were generated for a larger one."""
        return (configuration.width, configuration.length) != (self.width, self.length)


@dataclass(frozen=True, slots=True)
class SweepPlan:
    """All generations of a sweep in the order they are made, and what was left out of it."""

    common: Common
    runs: tuple[PlannedRun, ...]
    skipped: tuple[Skipped, ...]
    notes: tuple[str, ...]

    @property
    def remarks(self) -> tuple[str, ...]:
        """What a user should be told before anything starts."""
        return (*self.notes, *(f"left out: {each}" for each in self.skipped))


@dataclass(frozen=True, slots=True)
class _Wanted:
    """A combination on a task with a seed, and what serves it."""

    combination: Combination
    task: str
    card: TaskCard
    seed: int
    serving: Serving

    @property
    def identity(self) -> str:
        """Of two with the same, the chains differ in number and length only."""
        configuration, policy = self.combination.configuration, self.serving.policy
        method = (self.combination.method, configuration.budget.label, policy.parameters())
        return json.dumps(
            [str(self.card.path), self.serving.checkpoint.source, self.seed, *method], sort_keys=True, default=str
        )


def plan_sweep(request: SweepRequest) -> SweepPlan:
    """Settle what is run; of files, only policies, task cards and the configurations of models are read.

    Raises
    ------
    UsageError
        Words are wrong together, so that nothing is left to run or some of it makes no sense.
    Refusal
        What was named one by one does not go together, a model cannot be had, or none fits.
    """
    notes = [_order_note(request), *(note for entry in request.entries for note in settings_notes(entry))]
    found = [each for entry in request.entries for each in combinations(entry, request.common)]
    possible = [each for each in found if isinstance(each, Combination)]
    if not possible:
        raise UsageError(_nothing_left(each for each in found if isinstance(each, Skipped)))
    cards = _cards(request.common, possible)
    finder = ModelFinder(request.common, notes.append)
    placed = [each for combination in possible for each in _placed(combination, cards, finder)]
    skipped = tuple(dict.fromkeys(each for each in [*found, *placed] if isinstance(each, Skipped)))
    wanted = [each for each in placed if isinstance(each, _Wanted)]
    if not wanted:
        raise Refusal(_nothing_left(skipped))
    return SweepPlan(request.common, tuple(_grouped(wanted, request.common)), skipped, tuple(dict.fromkeys(notes)))


def _order_note(request: SweepRequest) -> str:
    """In which order configurations are, and which were read in the other one."""
    turned = [reading for reading in request.readings if reading.order is Order.LENGTH_FIRST]
    as_read = ", ".join(f"{reading.text.strip()} as {reading.configuration.label}" for reading in turned)
    return f"configurations are {Order.WIDTH_FIRST}" + (
        f"; read in the order {Order.LENGTH_FIRST}: {as_read}" if turned else ""
    )


def _nothing_left(skipped: Iterable[Skipped]) -> str:
    return f"Nothing is left to run. {'; '.join(map(str, skipped))}."


def _cards(common: Common, possible: Iterable[Combination]) -> dict[str, TaskCard]:
    """The cards of all tasks, by the names they were asked for (UsageError for a task or prompt that does not exist)."""
    cards = {task: load_card(task) for combination in possible for task in combination.entry.tasks}
    for card in cards.values():
        card.prompt(common.prompt)
    if common.data is not None and len(cards) > 1:
        raise UsageError(
            f"--data is the data of one task, and there are {len(cards)}: {', '.join(cards)}. Put one folder per task into a "
            f"folder, and name that in the environment variable HYPERSCALE_DATA."
        )
    return cards


def _placed(combination: Combination, cards: dict[str, TaskCard], finder: ModelFinder) -> Iterator[_Wanted | Skipped]:
    """A combination on its tasks and with its seeds."""
    entry = combination.entry
    for task in entry.tasks:
        try:
            serving = finder.serving(combination, cards[task])
        except UnfitError as error:
            yield left_out(entry, combination.label, error)
            continue
        yield from (_Wanted(combination, task, cards[task], seed, serving) for seed in entry.seeds)


def _grouped(wanted: Iterable[_Wanted], common: Common) -> Iterator[PlannedRun]:
    """One run for all configurations whose chains are the same, or the beginnings of the same."""
    alike: dict[str, list[_Wanted]] = {}
    for each in wanted:
        alike.setdefault(each.identity, []).append(each)
    for group in alike.values():
        first, budget = group[0], group[0].combination.configuration.budget
        prefix_safe = first.serving.policy.prefix_safe or budget.slots is not None
        for covers in _generations({each.combination.configuration for each in group}, prefix_safe):
            largest = Configuration(max(each.width for each in covers), covers[-1].length, budget)
            checkpoint, combination = first.serving.checkpoint, first.combination
            request = common.request(combination.method, combination.settings, largest, checkpoint.asked, first.seed)
            fitted = dataclasses.replace(request, policy=first.serving.policy)
            yield PlannedRun(fitted, first.task, first.card, checkpoint, covers)


def _generations(configurations: Iterable[Configuration], prefix_safe: bool) -> list[tuple[Configuration, ...]]:
    """Configurations put together that one generation serves, each by length and width.

    Widths only say how many chains are wanted. Lengths on the grid of the traces can be read off longer chains where decisions
    do not depend on L; elsewhere each length is a generation of its own.
    """
    by_size: Sequence[Configuration] = sorted(configurations, key=lambda each: (each.length, each.width))
    groups: dict[int, list[Configuration]] = {}
    for each in by_size:
        derivable = prefix_safe and each.length % TRACE_EVERY == 0
        groups.setdefault(by_size[-1].length if derivable else each.length, []).append(each)
    return [tuple(groups[length]) for length in sorted(groups)]
