"""Grading in killable processes, beside whatever else the caller is doing."""

import select
from collections import deque
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Generic, Self

from hyperscale.errors import Refusal
from hyperscale.scoring.answer import Extraction, extract
from hyperscale.scoring.exact import decide
from hyperscale.scoring.grader import K
from hyperscale.scoring.grader_process import GraderProcess, Pair, WorkerLimits
from hyperscale.scoring.verdict import GRADER_VERSION, Grade, Verdict
from hyperscale.store.records import FinishReason
from hyperscale.tasks.task_card import Fallback


class GraderPool(Generic[K]):
    """Grades completions against gold answers; use it as a context manager, from one thread.

    What strings and numbers settle is settled at once; the rest goes to worker processes, started when first needed and killed
    when they exceed their limits. There are no threads: `submit` and `results` hand out work and collect verdicts, so call
    either now and then while generating.

    Parameters
    ----------
    workers : int
        Most worker processes.
    seconds : float
        Wall and CPU seconds one comparison may take (then `timeout`).
    memory : int
        Bytes of address space of a worker (then `limit`, or `crashed` where it cannot recover).
    comparator : str
        `module:function` run in the workers on (gold, answer), returning a `Verdict`.
    fallback : Fallback
        What is taken for the answer where none is boxed.
    """

    version = GRADER_VERSION

    def __init__(
        self,
        workers: int = 1,
        *,
        seconds: float = 10.0,
        memory: int = 2 << 30,
        comparator: str = "hyperscale.scoring.algebra:compare",
        fallback: Fallback = Fallback.NONE,
    ) -> None:
        if workers < 1 or seconds <= 0:
            raise ValueError("a grader pool needs at least one worker and a positive time limit")
        self._most_workers, self._fallback = workers, fallback
        self._limits = WorkerLimits(comparator, seconds, memory)
        self._workers: list[GraderProcess] = []
        self._queue: deque[Pair] = deque()
        self._waiting: dict[Pair, list[tuple[K, Extraction]]] = {}
        self._finished: deque[tuple[K, Grade]] = deque()
        self._verdicts: dict[tuple[str, str, str], Verdict] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Kill and reap every worker; what is still waiting is dropped."""
        while self._workers:
            self._workers.pop().close()
        self._queue.clear()
        self._waiting.clear()

    @property
    def pids(self) -> tuple[int, ...]:
        """The worker processes that now exist."""
        return tuple(worker.pid for worker in self._workers)

    @property
    def pending(self) -> int:
        """Completions submitted whose grade has not been handed out."""
        return len(self._finished) + sum(len(waiting) for waiting in self._waiting.values())

    def submit(self, key: K, gold: str, text: str, finish_reason: FinishReason = FinishReason.STOP) -> None:
        """Ask for the grade of a completion; `results` or `drain` hand it out under `key`. Never waits for a worker."""
        extraction = extract(text, finish_reason, self._fallback)
        verdict = self._known(gold, extraction.answer)
        if verdict is not None:
            self._finished.append((key, _graded(extraction, verdict)))
        elif extraction.answer is not None:
            self._enqueue((gold, extraction.answer)).append((key, extraction))
        self._advance(0.0)

    def results(self) -> Iterator[tuple[K, Grade]]:
        """Hand out the grades that are ready, in the order they became so, without waiting."""
        self._advance(0.0)
        while self._finished:
            yield self._finished.popleft()

    def drain(self) -> Iterator[tuple[K, Grade]]:
        """Hand out every grade that is still owed, waiting for the workers."""
        while self.pending:
            while self._finished:
                yield self._finished.popleft()
            if self._waiting:
                self._advance(None)

    def grade(self, gold: str, text: str, finish_reason: FinishReason = FinishReason.STOP) -> Grade:
        """Grade one completion and wait for it."""
        extraction = extract(text, finish_reason, self._fallback)
        return _graded(extraction, self.compare(gold, extraction.answer))

    def compare(self, gold: str, answer: str | None) -> Verdict:
        """Compare one answer with the gold answer and wait for the verdict."""
        while (verdict := self._known(gold, answer)) is None and answer is not None:
            self._enqueue((gold, answer))
            self._advance(None)
        return verdict or Verdict.NO_ANSWER

    def equivalent(self, a: str, b: str) -> bool:
        """Whether two answers are equal in either direction (Math-Verify is not symmetric): what a vote pools by."""
        return self.compare(a, b) is Verdict.EQUAL or self.compare(b, a) is Verdict.EQUAL

    def _known(self, gold: str, answer: str | None) -> Verdict | None:
        if answer is None:
            return Verdict.NO_ANSWER if gold.strip() else Verdict.UNPARSED_GOLD
        key = (GRADER_VERSION, gold, answer)
        verdict = self._verdicts.get(key) or decide(gold, answer)
        if verdict is not None:
            self._verdicts[key] = verdict
        return verdict

    def _enqueue(self, pair: Pair) -> list[tuple[K, Extraction]]:
        """Queue a pair once, however many completions ask for it; returns those that wait for it."""
        if pair not in self._waiting:
            self._waiting[pair] = []
            self._queue.append(pair)
        return self._waiting[pair]

    def _advance(self, patience: float | None) -> None:
        """Hand out work and take in verdicts, waiting at most `patience` seconds (None: until something happens)."""
        self._hand_out()
        if not self._workers:
            return
        remaining = [worker.remaining for worker in self._workers]
        overdue = min((seconds for seconds in remaining if seconds is not None), default=0.0)
        poll = select.poll()
        for worker in self._workers:
            poll.register(worker.fileno(), select.POLLIN)
        readable = {fd for fd, _ in poll.poll(1000 * (overdue if patience is None else min(patience, overdue)))}
        for worker in tuple(self._workers):
            if worker.fileno() in readable:
                self._take(worker, worker.receive)
            elif worker.remaining == 0.0:
                self._take(worker, worker.overdue)
        self._hand_out()

    def _hand_out(self) -> None:
        idle = [worker for worker in self._workers if worker.pair is None]
        while self._queue and (idle or len(self._workers) < self._most_workers):
            if not idle:
                self._workers.append(GraderProcess(self._limits))
                idle.append(self._workers[-1])
            idle.pop().assign(self._queue.popleft())

    def _take(self, worker: GraderProcess, event: Callable[[], Verdict | None]) -> None:
        """Take a verdict from a worker, and bury the worker if it came from its end."""
        try:
            verdict = event()
        except Refusal:
            self.close()
            raise
        pair, worker.pair = worker.pair, None if verdict else worker.pair
        if verdict is not None and worker.ended:  # one that ends as soon as it has its pair has yet to be heard of
            self._workers.remove(worker)
            worker.close()
        if verdict is not None and pair is not None:
            self._verdicts[(GRADER_VERSION, *pair)] = verdict
            self._finished.extend((key, _graded(extraction, verdict)) for key, extraction in self._waiting.pop(pair))


def _graded(extraction: Extraction, verdict: Verdict) -> Grade:
    return Grade(extraction.answer, verdict, extraction.by_fallback)
