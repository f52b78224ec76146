"""ModelFinder: which model serves a method at a budget, found without reading a weight."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from hyperscale.cache.policy import Policy
from hyperscale.checkpoint import Checkpoint
from hyperscale.commands.auto_model import pick_model
from hyperscale.commands.combination import Combination
from hyperscale.commands.request import fit
from hyperscale.commands.sweep_common import Common
from hyperscale.errors import Refusal
from hyperscale.models import locate
from hyperscale.tasks.task_card import TaskCard


class UnfitError(Refusal):
    """No model serves a method at a budget, or the one that was named does not, whatever could be fetched."""


@dataclass(frozen=True, slots=True)
class Serving:
    """A model, and the policy that follows from its heads."""

    checkpoint: Checkpoint
    policy: Policy


class ModelFinder:
    """Opens every checkpoint once; `note` is told what a user should know before one is loaded."""

    def __init__(self, common: Common, note: Callable[[str], None]) -> None:
        self.common, self.note = common, note
        self.checkpoints: dict[str, Checkpoint] = {}

    def serving(self, found: Combination, card: TaskCard) -> Serving:
        """The model for a combination on a task.

        Raises
        ------
        UnfitError
            There is none; the message names the ratios there are.
        UsageError
            There is no model of the name.
        Refusal
            It cannot be had: a missing folder, the hub, a licence.
        """
        common, asked, budget = self.common, found.entry.model, found.configuration.budget
        with _unfit():
            pick_model(asked, card, common.device, found.policy, budget, accept_licence=True)
        chosen, remark = pick_model(asked, card, common.device, found.policy, budget, common.accept_licence)
        if remark:
            self.note(remark)
        locate(chosen)
        if chosen not in self.checkpoints:
            self.checkpoints[chosen] = Checkpoint.open(chosen)
        checkpoint = self.checkpoints[chosen]
        heads = checkpoint.heads
        with _unfit():
            return Serving(checkpoint, fit(found.policy, budget, heads, checkpoint.name)[0])


@contextmanager
def _unfit() -> Iterator[None]:
    try:
        yield
    except Refusal as error:
        raise UnfitError(str(error)) from None
