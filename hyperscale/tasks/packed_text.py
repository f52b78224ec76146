"""A text in the form base64 of zlib of a pickle, which LiveCodeBench packs private tests in."""

import base64
import binascii
import pickletools
import struct
import zlib

MOST_BYTES = 1 << 30  # a few kilobytes of zlib may unpack to terabytes

_TEXTS = frozenset({"UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8"})
_HARMLESS = frozenset({"PROTO", "FRAME", "MEMOIZE", "PUT", "BINPUT", "LONG_BINPUT", "STOP"})


def unpack_text(packed: str, most: int = MOST_BYTES) -> str:
    """The text inside `packed`, of at most so many bytes.

    Raises
    ------
    ValueError
        If this is no such thing; says at which of the three layers.
    """
    try:
        compressed = base64.b64decode(packed, validate=True)
    except (binascii.Error, ValueError) as error:
        raise ValueError(f"not base64 ({error})") from error
    return pickled_text(_inflated(compressed, most))


def _inflated(compressed: bytes, most: int) -> bytes:
    inflater = zlib.decompressobj()
    try:
        content = inflater.decompress(compressed, most + 1)
    except zlib.error as error:
        raise ValueError(f"not zlib data ({error})") from error
    if len(content) > most:
        raise ValueError(f"it unpacks to more than {most} bytes")
    if not inflater.eof or inflater.unused_data:
        raise ValueError("its zlib data is cut off" if not inflater.eof else "bytes follow its zlib data")
    return content


def pickled_text(content: bytes) -> str:
    """The text of a pickle that holds one text and nothing else.

    The pickle is read, never run: nothing is imported, built or called, and no memory is set aside on its word. Whatever is
    not one of the codes for a text, its bookkeeping and the end is refused when it is met.

    Raises
    ------
    ValueError
        If it holds anything else, or is damaged.
    """
    texts, end = [], 0
    try:
        for code, argument, position in pickletools.genops(content):
            if code.name in _TEXTS:
                texts.append(str(argument))
            elif code.name not in _HARMLESS:
                raise ValueError(f"it asks for {code.name} at byte {position}, and only a text is admitted")
            end = position or 0
    except (ValueError, OverflowError, IndexError, struct.error, EOFError) as error:
        raise ValueError(f"not a pickled text ({error})") from error
    if len(texts) != 1 or end != len(content) - 1:
        raise ValueError(f"not a pickled text (it holds {len(texts)} texts and {len(content) - 1 - end} bytes after its end)")
    return texts[0]
