"""modchain: chained modular arithmetic whose solution must keep looking things up.

A problem is a shuffled list of assignments and one question::

    g=u-19;i=43;u=15;p=r+i;z=g*4;r=g*9;?p

The asked variable ends a *path* of ``length`` assignments (``u, g, r, p``), each of which applies one operation to the one
before it; some operands are variables with an assignment of their own, and some assignments are distractors that nothing
needs. All arithmetic is modulo 100, and values are written with two digits, as AIME writes its answers with leading zeros.

Problems are a pure function of a seed. Seeds below `TRAINING_SEEDS_START` belong to the benchmark; training never draws them.
"""

import random
from dataclasses import dataclass
from itertools import pairwise

MODULUS = 100
BENCHMARK_SIZE = 2000
TRAINING_SEEDS_START = 1 << 20
BENCHMARK_LENGTHS = (6, 18)
LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"


@dataclass(frozen=True, slots=True)
class Step:
    """One assignment of the path: ``name = previous <operation> operand``."""

    name: str
    previous: str
    operation: str  # one of + - *
    operand: str  # a two-digit constant, one digit after *, or the name of a variable
    operand_value: int

    @property
    def equation(self) -> str:
        return f"{self.name}={self.previous}{self.operation}{self.operand}"


@dataclass(frozen=True, slots=True)
class ModchainProblem:
    """A generated problem: the text a model sees and the path a solver follows."""

    seed: int
    question: str
    root: str
    root_value: int
    steps: tuple[Step, ...]

    @property
    def length(self) -> int:
        return len(self.steps) + 1

    @property
    def answer(self) -> int:
        value = self.root_value
        for step in self.steps:
            value = apply(step.operation, value, step.operand_value)
        return value


def apply(operation: str, left: int, right: int) -> int:
    """The value of ``left <operation> right`` modulo 100."""
    if operation == "+":
        return (left + right) % MODULUS
    if operation == "-":
        return (left - right) % MODULUS
    return left * right % MODULUS


def digits(value: int) -> str:
    return f"{value:02d}"


def generate(seed: int, lengths: tuple[int, int] = BENCHMARK_LENGTHS, variable_share: float = 0.5) -> ModchainProblem:
    """The problem of one seed; `variable_share` of the operands of + and - are variables.

    Only ``random.Random.random`` is drawn from, the one method whose sequence Python promises to keep between versions.
    """
    draw = random.Random(seed).random

    def below(n: int) -> int:
        return int(draw() * n)

    def shuffle(items: list[str]) -> list[str]:
        for i in range(len(items) - 1, 0, -1):
            j = below(i + 1)
            items[i], items[j] = items[j], items[i]
        return items

    length = lengths[0] + below(lengths[1] - lengths[0] + 1)
    names = shuffle(list(LETTERS))
    path = [names.pop() for _ in range(length)]
    root_value = below(MODULUS)
    assignments = [f"{path[0]}={digits(root_value)}"]
    steps = []
    for previous, name in pairwise(path):
        operation = "+-*"[below(3)]
        if operation == "*":
            value = 2 + below(8)
            operand = str(value)
        else:
            value = below(MODULUS)
            operand = digits(value)
            if draw() < variable_share:
                operand = names.pop()
                assignments.append(f"{operand}={digits(value)}")
        step = Step(name, previous, operation, operand, value)
        steps.append(step)
        assignments.append(step.equation)
    for _ in range(below(length // 3 + 1)):  # distractors hang off the path but lead nowhere
        assignments.append(f"{names.pop()}={path[below(length)]}{'+-'[below(2)]}{digits(below(MODULUS))}")
    question = ";".join(shuffle(assignments)) + f";?{path[-1]}"
    return ModchainProblem(seed, question, path[0], root_value, tuple(steps))


def benchmark() -> list[ModchainProblem]:
    """The problems of the bundled benchmark, always the same."""
    return [generate(seed) for seed in range(BENCHMARK_SIZE)]
