"""Task cards by name, and the problems they define."""

import hashlib
import json
import math
import os
from collections import Counter
from collections.abc import Iterable
from datetime import date, datetime
from pathlib import Path

from hyperscale.abacus import modchain
from hyperscale.errors import Refusal, UsageError
from hyperscale.hub import WITHOUT_HUB, hub_rows
from hyperscale.names import unknown
from hyperscale.problem import Problem, ProblemSet
from hyperscale.rows import LocalFile, Row, find_files, read_file
from hyperscale.task_card import PLACEHOLDER, Columns, TaskCard, Window, read_card

__all__ = ["PLACEHOLDER", "Problem", "ProblemSet", "TaskCard", "card_names", "load_card", "load_problems"]

PACKAGE = Path(__file__).parent


def card_names() -> tuple[str, ...]:
    """Names of the built-in task cards."""
    return tuple(sorted(path.stem for path in _cards_folder().glob("*.toml")))


def load_card(name_or_path: str | Path) -> TaskCard:
    """The card of a built-in task, or of a file ending in ``.toml``.

    Raises
    ------
    UsageError
        If there is no built-in task of that name.
    Refusal
        If the file cannot be read or is no valid card.
    """
    if str(name_or_path).endswith(".toml"):
        return read_card(Path(name_or_path))
    if str(name_or_path) not in card_names():
        wrong = unknown("task", str(name_or_path), card_names())
        raise UsageError(f"{wrong} A task of your own is a path ending in .toml.")
    return read_card(_cards_folder() / f"{name_or_path}.toml")


def load_problems(
    card: TaskCard, data: Path | None = None, limit: int | None = None, since: str | None = None, until: str | None = None
) -> ProblemSet:
    """The problems of a task.

    Parameters
    ----------
    card : TaskCard
        What to load.
    data : Path, optional
        A file, or a folder holding the card's files. Without it: the task's folder under HYPERSCALE_DATA, else the source.
    limit : int, optional
        Take the first so many by sha256 of their id.
    since, until : str, optional
        ISO dates that replace the ends of the card's date window; `until` is exclusive.

    Raises
    ------
    UsageError
        If `limit` or a date makes no sense, before anything is read.
    Refusal
        If the rows cannot be had, or one of them is no problem.
    """
    if limit is not None and limit < 1:
        raise UsageError(f"--limit must be at least 1, not {limit}. Leave it out to take every problem.")
    window = _window(card, since, until)
    files = _local_files(card, data)
    if files:
        problems = [problem for file in files for problem in _problems(card.columns, window, file.rows, str(file.path))]
        revision = card.source.revision if _pinned(card, files) else None
        origin = ", ".join(str(file.path) for file in files)
    else:
        problems, revision, origin = _from_source(card, window)
    if not problems:
        found = "no row lies in the date window. Widen it with --since and --until" if window else "there are no rows"
        raise Refusal(f"{origin}: {found}.")
    _refuse_duplicates(problems, origin)
    chosen = sorted(problems, key=lambda problem: _sha256(problem.id))[:limit]
    return ProblemSet(tuple(chosen), _data_hash(problems), revision, origin)


def _cards_folder() -> Path:
    # an installed wheel carries the cards inside the package, a checkout beside it
    shipped = PACKAGE / "_cards"
    folder = shipped if shipped.is_dir() else PACKAGE.parent / "tasks"
    if not folder.is_dir():
        raise Refusal(f"The built-in task cards are missing ({folder}). Install hyperscale again.")
    return folder


def _local_files(card: TaskCard, data: Path | None) -> tuple[LocalFile, ...]:
    if data is not None:
        paths = find_files(data, card.local.files) if data.is_dir() else (data,)
        return tuple(read_file(path) for path in paths)
    variable = os.environ.get("HYPERSCALE_DATA")
    if not variable:
        return ()
    if not Path(variable).is_dir():
        raise Refusal(f"HYPERSCALE_DATA names {variable}, which is no folder. Correct or unset it, or give --data PATH.")
    folder = Path(variable, card.local.folder)
    if not folder.is_dir():
        return ()
    return tuple(read_file(path) for path in find_files(folder, card.local.files))


def _pinned(card: TaskCard, files: Iterable[LocalFile]) -> bool:
    return bool(card.source.files) and {file.sha256 for file in files} == set(card.source.files.values())


