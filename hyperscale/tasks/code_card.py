"""What a card says about a task whose answers are programs."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from hyperscale.toml_table import Table

FORMAT = "{format}"
STARTER = "{starter}"


class CodeFormat(StrEnum):
    """How rows hold their tests."""

    LIVECODEBENCH = "livecodebench"  # lists of inputs and outputs; the private ones packed
    HUMANEVAL = "humaneval"  # one piece of code that calls the program


@dataclass(frozen=True, slots=True)
class CodeCard:
    """The table ``[code]`` of a card.

    Attributes
    ----------
    tests : tuple of str
        The columns of the tests: the public and the private ones in the format livecodebench, one of check code in humaneval.
    function : str
        The column that names the function to call: JSON with ``func_name`` in livecodebench, the bare name in humaneval.
    starter : str or None
        The column of code that a program has to start from.
    formats : mapping
        What stands for ``{format}`` in a prompt: ``starter`` (holding ``{starter}``) where a row has such code, else ``stdin``.
    only : mapping
        Column -> the values that rows must have one of: a filter, such as by difficulty.
    partial_column, partial_files
        A row that has this column, or lies in one of these files, holds only part of its tests.
    releases : mapping
        Release -> its files at the pinned revision, read as they are; `release` is the one that counts.
    sizes : mapping
        Bytes of the files, told before they are downloaded.
    errata : mapping
        Ids of problems that are known to be defective, and why. They are listed, not left out.
    """

    format: CodeFormat
    tests: tuple[str, ...]
    function: str
    starter: str | None
    formats: Mapping[str, str]
    only: Mapping[str, tuple[str, ...]]
    partial_column: str | None
    partial_files: tuple[str, ...]
    release: str | None
    releases: Mapping[str, tuple[str, ...]]
    sizes: Mapping[str, int]
    errata: Mapping[str, str]

    @property
    def files(self) -> tuple[str, ...]:
        """The files of the release; none where the card has no releases."""
        return self.releases[self.release] if self.release else ()

    def answer_format(self, starter: str) -> str:
        """What a prompt says about the form of the answer. The starter code is put in literally."""
        if not starter.strip():
            return self.formats.get("stdin", "")
        return self.formats.get("starter", "").replace(STARTER, starter)


def read_code(table: Table, files: Mapping[str, str]) -> CodeCard:
    """Read and check ``[code]``; `files` are the pinned files of the source, with their sha256."""
    word = table.take("format", str)
    if word not in list(CodeFormat):
        table.refuse("format", f"must be one of {', '.join(CodeFormat)}, not {word!r}")
    code = CodeCard(
        format=CodeFormat(word),
        tests=table.texts("tests"),
        function=table.take("function", str),
        starter=table.find("starter", str),
        formats=table.text_by_key("formats"),
        only=_lists(table.table("only")),
        partial_column=table.find("partial_column", str),
        partial_files=table.texts("partial_files"),
        release=table.find("release", str),
        releases=_lists(table.table("releases")),
        sizes=_sizes(table.table("sizes")),
        errata=table.text_by_key("errata"),
    )
    table.close()
    _check(table, code, files)
    return code


def _check(table: Table, code: CodeCard, files: Mapping[str, str]) -> None:
    wanted = 2 if code.format is CodeFormat.LIVECODEBENCH else 1
    if len(code.tests) != wanted:
        table.refuse("tests", f"must name {wanted} column{'s' * (wanted > 1)} in the format {code.format}")
    if set(code.formats) not in ({"stdin", "starter"}, set()):
        table.refuse("formats", "must hold stdin and starter, or nothing")
    if code.formats and code.formats["starter"].count(STARTER) != 1:
        table.refuse("formats.starter", f"must hold {STARTER} exactly once")
    if code.release is not None and code.release not in code.releases:
        table.refuse("release", f"is {code.release!r}, which is none of the releases {', '.join(code.releases)}")
    if code.release is None and code.releases:
        table.refuse("release", f"is missing; choose one of {', '.join(code.releases)}")
    for name in code.files:
        if name not in files:
            table.refuse("releases", f"names {name!r}, whose sha256 [source.files] does not give")


def _lists(table: Table) -> dict[str, tuple[str, ...]]:
    lists = {key: table.texts(key) for key in table.values}
    for key, items in lists.items():
        if not items:
            table.refuse(key, "must not be empty")
    return lists


def _sizes(table: Table) -> dict[str, int]:
    return {key: table.take(key, int) for key in table.values}
