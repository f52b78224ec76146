import hashlib
import random
from pathlib import Path

import pytest

from hyperscale.errors import Refusal
from hyperscale.tasks import zip_member
from hyperscale.tasks.cards import load_card, load_problems
from hyperscale.tasks.rows import read_file
from hyperscale.tasks.zip_member import Member, read_member
from tests.choice_files import MARKERS, MEMBER, PASSWORD, ROWS, csv_bytes, write_choices
from tests.zip_files import write_zip


@pytest.mark.parametrize("password", [PASSWORD, None])
@pytest.mark.parametrize("method", [0, 8])
def test_a_member_is_read_in_memory(tmp_path: Path, password: str | None, method: int) -> None:
    path = write_zip(tmp_path / "own.zip", {"a": b"nothing", MEMBER: csv_bytes()}, password, method)
    assert read_member(path.read_bytes(), path, Member(MEMBER, PASSWORD)) == csv_bytes()
    assert len(read_file(path, Member(MEMBER, PASSWORD)).rows) == len(ROWS)
    assert [file.name for file in tmp_path.iterdir()] == ["own.zip"], "nothing is unpacked"


def test_wrong_passwords_are_refused_whether_or_not_the_check_byte_fits(tmp_path: Path) -> None:
    path = write_choices(tmp_path / "own.zip")
    messages = set()
    for number in range(600):  # two in 512 are expected to pass the check byte
        with pytest.raises(Refusal, match=r"own\.zip: the password in the card") as caught:
            read_member(path.read_bytes(), path, Member(MEMBER, f"wrong{number}"))
        assert not any(marker in str(caught.value) for marker in MARKERS)
        messages.add("damaged" in str(caught.value))
    assert messages == {True, False}


def test_an_encrypted_member_without_a_password_is_refused(tmp_path: Path) -> None:
    path = write_choices(tmp_path / "own.zip")
    with pytest.raises(Refusal, match=r"encrypted.*\[local\] password"):
        read_member(path.read_bytes(), path, Member(MEMBER))


def test_a_missing_member_is_refused(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "own.zip", {"other.csv": b""})
    with pytest.raises(Refusal, match=rf"own\.zip holds no {MEMBER} among its 1 files"):
        read_member(path.read_bytes(), path, Member(MEMBER, PASSWORD))


def test_what_unpacks_to_too_much_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_zip(tmp_path / "own.zip", {MEMBER: bytes(1000)})
    monkeypatch.setattr(zip_member, "MOST_BYTES", 999)
    with pytest.raises(Refusal, match="unpack to 1000 bytes"):
        read_member(path.read_bytes(), path, Member(MEMBER))


@pytest.mark.parametrize("password", [PASSWORD, None])
def test_damage_anywhere_is_refused_or_does_no_harm(tmp_path: Path, password: str | None) -> None:
    path = write_choices(tmp_path / "own.zip", password=password)
    whole, generator = path.read_bytes(), random.Random(0)
    messages: list[str] = []
    for _ in range(400):
        content = bytearray(whole[: generator.randrange(len(whole))] if generator.random() < 0.3 else whole)
        for _ in range(generator.randint(1, 3)):
            if content:
                content[generator.randrange(len(content))] = generator.randrange(256)
        try:
            assert read_member(bytes(content), path, Member(MEMBER, PASSWORD)) == csv_bytes()
        except Refusal as refusal:
            messages.append(str(refusal))
    assert len(messages) > 100
    for message in messages:
        assert "own.zip" in message
        assert not any(marker in message for marker in MARKERS)


def test_a_file_named_like_the_published_zip_must_be_it(tmp_path: Path) -> None:
    path = write_choices(tmp_path / "dataset.zip")
    card = load_card("gpqa_diamond")
    for data in (path, tmp_path):
        with pytest.raises(Refusal) as caught:
            load_problems(card, data=data)
        assert f"expected sha256 {card.source.files['dataset.zip']}" in str(caught.value)
        assert f"found {hashlib.sha256(path.read_bytes()).hexdigest()}" in str(caught.value)


def test_a_zip_without_a_member_in_the_card_is_an_unknown_format(tmp_path: Path) -> None:
    with pytest.raises(Refusal, match="unknown format"):
        load_problems(load_card("aime24"), data=write_choices(tmp_path / "own.zip"))
