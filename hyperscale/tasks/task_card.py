"""A task card: everything that defines a benchmark, written in TOML."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from pathlib import Path

from hyperscale.names import unknown
from hyperscale.tasks.code_card import FORMAT, CodeCard
from hyperscale.tasks.zip_member import Member

PLACEHOLDER = "{question}"
OPTIONS = "{options}"


class Kind(StrEnum):
    """What an answer is."""

    MATH = "math"
    CHOICE = "choice"
    CODE = "code"


class Extraction(StrEnum):
    """Where in a completion the answer stands."""

    BOXED = "boxed"
    LETTER = "letter"
    FENCE = "fence"


class Fallback(StrEnum):
    """What is taken where extraction finds nothing."""

    NONE = "none"
    LAST_NUMBER = "last_number"


@dataclass(frozen=True, slots=True)
class Source:
    """Where the rows come from: a hub data set at a commit, a generator of the package, or (neither) only local files.

    `files` maps names of the pinned revision's files to their sha256. `branch` stands instead of `revision` where no commit is
    known: whatever commit the branch is at is looked up when the rows are loaded.
    """

    hub: str | None
    config: str | None
    split: str
    revision: str | None
    branch: str | None
    files: Mapping[str, str]
    bundled: str | None


@dataclass(frozen=True, slots=True)
class Local:
    """Names of the local copy: its folder under HYPERSCALE_DATA and the files, all of which are needed.

    `member`: the rows lie in this file of a zip.
    """

    folder: str
    files: tuple[str, ...]
    member: Member | None


@dataclass(frozen=True, slots=True)
class Columns:
    """Which column is what. `answer_after`: the gold is what follows the last such marker; `answer_drop`: texts cut from it.

    `distractors`: of a choice, the columns of the wrong options; `answer` is then the column of the right one.
    """

    question: str
    answer: str
    distractors: tuple[str, ...]
    id: str | None
    metadata: tuple[str, ...]
    answer_after: str | None
    answer_drop: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Generation:
    """Sampling defaults. `max_len` in tokens; `top_k` 0 keeps every token; `samples`: chains usually averaged over."""

    max_len: int
    temperature: float
    top_p: float
    top_k: int
    samples: int


@dataclass(frozen=True, slots=True)
class Scorer:
    """How completions are graded."""

    extraction: Extraction
    fallback: Fallback


@dataclass(frozen=True, slots=True)
class Window:
    """Rows whose date lies in [since, until)."""

    column: str
    since: date | None
    until: date | None


@dataclass(frozen=True, slots=True)
class TaskCard:
    """A benchmark's definition. `path` is the file it was read from."""

    name: str
    title: str
    version: int
    kind: Kind
    source: Source
    local: Local
    columns: Columns
    prompts: Mapping[str, str]
    default_prompt: str
    generation: Generation
    scorer: Scorer
    code: CodeCard | None
    window: Window | None
    defects: tuple[str, ...]
    licence: str
    citation: str
    path: Path

    @property
    def placeholders(self) -> tuple[str, ...]:
        """What each template holds exactly once."""
        return placeholders(self.kind, self.code)

    def prompt(self, preset: str | None = None) -> str:
        """The template of a preset (the card's default if None), holding each of `placeholders` once.

        Raises
        ------
        UsageError
            If the card has no such preset.
        """
        name = self.default_prompt if preset is None else preset
        if name not in self.prompts:
            raise unknown(f"prompt of task {self.name}", name, self.prompts)
        return self.prompts[name]

    def prompt_parts(self, preset: str | None = None) -> str:
        """All that a preset's user turns are made of besides the problems: what a run's prompt hash covers."""
        formats = self.code.formats if self.code else {}
        return "\x1e".join([self.prompt(preset), *(f"{name}={formats[name]}" for name in sorted(formats))])

    def render(self, question: str, preset: str | None = None, options: str = "", starter: str = "") -> str:
        """The user turn of a problem, `options` as they shall be read, of a program with the code to start from.

        All are put in literally: braces and backslashes in them mean nothing here.
        """
        form = self.code.answer_format(starter) if self.code else ""
        texts = {PLACEHOLDER: question, OPTIONS: options, FORMAT: form}
        # in one pass, for a question may hold the words {options}
        return re.sub("|".join(map(re.escape, self.placeholders)), lambda found: texts[found[0]], self.prompt(preset))


def placeholders(kind: Kind, code: CodeCard | None = None) -> tuple[str, ...]:
    """What the templates of a kind of task hold exactly once."""
    if code is not None and code.formats:
        return (PLACEHOLDER, FORMAT)
    return (PLACEHOLDER, OPTIONS) if kind is Kind.CHOICE else (PLACEHOLDER,)