def _from_source(card: TaskCard, window: Window | None) -> tuple[list[Problem], str | None, str]:
    source = card.source
    if source.bundled:
        if source.bundled not in BUNDLED:
            raise Refusal(f"{card.path}: [source] bundled is {source.bundled!r}. Known: {', '.join(BUNDLED)}.")
        return BUNDLED[source.bundled](), None, "bundled"
    if not source.hub:
        raise Refusal(f"Task {card.name} names no hub data set, and no local files were found. {WITHOUT_HUB}.")
    origin = f"hub {source.hub}@{source.revision}"
    return _problems(card.columns, window, hub_rows(source), origin), source.revision, origin


def _modchain() -> list[Problem]:
    return [
        Problem(f"modchain-{problem.seed}", problem.question, str(problem.answer), {"length": problem.length})
        for problem in modchain.benchmark()
    ]


BUNDLED = {"modchain": _modchain}


def _problems(columns: Columns, window: Window | None, rows: tuple[tuple[str, Row], ...], origin: str) -> list[Problem]:
    return [
        _problem(columns, row, f"{origin}, {where}")
        for where, row in rows
        if window is None or _inside(window, row, f"{origin}, {where}")
    ]


def _problem(columns: Columns, row: Row, where: str) -> Problem:
    question = _required(row, columns.question, where)
    gold = _required(row, columns.answer, where)
    if columns.answer_after:
        _, marker, gold = gold.rpartition(columns.answer_after)
        if not marker:
            raise Refusal(f"{where}: column {columns.answer!r} has no {columns.answer_after!r}, after which the answer stands.")
    for dropped in columns.answer_drop:
        gold = gold.replace(dropped, "")
    if not gold.strip():
        raise Refusal(f"{where}: column {columns.answer!r} holds no answer. Complete or remove the row.")
    identity = _cell(row.get(columns.id), columns.id, where).strip() if columns.id else ""
    metadata = {name: row[name] for name in columns.metadata if name in row}
    return Problem(identity or _sha256(question)[:12], question, gold.strip(), metadata)


def _required(row: Row, column: str, where: str) -> str:
    if column not in row:
        found = ", ".join(map(repr, row))
        raise Refusal(
            f"{where}: there is no column {column!r}, only {found}. Rename it, or use a card that names your columns."
        )
    text = _cell(row[column], column, where)
    if not text.strip():
        raise Refusal(f"{where}: column {column!r} is empty. Complete or remove the row.")
    return text


def _cell(value: object, column: str, where: str) -> str:
    if isinstance(value, float):
        if math.isnan(value):
            return ""
        value = int(value) if value.is_integer() else value  # whole numbers become floats in columns with gaps
    if value is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise Refusal(f"{where}: column {column!r} holds a {type(value).__name__}, not a text or number.")
    text = str(value)
    try:
        text.encode()
    except UnicodeEncodeError:
        raise Refusal(f"{where}: column {column!r} holds half of a surrogate pair. Correct the text.") from None
    return text


def _window(card: TaskCard, since: str | None, until: str | None) -> Window | None:
    if since is None and until is None:
        return card.window
    if card.window is None:
        raise UsageError(f"Task {card.name} has no dates, so --since and --until mean nothing for it. Leave them out.")
    start = _date(since, "--since") or card.window.since
    end = _date(until, "--until") or card.window.until
    if start and end and start >= end:
        raise UsageError(
            f"The date window from {start} until {end} (exclusive) is empty. Give an earlier --since or a later --until."
        )
    return Window(card.window.column, start, end)


def _date(text: str | None, option: str) -> date | None:
    try:
        return None if text is None else date.fromisoformat(text)
    except ValueError:
        raise UsageError(f"{option} {text!r} is not a date. Write 2024-08-01.") from None


def _inside(window: Window, row: Row, where: str) -> bool:
    value = row.get(window.column)
    try:
        day = value if isinstance(value, date) else datetime.fromisoformat(str(value))
    except ValueError:
        raise Refusal(f"{where}: column {window.column!r} holds {value!r}, which is no date. Write 2024-08-01.") from None
    day = day.date() if isinstance(day, datetime) else day
    return not (window.since and day < window.since) and not (window.until and day >= window.until)


def _refuse_duplicates(problems: list[Problem], origin: str) -> None:
    repeated = [name for name, count in Counter(problem.id for problem in problems).items() if count > 1]
    if repeated:
        more = f" and {len(repeated) - 5} more" if len(repeated) > 5 else ""
        raise Refusal(
            f"{origin}: duplicate ids {', '.join(repeated[:5])}{more}. Ids key every result; remove the repeated rows."
        )


def _data_hash(problems: list[Problem]) -> str:
    rows = sorted((problem.id, problem.question, problem.gold) for problem in problems)
    return _sha256("\n".join(json.dumps(row, ensure_ascii=False) for row in rows))


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
