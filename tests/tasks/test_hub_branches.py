from dataclasses import replace
from pathlib import Path

import pytest

from hyperscale.errors import Refusal
from hyperscale.tasks import hub
from hyperscale.tasks.cards import load_card
from hyperscale.tasks.task_card import Source

ONE, TWO = "1" * 40, "2" * 40


@pytest.fixture
def source() -> Source:
    return replace(load_card("gpqa_diamond").source, hub="some/set", branch="main")


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, and a hub that does not answer."""
    import datasets

    def silent(source: Source) -> str:
        raise hub._NoAnswer("nobody answers.")

    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path)
    monkeypatch.setattr(hub, "_probe", silent)
    return tmp_path


def keep(cache: Path, commit: str, config: str = "gpqa_diamond") -> None:
    folder = cache / "some___set" / config / "0.0.0" / commit
    folder.mkdir(parents=True)
    (folder / "set-train.arrow").write_bytes(b"")


def test_a_branch_is_pinned_to_the_commit_the_hub_names(source: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub, "_probe", lambda asked: {"main": ONE}[asked.revision])
    pinned = hub.at_commit(source)
    assert (pinned.revision, pinned.branch) == (ONE, None)


def test_a_pinned_source_is_not_looked_up(source: Source, cache: Path) -> None:
    pinned = replace(source, branch=None, revision=TWO)
    assert hub.at_commit(pinned) is pinned


def test_without_the_hub_the_only_commit_in_the_cache_is_taken(source: Source, cache: Path) -> None:
    keep(cache, ONE)
    keep(cache, TWO, config="another")
    assert hub.at_commit(source).revision == ONE


def test_without_the_hub_several_commits_in_the_cache_are_no_answer(source: Source, cache: Path) -> None:
    keep(cache, ONE)
    keep(cache, TWO)
    with pytest.raises(
        Refusal, match=rf"nobody answers\. The cache holds several commits \({ONE}, {TWO}\): pin one in the card"
    ):
        hub.at_commit(source)


def test_without_the_hub_and_the_cache_the_hub_is_what_is_missing(source: Source, cache: Path) -> None:
    with pytest.raises(Refusal, match=r"^nobody answers\.$"):
        hub.at_commit(source)


def test_what_the_hub_refuses_is_not_made_up_for_by_the_cache(
    source: Source, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refusing(source: Source) -> str:
        raise Refusal("no such branch")

    keep(cache, ONE)
    monkeypatch.setattr(hub, "_probe", refusing)
    with pytest.raises(Refusal, match="no such branch"):
        hub.at_commit(source)
