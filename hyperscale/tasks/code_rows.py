"""Rows of a code task, one at a time: a row may be tens of MB, a file more than a GB."""

import atexit
import gzip
import json
import os
import shutil
import tempfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from hyperscale.errors import Refusal
from hyperscale.tasks.rows import Row, json_row, read_file

MOST_LINE = 1 << 28  # bytes of one row; the largest published ones are about half of this
MOST_FILE = 1 << 26  # bytes, unpacked, of a file in a format that is read in one piece
_BLOCK = 1 << 20


@dataclass(frozen=True, slots=True)
class RowPlace:
    """Where a row of JSON lies: a stretch of a plain file of JSON lines, or a compressed file of its own (`spooled`)."""

    path: Path
    offset: int
    length: int
    line: int
    spooled: bool = False

    def read(self) -> Row:
        """Read the row again; raises Refusal if it cannot be had."""
        try:
            with self.path.open("rb") as file:
                file.seek(self.offset)
                content = file.read(self.length)
            return json_row(zlib.decompress(content) if self.spooled else content, self.path, self.line)
        except (OSError, zlib.error) as error:
            raise Refusal(f"{self.path} can no longer be read ({error}). Leave data files alone during a run.") from error

    def discard(self) -> None:
        """Delete the copy, if there is one."""
        if self.spooled:
            self.path.unlink(missing_ok=True)


@dataclass(frozen=True, slots=True)
class SeenRow:
    """A row that is in memory now. `keep` says where it can be read again, and makes a copy if it has to."""

    where: str
    row: Row
    keep: Callable[[], RowPlace]


class Spool:
    """Copies of rows that cannot be read again where they lie: one compressed file each, readable by this user alone.

    The folder comes with the first copy and goes when the process ends.
    """

    def __init__(self) -> None:
        self._folder: Path | None = None
        self._count = 0

    def add(self, row: Row) -> RowPlace:
        if self._folder is None:
            self._folder = Path(tempfile.mkdtemp(prefix="hyperscale-rows-"))
            atexit.register(_remove, self._folder, os.getpid())
        self._count += 1
        content = zlib.compress(json.dumps(row, default=str).encode(), 1)
        path = self._folder / f"{self._count}.json.z"
        try:
            path.write_bytes(content)
        except OSError as error:
            raise Refusal(f"Cannot keep rows in {path.parent}: {error.strerror}. Make room there, or set TMPDIR.") from error
        return RowPlace(path, 0, len(content), 1, spooled=True)


def stream_rows(path: Path, spool: Spool, passed_over: Callable[[bytes], bool]) -> Iterator[SeenRow]:
    """The rows of a local file, one at a time.

    JSON lines and Parquet may be of any size, also JSON lines with .gz; other files are read in one piece, up to `MOST_FILE`.

    Parameters
    ----------
    passed_over : callable
        Says of a line of JSON, before it is parsed, that nobody wants it.

    Raises
    ------
    Refusal
        If the file is missing, of an unknown format, damaged or empty; names the line where there is one.
    """
    suffixes = "".join(path.suffixes[-2:]) if path.suffix == ".gz" else path.suffix
    rows = {".jsonl": _plain_lines, ".jsonl.gz": _zipped_lines, ".parquet": _parquet}.get(suffixes, _whole)
    empty = True
    try:
        for seen in rows(path, spool, passed_over):
            empty = False
            if seen is not None:
                yield seen
    except FileNotFoundError:
        raise Refusal(f"There is no data file or folder {path}. Check the path.") from None
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise Refusal(f"{path} is no intact gzip file ({error}). Copy it again.") from error
    except OSError as error:
        raise Refusal(f"Cannot read the data file {path}: {error.strerror or error}.") from error
    if empty:
        raise Refusal(f"{path} holds no rows. Give a file with at least one problem.")


def _plain_lines(path: Path, spool: Spool, passed_over: Callable[[bytes], bool]) -> Iterator[SeenRow | None]:
    with path.open("rb", buffering=_BLOCK) as file:
        for number, offset, line in _lines(file, path):
            if passed_over(line):
                yield None
                continue
            place = RowPlace(path, offset, len(line), number)
            yield SeenRow(f"line {number}", json_row(line, path, number), lambda place=place: place)  # type: ignore[misc]


def _zipped_lines(path: Path, spool: Spool, passed_over: Callable[[bytes], bool]) -> Iterator[SeenRow | None]:
    with gzip.open(path, "rb") as file:
        for number, _, line in _lines(file, path):
            if passed_over(line):
                yield None
            else:
                yield _copied(f"line {number}", json_row(line, path, number), spool)


def _lines(file: BinaryIO | gzip.GzipFile, path: Path) -> Iterator[tuple[int, int, bytes]]:
    number, offset = 0, 0
    while line := file.readline(MOST_LINE + 1):
        number += 1
        if len(line) > MOST_LINE:
            raise Refusal(f"{path}, line {number}: the row has more than {MOST_LINE >> 20} MiB. Is this a file of JSON lines?")
        if line.strip():
            yield number, offset, line
        offset += len(line)


def _parquet(path: Path, spool: Spool, passed_over: Callable[[bytes], bool]) -> Iterator[SeenRow]:
    import pyarrow
    import pyarrow.parquet

    number = 0
    try:
        with pyarrow.parquet.ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=1):
                for row in batch.to_pylist():
                    number += 1
                    yield _copied(f"row {number}", row, spool)
    except FileNotFoundError:
        raise
    except (pyarrow.ArrowException, OSError) as error:
        raise Refusal(f"{path} is no intact Parquet file ({str(error).splitlines()[0]}). Copy it again.") from error


def _whole(path: Path, spool: Spool, passed_over: Callable[[bytes], bool]) -> Iterator[SeenRow]:
    with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as file:
        size = 0
        while size <= MOST_FILE and (block := file.read(_BLOCK)):
            size += len(block)
    if size > MOST_FILE:
        raise Refusal(f"{path} has more than {MOST_FILE >> 20} MiB, too much to read in one piece. Save it as JSON lines.")
    for where, row in read_file(path).rows:
        yield _copied(where, row, spool)


def _copied(where: str, row: Row, spool: Spool) -> SeenRow:
    return SeenRow(where, row, lambda: spool.add(row))


def _remove(folder: Path, owner: int) -> None:
    if os.getpid() == owner:  # a forked child that ends must not take it from its parent
        shutil.rmtree(folder, ignore_errors=True)
