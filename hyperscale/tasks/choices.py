"""Options of a choice question: out of a row, in an order of their own for each question, under letters."""

import hashlib
import string
from collections.abc import Sequence

from hyperscale.errors import Refusal
from hyperscale.tasks.cells import required
from hyperscale.tasks.problem import Problem
from hyperscale.tasks.rows import Row
from hyperscale.tasks.task_card import Columns, TaskCard

LETTERS = string.ascii_uppercase


def option_order(seed: int, problem: Problem) -> tuple[int, ...]:
    """Which option stands under A, B, ...; option 0 is the right one. Empty for a problem without options.

    Options are sorted by a hash of (seed, problem id, option): every order is as likely as any other, and the order of one
    question depends on nothing but its id and the seed, on no other question and on no generator's state.
    """
    return tuple(sorted(range(len(problem.options)), key=lambda option: _rank(seed, problem.id, option)))


def is_order(order: Sequence[object], count: int) -> bool:
    """Whether this is an order of `count` options."""
    return len(order) == count and all(type(option) is int for option in order) and set(order) == set(range(count))


def right_letter(order: Sequence[int]) -> str:
    """The letter under which the right option stands."""
    return LETTERS[order.index(0)]


def user_turn(card: TaskCard, problem: Problem, seed: int, preset: str | None = None) -> str:
    """The prompt of a problem, its options in the order that `seed` gives them."""
    lines = (
        f"{letter}) {problem.options[option]}" for letter, option in zip(LETTERS, option_order(seed, problem), strict=False)
    )
    return card.render(problem.question, preset, "\n".join(lines), problem.starter)


def refuse_missing_columns(columns: Columns, row: Row, where: str) -> None:
    """Refuse a row that lacks a column, without a word of what it holds: a headless file has questions for column names."""
    for column in (columns.question, columns.answer, *columns.distractors):
        if column not in row:
            raise Refusal(
                f"{where}: there is no column {column!r} among {len(row)}. Rename it (the first line of a .csv names the "
                f"columns), or use a card that names yours."
            )


def choice_options(columns: Columns, row: Row, right: str, where: str) -> tuple[str, ...]:
    """All options of a row, the right one first.

    Equal wrong options are let through (a published set has them); a wrong option that equals the right one makes the question
    undecidable.

    Raises
    ------
    Refusal
        If an option is missing, blank or equal to the right one; names the row and the column, not the text.
    """
    wrong = {column: required(row, column, where).strip() for column in columns.distractors}
    for column, option in wrong.items():
        if option.split() == right.split():
            raise Refusal(f"{where}: column {column!r} repeats the right option. Correct or remove the row.")
    return (right, *wrong.values())


def _rank(seed: int, problem_id: str, option: int) -> bytes:
    return hashlib.sha256(f"{seed}\x1f{option}\x1f{problem_id}".encode()).digest()
