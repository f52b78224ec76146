"""One file out of a zip, decrypted in memory: what its authors keep unreadable on disk stays so."""

import io
import struct
import zipfile
import zlib
from dataclasses import dataclass, field
from pathlib import Path

from hyperscale.errors import Refusal

MOST_BYTES = 1 << 28  # a zip of kilobytes may unpack to terabytes
_ENCRYPTED = 0x1


@dataclass(frozen=True, slots=True)
class Member:
    """A file inside a zip, and the password it takes."""

    name: str
    password: str | None = field(default=None, repr=False)


def read_member(content: bytes, path: Path, member: Member) -> bytes:
    """The bytes of a member of the zip `content`, which was read from `path`.

    Raises
    ------
    Refusal
        If this is no intact zip, does not hold the member, or the password does not open it.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return _opened(archive, path, member)
    except (zipfile.BadZipFile, NotImplementedError, zlib.error, struct.error, EOFError, OSError, ValueError) as error:
        raise Refusal(f"{path} is no intact zip file ({error}). Copy it again.") from error


def _opened(archive: zipfile.ZipFile, path: Path, member: Member) -> bytes:
    try:
        info = archive.getinfo(member.name)
    except KeyError:
        raise Refusal(
            f"{path} holds no {member.name} among its {len(archive.namelist())} files. Take the authors' own zip, or correct "
            f"[local] member in the card."
        ) from None
    if info.file_size > MOST_BYTES:
        raise Refusal(f"{path}: {member.name} would unpack to {info.file_size} bytes; at most {MOST_BYTES} are read.")
    locked = bool(info.flag_bits & _ENCRYPTED)
    if locked and member.password is None:
        raise Refusal(f"{path}: {member.name} is encrypted. Add the password to the card ([local] password).")
    wrong = f"{path}: the password in the card ([local] password) does not open {member.name}. Correct it."
    try:
        return archive.read(info, pwd=member.password.encode() if locked and member.password else None)
    except NotImplementedError as error:
        raise Refusal(f"{path}: {member.name} is packed in a way that cannot be read ({error}). Zip it again.") from error
    except RuntimeError as error:  # the one byte that checks the password does not fit
        raise Refusal(wrong) from error
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        if locked:  # one wrong password in 256 passes that check, and what it decrypts is noise
            raise Refusal(f"{wrong} If it is the right one, the file is damaged ({error}): copy it again.") from error
        raise
