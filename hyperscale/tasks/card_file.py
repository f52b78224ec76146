"""Reading a task card: every key is checked, and a wrong one is refused by file and key."""

import re
import tomllib
from datetime import date, datetime
from enum import StrEnum
from pathlib import Path
from typing import TypeVar

from hyperscale.errors import Refusal
from hyperscale.tasks.code_card import CodeCard, read_code
from hyperscale.tasks.task_card import (
    Columns,
    Extraction,
    Fallback,
    Generation,
    Kind,
    Local,
    Scorer,
    Source,
    TaskCard,
    Window,
    placeholders,
)
from hyperscale.tasks.zip_member import Member
from hyperscale.toml_table import Table

E = TypeVar("E", bound=StrEnum)

EXTRACTIONS = {Kind.MATH: Extraction.BOXED, Kind.CHOICE: Extraction.LETTER, Kind.CODE: Extraction.FENCE}
MOST_OPTIONS = 26  # one for each letter


def read_card(path: Path) -> TaskCard:
    """Read and check a card.

    Raises
    ------
    Refusal
        If the file cannot be read, is no TOML, or has a missing, unknown or wrong key.
    """
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise Refusal(f"There is no task card {path}. Check the path; `hyperscale tasks` lists the built-in ones.") from None
    except OSError as error:
        raise Refusal(f"Cannot read the task card {path}: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise Refusal(f"{path} is not UTF-8 text (byte {error.start}). Save the card as UTF-8.") from error
    except tomllib.TOMLDecodeError as error:
        raise Refusal(f"{path} is not valid TOML: {error}. Correct that line.") from error
    return _card(Table(path, values))


def _card(top: Table) -> TaskCard:
    name = top.take("name", str)
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", name):
        top.refuse("name", f"names a folder of results: use letters, digits, dot, dash and underscore, not {name!r}")
    prompt, kind, source = top.table("prompt"), _word(top, "kind", Kind), _source(top.table("source"))
    code = _code(top, kind, source)
    card = TaskCard(
        name=name,
        title=top.take("title", str, name),
        version=_at_least(top, "version", 1),
        kind=kind,
        source=source,
        local=_local(top.table("local"), name, code.files if code else ()),
        columns=_columns(top.table("columns"), kind),
        prompts=_presets(prompt, placeholders(kind, code)),
        default_prompt=prompt.take("default", str),
        generation=_generation(top.table("generation")),
        scorer=_scorer(top.table("scorer"), kind),
        code=code,
        window=_window(top.table("window")),
        defects=top.texts("defects"),
        licence=top.take("licence", str),
        citation=top.take("citation", str, ""),
        path=top.path,
    )
    prompt.close()
    top.close()
    if card.default_prompt not in card.prompts:
        prompt.refuse("default", f"is {card.default_prompt!r}, which is none of the presets {', '.join(card.prompts)}")
    return card


def _source(table: Table) -> Source:
    source = Source(
        hub=table.find("hub", str),
        config=table.find("config", str),
        split=table.take("split", str, "test"),
        revision=table.find("revision", str),
        branch=table.find("branch", str),
        files=table.text_by_key("files"),
        bundled=table.find("bundled", str),
    )
    table.close()
    if source.hub and source.bundled:
        table.refuse("hub", "and bundled exclude each other; keep one")
    if source.branch and source.revision:
        table.refuse("branch", "and revision exclude each other; keep the revision, which cannot move")
    if source.hub and not source.branch and not re.fullmatch(r"[0-9a-f]{40}", source.revision or ""):
        remedy = 'where none is known, write branch = "main" instead'
        table.refuse("revision", f"must pin the hub data set to a commit (40 hex digits); {remedy}")
    for name, digest in source.files.items():
        if not re.fullmatch(r"[0-9a-f]{64}", digest):
            table.refuse("files", f"gives {name!r} something that is no sha256 (64 hex digits)")
    return source


def _code(top: Table, kind: Kind, source: Source) -> CodeCard | None:
    table = top.table("code")
    if (kind is Kind.CODE) != bool(table.values):
        top.refuse("code", f"must hold how a task's tests are read where kind is code, and only there; kind is {kind}")
    return read_code(table, source.files) if table.values else None


def _local(table: Table, name: str, files: tuple[str, ...]) -> Local:
    member, password = table.find("member", str), table.find("password", str)
    local = Local(
        folder=table.take("folder", str, name),
        files=table.texts("files") or files or ("test.jsonl",),
        member=Member(member, password) if member else None,
    )
    table.close()
    if (member is not None) != all(file.endswith(".zip") for file in local.files):
        table.refuse("member", "names the file inside a zip: give it where files are .zip, and only there")
    if password is not None and member is None:
        table.refuse("password", "is for a zip; add member, the file inside it")
    for part in (local.folder, *local.files):
        if Path(part).name != part or part == "..":
            table.refuse("folder" if part == local.folder else "files", f"must be plain names, not {part!r}")
    return local


def _columns(table: Table, kind: Kind) -> Columns:
    columns = Columns(
        question=table.take("question", str),
        answer=table.take("answer", str, "" if kind is Kind.CODE else None),
        distractors=table.texts("distractors"),
        id=table.find("id", str),
        metadata=table.texts("metadata"),
        answer_after=table.find("answer_after", str),
        answer_drop=table.texts("answer_drop"),
    )
    table.close()
    if kind is Kind.CHOICE and not 1 <= len(columns.distractors) < MOST_OPTIONS:
        table.refuse("distractors", f"must name the columns of the wrong options, 1 to {MOST_OPTIONS - 1} of them")
    if kind is not Kind.CHOICE and columns.distractors:
        table.refuse("distractors", f'is for kind = "choice", and this is a {kind} task')
    return columns


def _presets(table: Table, wanted: tuple[str, ...]) -> dict[str, str]:
    presets = table.text_by_key("presets")
    if not presets:
        table.refuse("presets", f"is missing; add at least one template holding {' and '.join(wanted)}")
    for name, template in presets.items():
        for placeholder in wanted:
            if template.count(placeholder) != 1:
                table.refuse(f"presets.{name}", f"must hold {placeholder} exactly once")
    return presets


def _generation(table: Table) -> Generation:
    generation = Generation(
        max_len=_at_least(table, "max_len", 1),
        temperature=table.take("temperature", float),
        top_p=table.take("top_p", float, 1.0),
        top_k=_at_least(table, "top_k", 0, default=0),
        samples=_at_least(table, "samples", 1, default=1),
    )
    table.close()
    if not 0 <= generation.temperature < float("inf"):
        table.refuse("temperature", f"must be 0 or more, not {generation.temperature}")
    if not 0 < generation.top_p <= 1:
        table.refuse("top_p", f"must be above 0 and at most 1, not {generation.top_p}")
    return generation


def _scorer(table: Table, kind: Kind) -> Scorer:
    scorer = Scorer(_word(table, "extraction", Extraction), _word(table, "fallback", Fallback, Fallback.NONE))
    table.close()
    if scorer.extraction is not EXTRACTIONS[kind]:
        table.refuse("extraction", f'must be "{EXTRACTIONS[kind]}" in a {kind} task, not "{scorer.extraction}"')
    if scorer.fallback is not Fallback.NONE and kind is not Kind.MATH:
        table.refuse("fallback", f"is for math tasks, and this is a {kind} task")
    return scorer


def _window(table: Table) -> Window | None:
    if not table.values:
        return None
    window = Window(table.take("column", str), table.find("since", date), table.find("until", date))
    table.close()
    for key, end in (("since", window.since), ("until", window.until)):
        if isinstance(end, datetime):
            table.refuse(key, "must be a date without a time of day, such as 2024-08-01")
    return window


def _at_least(table: Table, key: str, least: int, default: int | None = None) -> int:
    value = table.take(key, int, default)
    if value < least:
        table.refuse(key, f"must be at least {least}, not {value}")
    return value


def _word(table: Table, key: str, kind: type[E], default: E | None = None) -> E:
    word = table.take(key, str, None if default is None else str(default))
    if word not in list(kind):
        table.refuse(key, f"must be one of {', '.join(kind)}, not {word!r}")
    return kind(word)
