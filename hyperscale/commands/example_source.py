"""Where a retrofit's examples come from: a file, the hub, or chains that the model samples itself."""

import json
from dataclasses import dataclass
from pathlib import Path

import torch

from hyperscale.abacus import modchain
from hyperscale.commands.listener import Listener
from hyperscale.commands.run import run
from hyperscale.errors import Refusal, UsageError
from hyperscale.models import LoadedModel
from hyperscale.retrofit.data import Row
from hyperscale.retrofit.launched import Place
from hyperscale.retrofit.sources import file_rows, hub_rows
from hyperscale.store.records import FinishReason
from hyperscale.store.run_folder import RunFolder
from hyperscale.tasks.cards import load_card, load_problems
from hyperscale.tasks.choices import user_turn

SELF, HUB = "self", "openr1"
DEFAULT_TASK = "modchain"


@dataclass(frozen=True, slots=True)
class ExampleSource:
    """The data options of ``hyperscale retrofit``.

    Attributes
    ----------
    data : str
        ``self``, ``openr1``, or a file.
    task : str
        Whose problems the model solves, for ``self``.
    count, context : int
        Most examples, and most tokens of one.
    """

    data: str
    task: str | None
    count: int
    context: int
    seed: int
    device: str

    def __post_init__(self) -> None:
        if self.task is not None and self.data != SELF:
            raise UsageError(f"--task is for --data self; the examples come from {self.data}.")

    @property
    def task_name(self) -> str:
        return self.task or DEFAULT_TASK

    def shared_rows(self, loaded: LoadedModel, model: str, folder: Path, place: Place, listener: Listener) -> list[Row]:
        """The same rows in all processes: the first one makes them, the others read them."""
        if place.size == 1:
            return self.rows(loaded, model, folder, listener)
        path = folder / "examples.pt"
        if place.first:
            rows = self.rows(loaded, model, folder, listener)
            folder.mkdir(parents=True, exist_ok=True)
            torch.save([(row.ids, row.prompt) for row in rows], path)
        place.wait()
        return [Row(tuple(ids), prompt) for ids, prompt in torch.load(path)]

    def rows(self, loaded: LoadedModel, model: str, folder: Path, listener: Listener) -> list[Row]:
        """Encoded examples; what the model samples is kept in `folder`.

        Raises
        ------
        Refusal
            There are none, or a file or the hub refuses.
        """
        if self.data == SELF:
            return self._own_chains(loaded, model, folder, listener)
        if self.data == HUB:
            return hub_rows(loaded, self.context, self.count)
        return file_rows(loaded, Path(self.data), self.context, self.count)

    def _own_chains(self, loaded: LoadedModel, model: str, folder: Path, listener: Listener) -> list[Row]:
        """Chains of the untouched model, through the same road as any run, and so resumable.

        For modchain they are on problems outside the benchmark; for another task they are on its own problems.
        """
        problems = training_problems(self.count, folder) if self.task_name == DEFAULT_TASK else None
        listener.note(f"--data self: {self.count} chains of {loaded.name} on {self.task_name}, through the dense cache.")
        shared = {"task": self.task_name, "model": model, "data": problems, "device": self.device, "seed": self.seed}
        summary = run(method="vanilla", limit=self.count, out=folder / "chains", listener=listener, **shared)  # type: ignore[arg-type]
        card = load_card(self.task_name)
        known = load_problems(card, data=problems).problems
        prompts = {problem.id: loaded.encode_prompt(user_turn(card, problem, self.seed)) for problem in known}
        chains = RunFolder.read(Path(summary["run"])).chains().values()
        rows = [
            Row(tuple([*prompts[chain.problem_id], *chain.token_ids][: self.context]), len(prompts[chain.problem_id]))
            for chain in sorted(chains, key=lambda chain: chain.key)
            if chain.finish_reason is not FinishReason.ERROR and len(prompts[chain.problem_id]) + 1 < self.context
        ]
        if not rows:
            raise Refusal(
                f"No chain of {loaded.name} on {self.task_name} is of use: no prompt fits into --context {self.context}."
            )
        return rows


def training_problems(count: int, folder: Path) -> Path:
    """A file with modchain problems that are not in the benchmark, for ``--data self`` on the bundled task."""
    path = folder / "problems.jsonl"
    folder.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        for number in range(count):
            problem = modchain.generate(modchain.TRAINING_SEEDS_START + number)
            row = {"id": f"training-{problem.seed}", "question": problem.question, "answer": str(problem.answer)}
            file.write(json.dumps(row | {"length": problem.length}) + "\n")
    return path
