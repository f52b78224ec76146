"""Grades beside generation, and the summary they lead to."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from types import TracebackType
from typing import Any, Self

from hyperscale.analysis.summary import any_passes, summarize
from hyperscale.commands.telemetry import measured
from hyperscale.errors import Refusal
from hyperscale.processes import usable_cores
from hyperscale.sandbox import Isolation
from hyperscale.scoring.grader import Grader
from hyperscale.scoring.graders import make_grader
from hyperscale.scoring.verdict import Grade
from hyperscale.scoring.vote import Equivalent, classes_of, majority_score
from hyperscale.store.records import ChainRecord, FinishReason, ScoreRecord
from hyperscale.store.run_folder import Key, RunFolder
from hyperscale.tasks.cards import Problem, TaskCard
from hyperscale.tasks.choices import is_order, right_letter
from hyperscale.tasks.task_card import Kind


class Grading:
    """A grader that writes what it finds into a run folder."""

    def __init__(
        self,
        card: TaskCard,
        folder: RunFolder,
        problems: Iterable[Problem],
        workers: int = 1,
        isolation: Isolation = Isolation.STRICT,
    ) -> None:
        self.card, self.folder = card, folder
        self.problems = {problem.id: problem for problem in problems}
        self.grader: Grader[Key] = make_grader(card, workers, isolation)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.grader.close()

    def submit(self, record: ChainRecord) -> Iterator[ScoreRecord]:
        """Ask for a chain's grade; yields whatever grades are ready."""
        self._ask(record)
        for key, grade in self.grader.results():
            yield self._store(key, grade)

    def regrade(self) -> list[ScoreRecord]:
        """New grades for all chains of the folder, in the place of the old ones once the last is there."""
        for record in self.folder.chains().values():
            self._ask(record)
        scores = [self._score(key, grade) for key, grade in self.grader.drain()]
        self.folder.replace_scores(scores)
        return scores

    def drain(self) -> Iterator[ScoreRecord]:
        for key, grade in self.grader.drain():
            yield self._store(key, grade)

    def catch_up(self, problem_ids: Sequence[str], width: int) -> Iterator[ScoreRecord]:
        """Grades of chains found in the folder; those that have none yet are graded now."""
        wanted = set(problem_ids)
        scores = self.folder.scores()
        for key, record in self.folder.chains().items():
            if record.problem_id not in wanted or record.chain >= width:
                continue
            if key in scores:
                yield scores[key]
            else:
                yield from self.submit(record)
        yield from self.drain()

    def vote(self, grades: Sequence[ScoreRecord]) -> float:
        return vote(self.card.kind, self.grader.equivalent, grades)

    def _ask(self, record: ChainRecord) -> None:
        problem = self.problems.get(record.problem_id)
        if record.finish_reason is FinishReason.ERROR or problem is None:
            return  # errors are counted apart, never graded as wrong
        self.grader.submit(record.key, reference(self.card.kind, problem, record), record.text, record.finish_reason)

    def _store(self, key: Key, grade: Grade) -> ScoreRecord:
        score = self._score(key, grade)
        self.folder.add_score(score)
        return score

    def _score(self, key: Key, grade: Grade) -> ScoreRecord:
        version = self.grader.version
        return ScoreRecord(key[0], key[1], grade.extracted, str(grade.verdict), grade.correct, version, grade.detail)


def isolation_of(note: Callable[[str], None], *, unsafe_no_sandbox: bool) -> Isolation:
    """How programs are kept in; told loudly where they are not."""
    if not unsafe_no_sandbox:
        return Isolation.STRICT
    note("--unsafe-no-sandbox: programs that a model wrote run with your rights, on your files and your network")
    return Isolation.NONE


def free_cores(generating: int) -> int:
    """How many programs may be graded beside so many processes that generate."""
    return max(1, usable_cores() - generating)


def reference(kind: Kind, problem: Problem, record: ChainRecord) -> Any:
    """What a chain's answer is held against; raises Refusal where its record does not tell."""
    if kind is Kind.CHOICE:
        if not is_order(record.permutation, len(problem.options)):
            raise Refusal(
                f"The record of chain {record.chain} of problem {record.problem_id} lacks the order of its "
                f"{len(problem.options)} options, so nobody can say which letter is right. Generate it again (--fresh)."
            )
        return right_letter(record.permutation)
    return problem.tests if kind is Kind.CODE else problem.gold


def vote(kind: str, equivalent: Equivalent, grades: Sequence[ScoreRecord]) -> float:
    """A problem's score: any chain passes for code, the majority of pooled answers otherwise."""
    if kind == Kind.CODE:
        return any_passes(grades)
    classes = classes_of([grade.extracted for grade in grades], equivalent)
    return majority_score(classes, [grade.correct for grade in grades])


def summary_of(folder: RunFolder, problem_ids: Sequence[str], width: int, grading: Grading) -> dict[str, Any]:
    return summarize(
        folder.manifest.fields,
        problem_ids,
        folder.chains(),
        folder.scores(),
        width,
        grading.vote,
        run=folder.name,
        **measured(folder.telemetry()),
    )
