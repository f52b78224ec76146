"""Encrypted zips, which Python can read but not write: the traditional encryption of APPNOTE.TXT, section 6.1."""

import struct
import zlib
from collections.abc import Mapping
from pathlib import Path

_STORED, _DEFLATED, _ENCRYPTED = 0, 8, 1


def write_zip(path: Path, files: Mapping[str, bytes], password: str | None = None, method: int = _DEFLATED) -> Path:
    """Write a zip whose members are compressed and, with a password, encrypted."""
    body, directory = b"", b""
    for name, content in files.items():
        crc = zlib.crc32(content)
        packed = _deflated(content) if method == _DEFLATED else content
        if password is not None:
            packed = _encrypted(bytes(11) + bytes([crc >> 24]) + packed, password.encode())
        flags = 0 if password is None else _ENCRYPTED
        shared = struct.pack("<HHHHHIIIHH", 20, flags, method, 0, 0x21, crc, len(packed), len(content), len(name), 0)
        entry = b"PK\x01\x02" + struct.pack("<H", 20) + shared + struct.pack("<HHHII", 0, 0, 0, 0, len(body))
        directory += entry + name.encode()
        body += b"PK\x03\x04" + shared + name.encode() + packed
    end = struct.pack("<HHHHIIH", 0, 0, len(files), len(files), len(directory), len(body), 0)
    path.write_bytes(body + directory + b"PK\x05\x06" + end)
    return path


def _deflated(content: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(content) + packer.flush()


def _encrypted(content: bytes, password: bytes) -> bytes:
    keys = _Keys()
    for byte in password:
        keys.feed(byte)
    out = bytearray()
    for byte in content:
        out.append(byte ^ keys.next())
        keys.feed(byte)
    return bytes(out)


class _Keys:
    """The three keys that turn with every byte."""

    def __init__(self) -> None:
        self.a, self.b, self.c = 0x12345678, 0x23456789, 0x34567890

    def feed(self, byte: int) -> None:
        self.a = _turn(self.a, byte)
        self.b = ((self.b + (self.a & 0xFF)) * 134775813 + 1) & 0xFFFFFFFF
        self.c = _turn(self.c, self.b >> 24)

    def next(self) -> int:
        low = (self.c | 2) & 0xFFFF
        return ((low * (low ^ 1)) >> 8) & 0xFF


def _turn(key: int, byte: int) -> int:
    # zlib's CRC starts and ends with a complement, the cipher's does not
    return zlib.crc32(bytes([byte]), key ^ 0xFFFFFFFF) ^ 0xFFFFFFFF
