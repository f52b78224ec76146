import base64
import io
import os
import pickle
import pickletools
import tracemalloc
import zlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hyperscale.tasks.packed_text import pickled_text, unpack_text
from tests.code_files import packed


def wrap(content: bytes) -> str:
    return base64.b64encode(zlib.compress(content)).decode()


@settings(deadline=None)
@given(st.text(), st.integers(0, pickle.HIGHEST_PROTOCOL))
def test_texts_of_every_protocol_come_back(text: str, protocol: int) -> None:
    assert unpack_text(wrap(pickle.dumps(text, protocol))) == text


def test_long_texts_come_back() -> None:
    text = "[é]" * 200_000
    assert unpack_text(packed(text)) == text
    stream = io.BytesIO()
    pickle._Pickler(stream).dump(text)  # type: ignore[attr-defined]
    assert pickled_text(stream.getvalue()) == text


class Runs:
    """Executes when it is unpickled by the library."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, (str(self.mark),)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("wrapped", [False, True])
def test_a_pickle_that_runs_something_is_refused_unrun(tmp_path: Path, protocol: int, wrapped: bool) -> None:
    mark = tmp_path / "ran"
    evil = Runs(mark)
    content = pickle.dumps(["[]", evil] if wrapped else evil, protocol)
    with pytest.raises(ValueError, match="not a pickled text"):
        unpack_text(wrap(content))
    assert not mark.exists()
    pickle.loads(content)
    assert mark.exists(), "the library would have run it"


@pytest.mark.parametrize(
    "content",
    {
        "global": b"cos\nsystem\n(S'true'\ntR.",
        "stack global": b"\x80\x04\x8c\x02os\x8c\x06system\x93\x8c\x04true\x85R.",
        "instance": b"(S'true'\nios\nsystem\n.",
        "object": b"(cos\nsystem\nS'true'\no.",
        "new object": b"\x80\x02cos\nsystem\nS'true'\n\x85\x81.",
        "build": b"\x80\x02X\x02\x00\x00\x00[]}b.",
        "persistent": b"Pthing\n.",
        "persistent by stack": b"X\x01\x00\x00\x00aQ.",
        "extension": b"\x82\x01.",
        "bytes": pickle.dumps(b"[]"),
        "byte array": b"\x96\x00\x00\x00\x00\x10\x00\x00\x00.",
        "old text": b"S'[]'\n.",
        "list of a text": pickle.dumps(["[]"]),
        "number": pickle.dumps(7),
        "nothing": pickle.dumps(None),
        "two texts": b"X\x02\x00\x00\x00[]X\x02\x00\x00\x00[].",
        "text taken away": b"X\x02\x00\x00\x00[]0.",
        "text fetched": b"X\x02\x00\x00\x00[]q\x00h\x00.",
        "bytes after the end": pickle.dumps("[]") + b"cos\nsystem\n(S'true'\ntR.",
        "no end": pickle.dumps("[]")[:-1],
        "empty": b"",
        "only an end": b".",
        "length of the text too long": b"\x8d\xff\xff\xff\xff\xff\xff\xff\x7f[].",
        "text too short": b"X\xff\x00\x00\x00[].",
        "not UTF-8": b"X\x01\x00\x00\x00\xff.",
        "unknown code": b"\xff.",
        "long number": b"\x8b\xff\xff\xff\x7f.",
    }.values(),
)
def test_anything_but_one_text_is_refused(content: bytes) -> None:
    with pytest.raises(ValueError, match="not a pickled text"):
        unpack_text(wrap(content))


def test_no_memory_is_set_aside_on_the_word_of_a_pickle() -> None:
    # the library fills its memo up to this place: 32 GB
    content = b"X\x02\x00\x00\x00[]r\xff\xff\xff\x7f."
    assert [code.name for code, _, _ in pickletools.genops(content)] == ["BINUNICODE", "LONG_BINPUT", "STOP"]
    assert pickled_text(content) == "[]"


def test_a_bomb_is_given_up_at_the_limit() -> None:
    bomb = wrap(pickle.dumps("0" * 3_000_000))
    assert len(bomb) < 10_000
    assert len(unpack_text(bomb)) == 3_000_000
    with pytest.raises(ValueError, match="unpacks to more than 1000000 bytes"):
        unpack_text(bomb, most=1_000_000)


def test_a_bomb_takes_no_memory() -> None:
    deflater = zlib.compressobj()
    blocks = [deflater.compress(bytes(1 << 20)) for _ in range(200)]
    bomb = base64.b64encode(b"".join(blocks) + deflater.flush()).decode()
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match="unpacks to more than"):
            unpack_text(bomb, most=1 << 20)
        assert tracemalloc.get_traced_memory()[1] < 10 << 20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("no base64!", "not base64"),
        ("a", "not base64"),
        ("é", "not base64"),
        ("\ud800", "not base64"),
        (base64.b64encode(b"nonsense").decode(), "not zlib"),
        (base64.b64encode(zlib.compress(pickle.dumps("[]" * 99))[:-5]).decode(), "cut off"),
        (base64.b64encode(zlib.compress(pickle.dumps("[]")) + b"x").decode(), "bytes follow"),
    ],
)
def test_damage_is_told_by_its_layer(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        unpack_text(text)


@settings(deadline=None, max_examples=300)
@given(st.binary(max_size=80) | st.binary(max_size=20).map(lambda tail: pickle.dumps("[1]")[:-1] + tail))
def test_whatever_comes_a_text_or_a_value_error(content: bytes) -> None:
    try:
        found = pickled_text(content)
    except ValueError:
        return
    assert isinstance(found, str)
