"""A process's working directory, where it lies on a disk: watched while the process runs, removed afterwards."""

import contextlib
import itertools
import os
import secrets
from pathlib import Path

MOST_FILES = 1000
LONGEST_PATH = 1000  # nested more deeply, a folder could not even be looked into


def overfull(folder: Path, most: int) -> bool:
    """Whether the files below a folder take more bytes, or are more, than allowed. It is being written to while we look."""
    room = files = 0
    folders = [str(folder)]
    while folders and room <= most and files <= MOST_FILES:
        with contextlib.suppress(OSError), os.scandir(folders.pop()) as entries:
            for entry in entries:
                files += 1
                if len(entry.path) > LONGEST_PATH:
                    return True
                if entry.is_dir(follow_symlinks=False):
                    folders.append(entry.path)
                else:
                    room += entry.stat(follow_symlinks=False).st_blocks * 512
    return room > most or files > MOST_FILES


def remove(folder: Path) -> None:
    """Remove a folder of a process that has ended, however deeply it nests folders and whatever it forbids.

    What lies in a folder is moved to the top before the folder is removed, so that no path is long and nothing recurses.
    """
    names = (f"{secrets.token_hex(8)}-{number}" for number in itertools.count())
    with contextlib.suppress(OSError):
        while entries := list(os.scandir(folder)):
            for entry in entries:
                if not entry.is_dir(follow_symlinks=False):
                    os.unlink(entry.path)
                    continue
                os.chmod(entry.path, 0o700)
                for inner in list(os.scandir(entry.path)):
                    if inner.is_dir(follow_symlinks=False):  # to be moved, a folder must be writable itself
                        os.chmod(inner.path, 0o700)
                    os.rename(inner.path, folder / next(names))
                os.rmdir(entry.path)
        os.rmdir(folder)
