"""Task cards by name, and the problems they define."""

import hashlib
import json
import os
from collections import Counter
from collections.abc import Callable, Iterable
from datetime import date
from pathlib import Path

from hyperscale.abacus import modchain
from hyperscale.errors import Refusal, UsageError
from hyperscale.names import unknown
from hyperscale.tasks.card_file import read_card
from hyperscale.tasks.cells import cell, required
from hyperscale.tasks.choices import choice_options, refuse_missing_columns
from hyperscale.tasks.code_loading import check_tests, load_code
from hyperscale.tasks.date_window import inside
from hyperscale.tasks.hub import WITHOUT_HUB, at_commit, hub_rows
from hyperscale.tasks.problem import Problem, ProblemSet
from hyperscale.tasks.rows import LocalFile, Row, find_files, read_file
from hyperscale.tasks.task_card import PLACEHOLDER, Kind, Local, Source, TaskCard, Window

__all__ = ["PLACEHOLDER", "Problem", "ProblemSet", "TaskCard", "card_names", "load_card", "load_problems"]

PACKAGE = Path(__file__).parent.parent


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
    card: TaskCard,
    data: Path | None = None,
    limit: int | None = None,
    since: str | None = None,
    until: str | None = None,
    *,
    allow_partial_tests: bool = False,
    note: Callable[[str], None] = lambda text: None,
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
    allow_partial_tests : bool
        Also take programs whose tests are known not to be all of them; the problem set says so.
    note : callable
        Told, in one line each, what takes long (a download, files of GB) and what was left out.

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
    paths, partial = _local_paths(card, data), False
    if card.code:
        source = card.source if paths else _hub_source(card)
        code = load_code(card, card.code, source, window, paths, note, allow_partial_tests=allow_partial_tests)
        problems, revision, origin, partial = list(code.problems), code.revision, code.origin, code.partial
    elif paths:
        files = _read(card, paths)
        problems = [problem for file in files for problem in _problems(card, window, file.rows, str(file.path))]
        revision = card.source.revision if _pinned(card, files) else None
        origin = ", ".join(str(file.path) for file in files)
    else:
        problems, revision, origin = _from_source(card, window)
    if not problems:
        found = "no row lies in the date window. Widen it with --since and --until" if window else "there are no rows"
        raise Refusal(f"{origin}: {found}.")
    _refuse_duplicates(problems, origin)
    ordered = sorted(problems, key=lambda problem: _sha256(problem.id))
    chosen = ordered[:limit]
    check_tests(chosen, ordered[len(chosen) :])
    return ProblemSet(tuple(chosen), _data_hash(problems), revision, origin, partial)


def _cards_folder() -> Path:
    # an installed wheel carries the cards inside the package, a checkout beside it
    shipped = PACKAGE / "_cards"
    folder = shipped if shipped.is_dir() else PACKAGE.parent / "tasks"
    if not folder.is_dir():
        raise Refusal(f"The built-in task cards are missing ({folder}). Install hyperscale again.")
    return folder


def _local_paths(card: TaskCard, data: Path | None) -> tuple[Path, ...]:
    if data is not None:
        return _found(data, card.local) if data.is_dir() else (data,)
    variable = os.environ.get("HYPERSCALE_DATA")
    if not variable:
        return ()
    if not Path(variable).is_dir():
        raise Refusal(f"HYPERSCALE_DATA names {variable}, which is no folder. Correct or unset it, or give --data PATH.")
    folder = Path(variable, card.local.folder)
    if not folder.is_dir():
        return ()
    return _found(folder, card.local)


def _found(folder: Path, local: Local) -> tuple[Path, ...]:
    """The card's files in a folder; instead of a zip that is not there, the file that would be inside it."""
    if local.member and not any((folder / name).is_file() for name in local.files):
        try:
            return find_files(folder, (Path(local.member.name).name,))
        except Refusal as error:
            raise Refusal(f"{folder} holds no {' or '.join(local.files)}, and without it: {error}") from error
    return find_files(folder, local.files)


def _read(card: TaskCard, paths: Iterable[Path]) -> tuple[LocalFile, ...]:
    # other files may well be a selection of the published rows, but nobody edits an encrypted zip
    pins = {name: digest for name, digest in card.source.files.items() if name.endswith(".zip")}
    return tuple(read_file(path, card.local.member, pins.get(path.name)) for path in paths)


def _pinned(card: TaskCard, files: Iterable[LocalFile]) -> bool:
    return bool(card.source.files) and {file.sha256 for file in files} == set(card.source.files.values())


def _from_source(card: TaskCard, window: Window | None) -> tuple[list[Problem], str | None, str]:
    source = card.source
    if source.bundled:
        if source.bundled not in BUNDLED:
            raise Refusal(f"{card.path}: [source] bundled is {source.bundled!r}. Known: {', '.join(BUNDLED)}.")
        return BUNDLED[source.bundled](), None, "bundled"
    pinned = _hub_source(card)
    origin = f"hub {pinned.hub}@{pinned.revision}"
    return _problems(card, window, hub_rows(pinned), origin), pinned.revision, origin


def _hub_source(card: TaskCard) -> Source:
    if not card.source.hub:
        raise Refusal(f"Task {card.name} names no hub data set, and no local files were found. {WITHOUT_HUB}.")
    return at_commit(card.source)


def _modchain() -> list[Problem]:
    return [
        Problem(f"modchain-{problem.seed}", problem.question, str(problem.answer), {"length": problem.length})
        for problem in modchain.benchmark()
    ]


BUNDLED = {"modchain": _modchain}


def _problems(card: TaskCard, window: Window | None, rows: tuple[tuple[str, Row], ...], origin: str) -> list[Problem]:
    return [
        _problem(card, row, f"{origin}, {where}")
        for where, row in rows
        if window is None or inside(window, row, f"{origin}, {where}")
    ]


def _problem(card: TaskCard, row: Row, where: str) -> Problem:
    columns = card.columns
    if card.kind is Kind.CHOICE:
        refuse_missing_columns(columns, row, where)
    question = required(row, columns.question, where)
    gold = required(row, columns.answer, where)
    if columns.answer_after:
        _, marker, gold = gold.rpartition(columns.answer_after)
        if not marker:
            raise Refusal(f"{where}: column {columns.answer!r} has no {columns.answer_after!r}, after which the answer stands.")
    for dropped in columns.answer_drop:
        gold = gold.replace(dropped, "")
    if not gold.strip():
        raise Refusal(f"{where}: column {columns.answer!r} holds no answer. Complete or remove the row.")
    identity = cell(row.get(columns.id), columns.id, where).strip() if columns.id else ""
    metadata = {name: row[name] for name in columns.metadata if name in row}
    options = choice_options(columns, row, gold.strip(), where) if card.kind is Kind.CHOICE else ()
    return Problem(identity or _sha256(question)[:12], question, gold.strip(), metadata, options)


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


def _refuse_duplicates(problems: list[Problem], origin: str) -> None:
    repeated = [name for name, count in Counter(problem.id for problem in problems).items() if count > 1]
    if repeated:
        more = f" and {len(repeated) - 5} more" if len(repeated) > 5 else ""
        raise Refusal(
            f"{origin}: duplicate ids {', '.join(repeated[:5])}{more}. Ids key every result; remove the repeated rows."
        )


def _data_hash(problems: list[Problem]) -> str:
    rows = sorted((problem.id, problem.question, problem.gold, *problem.options[1:]) for problem in problems)
    return _sha256("\n".join(json.dumps(row, ensure_ascii=False) for row in rows))


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
