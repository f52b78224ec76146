"""Rows of local data files: JSON lines, JSON, CSV and Parquet, plain, gzipped or inside a zip."""

import csv
import gzip
import hashlib
import io
import json
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from hyperscale.errors import Refusal
from hyperscale.tasks.zip_member import Member, read_member

Row = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class LocalFile:
    """The rows of one file, each with a word for where it stands, and the sha256 of the file's bytes."""

    path: Path
    rows: tuple[tuple[str, Row], ...]
    sha256: str


def find_files(folder: Path, names: tuple[str, ...]) -> tuple[Path, ...]:
    """The files of a folder that carry the wanted names, in any of the formats.

    Raises
    ------
    Refusal
        If one is missing; says what was looked for.
    """
    found = []
    for name in names:
        stem = name.removesuffix(".gz")
        stem = stem.removesuffix(Path(stem).suffix)
        spellings = (name, *(stem + suffix + zipped for suffix in READERS for zipped in ("", ".gz")))
        path = next((folder / spelling for spelling in spellings if (folder / spelling).is_file()), None)
        if path is None:
            formats = ", ".join(READERS)
            raise Refusal(
                f"{folder} holds no {name}. Looked for {stem} with {formats} or their .gz; put the file there under that name."
            )
        found.append(path)
    return tuple(found)


def read_file(path: Path, member: Member | None = None, sha256: str | None = None) -> LocalFile:
    """Read one file; of a zip, its `member`.

    Raises
    ------
    Refusal
        If it is missing, of an unknown format, damaged, empty or not the bytes that `sha256` asks for; names the line where
        there is one.
    """
    inner = Path(member.name) if member and path.suffix == ".zip" else path
    bare = inner.with_suffix("") if inner.suffix == ".gz" else inner
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise Refusal(f"There is no data file or folder {path}. Check the path.") from None
    except OSError as error:
        raise Refusal(f"Cannot read the data file {path}: {error.strerror}.") from error
    if bare.suffix not in READERS:
        raise Refusal(f"{inner} has an unknown format. Data files end in {', '.join(READERS)} or one of these with .gz.")
    digest = hashlib.sha256(content).hexdigest()
    if sha256 not in (None, digest):
        raise Refusal(f"{path} is not the published file: expected sha256 {sha256}, found {digest}. Download it again.")
    if member and inner != path:
        content = read_member(content, path, member)
    if bare != inner:
        try:
            content = gzip.decompress(content)
        except (OSError, EOFError, zlib.error) as error:
            raise Refusal(f"{path} is no intact gzip file ({error}). Copy it again.") from error
    rows = tuple(READERS[bare.suffix](content, path))
    if not rows:
        raise Refusal(f"{path} holds no rows. Give a file with at least one problem.")
    return LocalFile(path, rows, digest)


def json_row(line: bytes, path: Path, number: int) -> Row:
    """The row on one line of JSON lines; raises Refusal, naming the line, if it is none."""
    try:
        text = line.decode("utf-8-sig" if number == 1 else "utf-8")
    except UnicodeDecodeError as error:
        raise Refusal(f"{path}, line {number}: not UTF-8 text. Save the file as UTF-8.") from error
    return _object(_parse(text, path, number), path, f"line {number}")


def _text(content: bytes, path: Path) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise Refusal(f"{path}, line {line}: not UTF-8 text. Save the file as UTF-8.") from error


def _json_lines(content: bytes, path: Path) -> Iterator[tuple[str, Row]]:
    # not splitlines(): JSON strings may hold U+2028 and its like
    for number, line in enumerate(_text(content, path).split("\n"), 1):
        if line.strip():
            yield f"line {number}", _object(_parse(line, path, number), path, f"line {number}")


def _json(content: bytes, path: Path) -> Iterator[tuple[str, Row]]:
    text = _text(content, path)
    if not text.lstrip().startswith("["):  # many files called .json hold JSON lines
        yield from _json_lines(content, path)
        return
    items = _parse(text, path, None)
    for number, item in enumerate(items if isinstance(items, list) else [], 1):
        yield f"row {number}", _object(item, path, f"row {number}")


def _parse(text: str, path: Path, line: int | None) -> object:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        where = line or error.lineno
        raise Refusal(f"{path}, line {where}: bad JSON ({error.msg}, column {error.colno}). Correct that line.") from error
    except (RecursionError, ValueError) as error:  # ValueError: an integer of more digits than Python converts
        raise Refusal(f"{path}, line {line or 1}: JSON that cannot be read ({error}). Correct that line.") from error


def _object(item: object, path: Path, where: str) -> Row:
    if not isinstance(item, dict):
        raise Refusal(f"{path}, {where}: a row must be a JSON object with columns, not {type(item).__name__}.")
    return item


def _csv(content: bytes, path: Path) -> Iterator[tuple[str, Row]]:
    reader = csv.DictReader(io.StringIO(_text(content, path), newline=""), strict=True)
    try:
        for row in reader:
            if None in row or None in row.values():
                columns = len(reader.fieldnames or ())
                raise Refusal(
                    f"{path}, line {reader.line_num}: the row has not the {columns} fields of the header. Correct that line."
                )
            yield f"line {reader.line_num}", row
    except csv.Error as error:
        raise Refusal(f"{path}, line {reader.reader.line_num}: bad CSV ({error}). Correct that line.") from error


def _parquet(content: bytes, path: Path) -> Iterator[tuple[str, Row]]:
    import pyarrow
    import pyarrow.parquet

    try:
        rows = pyarrow.parquet.read_table(pyarrow.BufferReader(content)).to_pylist()
    except (pyarrow.ArrowException, OSError) as error:
        raise Refusal(f"{path} is no intact Parquet file ({str(error).splitlines()[0]}). Copy it again.") from error
    for number, row in enumerate(rows, 1):
        yield f"row {number}", row


READERS: Mapping[str, Callable[[bytes, Path], Iterator[tuple[str, Row]]]] = {
    ".jsonl": _json_lines,
    ".json": _json,
    ".csv": _csv,
    ".parquet": _parquet,
}
