"""Standing: where a planned run lies, and how much of it is there."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from hyperscale.cache.cache import CacheShape
from hyperscale.checkpoint import Checkpoint
from hyperscale.commands.outline import Outline, outline
from hyperscale.commands.request import encode_problems, resolve_sampling
from hyperscale.commands.run_manifest import manifest_of
from hyperscale.commands.stage import Stage
from hyperscale.commands.sweep_common import Common
from hyperscale.commands.sweep_plan import PlannedRun
from hyperscale.engine.sampler import Sampling
from hyperscale.models import pick_device, pick_dtype
from hyperscale.store.codec import Detail
from hyperscale.store.layout import run_path
from hyperscale.store.manifest import FILE_NAME
from hyperscale.store.records import FinishReason
from hyperscale.store.run_folder import RunFolder
from hyperscale.tasks.cards import load_problems
from hyperscale.tasks.problem import ProblemSet
from hyperscale.tasks.task_card import TaskCard


@dataclass(frozen=True, slots=True)
class Standing:
    """A run before it is started or taken up.

    Attributes
    ----------
    encoded : mapping
        Prompt token ids by problem.
    present : int
        Chains of those wanted that are on disk.
    summary : mapping or None
        Of a run that is done.
    """

    path: Path
    encoded: Mapping[str, tuple[int, ...]]
    sampling: Sampling
    shape: CacheShape
    wanted: int
    present: int
    summary: Mapping[str, Any] | None

    @property
    def stage(self) -> Stage:
        if self.summary is not None:
            return Stage.DONE
        return Stage.PARTIAL if self.present else Stage.WAITING

    @property
    def missing(self) -> int:
        return self.wanted - self.present


class Survey:
    """Finds out where runs stand; problems and models' outlines are read once each.

    Parameters
    ----------
    note : callable
        Told what takes long, and what was left out of a task.
    """

    def __init__(self, common: Common, note: Callable[[str], None]) -> None:
        self.common, self.note = common, note
        self.dtype: torch.dtype = pick_dtype(common.dtype, pick_device(common.device))
        self.problems: dict[Path, ProblemSet] = {}
        self.outlines: dict[str, Outline] = {}

    def standing(self, run: PlannedRun) -> Standing:
        """Where a planned run stands.

        Raises
        ------
        UsageError
            The model samples greedily, and several chains are wanted; or a date makes no sense.
        Refusal
            Problems or tokenizer cannot be had, they do not fit the configuration, or the run's folder is damaged.
        """
        request, card, common = run.request, run.card, self.common
        problems, model = self._problems(card), self._outline(run.checkpoint)
        sampling = resolve_sampling(request, model, card)
        encoded = encode_problems(problems.problems, card, common.prompt, model, request, run.length)
        manifest = manifest_of(request, card, problems, common.prompt, model, sampling, run.length)
        path = run_path(
            Path(common.out),
            task=card.name,
            model=model.name,
            method=request.method,
            budget=request.budget.label,
            max_len=run.length,
            seed=request.seed,
            hash8=manifest.hash,
        )
        ids, wanted = [problem.id for problem in problems.problems], len(problems.problems) * run.width
        present, summary = _found(path, ids, run.width)
        return Standing(path, encoded, sampling, model.shape, wanted, present, summary)

    def _problems(self, card: TaskCard) -> ProblemSet:
        if card.path not in self.problems:
            self.problems[card.path] = load_problems(
                card,
                data=self.common.data_path,
                limit=self.common.limit,
                since=self.common.since,
                until=self.common.until,
                allow_partial_tests=self.common.allow_partial_tests,
                note=self.note,
            )
        return self.problems[card.path]

    def _outline(self, checkpoint: Checkpoint) -> Outline:
        if checkpoint.source not in self.outlines:
            self.outlines[checkpoint.source] = outline(checkpoint, self.dtype)
        return self.outlines[checkpoint.source]


def _found(path: Path, ids: list[str], width: int) -> tuple[int, Mapping[str, Any] | None]:
    """Chains there are of those wanted, and the summary if it is one of exactly these chains, all finished and graded."""
    if not (path / FILE_NAME).exists():
        return 0, None
    folder = RunFolder.read(path)
    wanted = {(problem, chain) for problem in ids for chain in range(width)}
    chains = {key: chain for key, chain in folder.chains(Detail.COUNTS).items() if key in wanted}
    ungraded = {key for key, chain in chains.items() if chain.finish_reason is not FinishReason.ERROR} - folder.scores().keys()
    facts = folder.manifest.facts
    same = facts.get("width") == width and facts.get("problem_ids") == ids
    complete = same and len(chains) == len(wanted) and not ungraded
    return len(chains), folder.summary() if complete else None
