from pathlib import Path

from hyperscale.page.settings import differing, is_hash, settings_of
from hyperscale.store.manifest import Manifest
from hyperscale.store.run_folder import RunFolder
from tests.store.samples import manifest


def settings(path: str = "results/a", **changes: object) -> dict[str, str]:
    return settings_of(RunFolder(Path(path), manifest(**changes)), {"sandbox": "landlock7"}, {"math-1"})


def test_settings_are_flat_texts() -> None:
    found = settings(versions={"torch": "2.6", "numpy": "2.0"}, problem_ids=["a", "b"], prefix_safe=True)
    assert found["sampling.temperature"] == "1.0"
    assert found["versions.torch"] == "2.6"
    assert found["problems"] == "2"
    assert found["prefix_safe"] == "true"
    assert (found["grader"], found["sandbox"]) == ("math-1", "landlock7")
    assert "problem_ids" not in found


def test_no_path_of_the_user_is_shown() -> None:
    found = settings("/home/someone/results/tova-4x-l1024", card="/home/someone/cards/sums.toml")
    assert found["run"] == "tova-4x-l1024"
    assert found["card"] == "sums.toml"
    assert "someone" not in str(found)


def test_earlier_sessions_are_told() -> None:
    run = RunFolder(Path("a"), Manifest({"seed": 0}, {"task": "modchain"}, ({"device": "old"},)))
    assert settings_of(run, {}, ())["earlier sessions"] == '[{"device": "old"}]'


def test_what_differs_is_kept_apart_and_in_order() -> None:
    one = {"seed": "0", "zebra": "1", "policy.window": "16", "task": "modchain", "method": "dms"}
    other = {"seed": "1", "task": "modchain", "method": "tova", "zebra": "1"}
    assert differing([one, other]) == (["method", "policy.window", "seed"], ["task", "zebra"])
    assert differing([one]) == ([], ["task", "method", "policy.window", "seed", "zebra"])


def test_hostile_values_are_one_line_each() -> None:
    found = settings(model="m\n\x1b[31m", policy={"a\u202eb": "\ud800"})
    assert found["model"] == "m<U+000A><U+001B>[31m"
    assert found["policy.a<U+202E>b"] == "<U+D800>"


def test_only_long_hashes_are_hashes() -> None:
    assert is_hash("0123456789abcdef" * 4)
    assert is_hash("0123456789abcdef" * 2)
    assert not any(map(is_hash, ("0f009edc3cc88c78", "abacus-dms-8x", "g" * 40, "0" * 31, '["' + "0" * 32 + '"]')))
