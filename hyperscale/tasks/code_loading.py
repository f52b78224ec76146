"""Problems of a code task: out of files of any size, with nothing of their tests left in memory."""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from hyperscale.errors import Refusal
from hyperscale.tasks.cells import cell, required
from hyperscale.tasks.code_card import CodeCard
from hyperscale.tasks.code_formats import digest, is_partial, read_tests, starter_of, without_tests
from hyperscale.tasks.code_rows import RowPlace, SeenRow, Spool, stream_rows
from hyperscale.tasks.code_tests import CodeTests
from hyperscale.tasks.date_window import inside, surely_outside
from hyperscale.tasks.hub import hub_files, hub_rows
from hyperscale.tasks.problem import Problem
from hyperscale.tasks.task_card import Source, TaskCard, Window

Note = Callable[[str], None]
"""Told, in one line, what a user should know while rows are loaded."""

MUCH = 500_000_000  # bytes that take long enough to say that they are read

PARTIAL = (
    "only part of this problem's tests is here, so a program that passes them may still be wrong. Give the complete rows, or "
    "use --allow-partial-tests, which is stamped in every result."
)
NO_TESTS = "the row has no tests, and every program would pass. Complete or remove the row"


@dataclass(frozen=True, slots=True)
class StoredTests:
    """Tests that lie in a row of a file. Nothing of them is kept in memory, and every `load` reads them again."""

    where: str
    place: RowPlace
    code: CodeCard
    question: str
    digest: str
    partial: bool

    def load(self) -> CodeTests:
        """Read and decode the tests; raises Refusal if they cannot be, or are not what they were."""
        row = self.place.read()
        if not self.place.spooled and digest(self.code, row, self.where) != self.digest:
            raise Refusal(f"{self.where}: the row changed while it was in use. Leave data files alone during a run.")
        return read_tests(self.code, self.question, row, self.where, partial=self.partial)

    def discard(self) -> None:
        """Delete the copy of the row, if there is one."""
        self.place.discard()


@dataclass(frozen=True, slots=True)
class CodeProblems:
    """All problems inside the window, and what is known of the rows they came from."""

    problems: tuple[Problem, ...]
    revision: str | None
    origin: str
    partial: bool


def load_code(
    card: TaskCard,
    code: CodeCard,
    source: Source,
    window: Window | None,
    paths: tuple[Path, ...],
    note: Note,
    *,
    allow_partial_tests: bool = False,
) -> CodeProblems:
    """The problems of a code task from local files, or without any from the hub; tests are not decoded yet.

    A file under one of the card's names must be the pinned file, for a damaged one would only mean fewer problems. Files under
    other names are taken as they are.

    Raises
    ------
    Refusal
        If a file cannot be had or is not the pinned one, or a row is no problem or has an unwanted part of its tests only.
    """
    found, revision, origin = _rows(code, source, window, paths, note)
    problems, skipped = [], 0
    for file, seen in found:
        where = f"{file}, {seen.where}"
        if (window and not inside(window, seen.row, where)) or not _wanted(code, seen, where):
            continue
        problem = _problem(card, code, seen, file, allow_partial_tests=allow_partial_tests)
        if problem is None:
            skipped += 1
        else:
            problems.append(problem)
    if skipped and not problems:
        raise Refusal(f"{origin}: none of the {skipped} rows that were wanted has a test. Give complete rows.")
    if skipped:
        note(f"rows without any test, which are left out: {skipped}")
    return CodeProblems(tuple(problems), revision, origin, skipped > 0 or any(_partial(problem) for problem in problems))


def check_tests(chosen: Iterable[Problem], left: Iterable[Problem]) -> None:
    """Decode the tests of the chosen problems once, and give up those of the others.

    A row of no use is thereby refused before anything is generated.
    """
    for problem in left:
        if problem.tests is not None:
            problem.tests.discard()
    for problem in chosen:
        if problem.tests is not None:
            problem.tests.load()


def _rows(
    code: CodeCard, source: Source, window: Window | None, paths: tuple[Path, ...], note: Note
) -> tuple[Iterator[tuple[str, SeenRow]], str | None, str]:
    spool = Spool()
    origin = ", ".join(map(str, paths)) or f"hub {source.hub}@{source.revision}"
    if not paths and not code.files:
        rows = hub_rows(source)
        seen = ((origin, SeenRow(where, row, lambda row=row: spool.add(row))) for where, row in rows)  # type: ignore[misc]
        return seen, source.revision, origin
    paths = paths or hub_files(source, code.files, code.sizes, note)
    size = sum(path.stat().st_size for path in paths if path.is_file())
    if size > MUCH:
        note(f"reading {size / 1e9:.1f} GB of rows")
    for path in paths:
        _refuse_another(path, source.files.get(path.name))
    complete = bool(code.files) and {path.name for path in paths} == set(code.files)

    def passed_over(line: bytes) -> bool:
        return window is not None and surely_outside(window, line)

    stream = ((str(path), row) for path in paths for row in stream_rows(path, spool, passed_over))
    return stream, source.revision if complete else None, origin


def _refuse_another(path: Path, wanted: str | None) -> None:
    if wanted is None:
        return
    try:
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        raise Refusal(f"There is no data file or folder {path}. Check the path.") from None
    except OSError as error:
        raise Refusal(f"Cannot read the data file {path}: {error.strerror}.") from error
    if found != wanted:
        raise Refusal(
            f"{path} is not the published file: expected sha256 {wanted}, found {found}. Delete it and get it again; rows of "
            f"your own belong under another name."
        )


def _wanted(code: CodeCard, seen: SeenRow, where: str) -> bool:
    return all(required(seen.row, column, where).strip() in values for column, values in code.only.items())


def _identity(card: TaskCard, seen: SeenRow, where: str) -> str:
    columns = card.columns
    stated = cell(seen.row.get(columns.id), columns.id, where).strip() if columns.id else ""
    return stated or hashlib.sha256(required(seen.row, columns.question, where).encode()).hexdigest()[:12]


def _problem(card: TaskCard, code: CodeCard, seen: SeenRow, file: str, *, allow_partial_tests: bool) -> Problem | None:
    """The problem of a row, or None where parts of tests are taken and no test is there; raises Refusal if it is no problem."""
    columns, row = card.columns, seen.row
    where = f"{file}, {seen.where}"
    identity = _identity(card, seen, where)
    where = f"{where} ({identity})"
    partial = is_partial(code, row, Path(file).name)
    gold = digest(code, row, where)  # says so where a column is missing, which is not the same as empty
    if without_tests(code, row):
        if partial and allow_partial_tests:
            return None
        raise Refusal(f"{where}: {NO_TESTS}{', or have it left out by --allow-partial-tests' if partial else ''}.")
    if partial and not allow_partial_tests:
        raise Refusal(f"{where}: {PARTIAL}")
    question = required(row, columns.question, where)
    tests = StoredTests(where, seen.keep(), code, columns.question, gold, partial)
    metadata = {name: row[name] for name in columns.metadata if name in row}
    return Problem(identity, question, gold, metadata, starter=starter_of(code, row, where), tests=tests)


def _partial(problem: Problem) -> bool:
    return isinstance(problem.tests, StoredTests) and problem.tests.partial
