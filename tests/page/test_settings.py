from pathlib import Path

from hyperscale.page.settings import differing, settings_of
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
