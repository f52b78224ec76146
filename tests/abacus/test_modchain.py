import hashlib
import re
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from hyperscale.abacus import batches, modchain
from hyperscale.abacus.modchain import BENCHMARK_LENGTHS, BENCHMARK_SIZE, TRAINING_SEEDS_START, benchmark, generate
from hyperscale.abacus.tokenizer import build_tokenizer


def solve(question: str) -> int:
    """An independent solver: substitute until a number is left."""
    *assignments, asked = question.split(";")
    right = dict(assignment.split("=") for assignment in assignments)

    def value(term: str) -> int:
        if term.isdigit():
            return int(term)
        operation = re.fullmatch(r"(\w+)([-+*])(\w+)", term)
        if operation is None:
            return value(right[term])
        left, sign, operand = operation.groups()
        a, b = value(left), value(operand)
        return {"+": a + b, "-": a - b, "*": a * b}[sign] % 100

    return value(right[asked.removeprefix("?")]) % 100


@given(st.integers(0, 2**61))
def test_the_answer_is_what_an_independent_solver_finds(seed: int) -> None:
    problem = generate(seed)
    assert solve(problem.question) == problem.answer


@given(st.integers(0, 2**61))
def test_names_are_assigned_once_and_lengths_lie_in_range(seed: int) -> None:
    problem = generate(seed)
    names = [assignment.split("=")[0] for assignment in problem.question.split(";")[:-1]]
    assert len(names) == len(set(names))
    assert BENCHMARK_LENGTHS[0] <= problem.length <= BENCHMARK_LENGTHS[1]


def test_the_benchmark_never_changes() -> None:
    texts = [f"{problem.question} {problem.answer}" for problem in benchmark()]
    assert len(set(texts)) == BENCHMARK_SIZE
    assert hashlib.sha256("\n".join(texts[:500]).encode()).hexdigest()[:16] == "96d189f95802e968"  # all of version 1
    assert hashlib.sha256("\n".join(texts).encode()).hexdigest()[:16] == "d35ef9cf7b9a66d3"


def test_training_never_draws_a_benchmark_problem() -> None:
    assert max(problem.seed for problem in benchmark()) < TRAINING_SEEDS_START
    drawn: list[int] = []
    questions = {problem.question for problem in benchmark()}

    def spy(seed: int, *options: Any) -> modchain.ModchainProblem:
        drawn.append(seed)
        problem = generate(seed, *options)
        assert problem.question not in questions
        return problem

    original = batches.modchain.generate
    batches.modchain.generate = spy  # type: ignore[assignment]
    try:
        for rank in range(2):
            stream = batches.training_batches(batches.Encoder(build_tokenizer()), rank, 0, batches.Stage.at(0.9))
            for _ in range(150):
                next(stream)
    finally:
        batches.modchain.generate = original
    assert len(drawn) > 500
    assert min(drawn) >= TRAINING_SEEDS_START
