"""What a sweep is going to run: as few runs as its configurations need, and nothing that makes no sense."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hyperscale.cache.registry import POLICIES
from hyperscale.commands.sweep import sweep
from hyperscale.commands.sweep_plan import SweepPlan, plan_sweep
from hyperscale.commands.sweep_request import understand_sweep
from hyperscale.configuration import read_configuration
from hyperscale.errors import HyperscaleError, Refusal, UsageError


def planned(*configs: str, methods: Sequence[str] = ("dms",), **words: Any) -> SweepPlan:
    return plan_sweep(understand_sweep(None, {"methods": list(methods), "configs": list(configs), **words}))


def covered(plan: SweepPlan) -> list[tuple[str, int, int, list[str]]]:
    """Method, W, L and the configurations of each run."""
    return [(made.request.method, made.width, made.length, [each.label for each in made.covers]) for made in plan.runs]


def test_a_policy_that_does_not_know_the_length_runs_once_at_the_largest() -> None:
    plan = planned("2-64-8x", "W1-L128-8x", "8-64-8x")
    assert covered(plan) == [("dms", 8, 128, ["2-64-8x", "8-64-8x", "1-128-8x"])]
    assert [plan.runs[0].derives(each) for each in plan.runs[0].covers] == [True, True, True]
    alone = planned("2-64-8x", "2-128-8x").runs[0]
    assert [alone.derives(each) for each in alone.covers] == [True, False]


def test_a_length_between_two_points_of_the_traces_is_a_run_of_its_own() -> None:
    assert covered(planned("2-100-8x", "2-64-8x", "1-200-8x")) == [
        ("dms", 2, 100, ["2-100-8x"]),
        ("dms", 2, 200, ["2-64-8x", "1-200-8x"]),
    ]


def test_a_ratio_of_slots_depends_on_the_length_and_slots_do_not() -> None:
    plan = planned("2-64-4x", "4-64-4x", "1-128-4x", methods=["window"])
    assert covered(plan) == [("window", 4, 64, ["2-64-4x", "4-64-4x"]), ("window", 1, 128, ["1-128-4x"])]
    plan = planned("2-64-32t", "4-64-32t", "1-128-32t", methods=["window"])
    assert covered(plan) == [("window", 4, 128, ["2-64-32t", "4-64-32t", "1-128-32t"])]


def test_vanilla_is_for_1x_and_1x_is_for_vanilla_if_it_is_there() -> None:
    plan = planned("1-64-1x", "1-64-8x", methods=["vanilla", "tova"])
    assert [(run.request.method, run.request.budget.label) for run in plan.runs] == [("vanilla", "1x"), ("tova", "8x")]
    plan = planned("1-64-1x", "1-64-8x", methods=["tova"])
    assert [run.request.budget.label for run in plan.runs] == ["1x", "8x"]
    plan = planned("1-64-1x", methods=["vanilla", "tova"])
    assert [str(each) for each in plan.skipped] == ["tova: there is no compressed configuration for it"]


def test_a_product_is_all_methods_tasks_and_seeds() -> None:
    plan = planned("1-64-8x", methods=["tova", "dms"], tasks=["modchain", "math500"], seeds=[0, 5], device="cpu")
    found = [(run.request.method, run.card.name, run.request.seed, run.checkpoint.name) for run in plan.runs]
    assert found == [
        (method, task, seed, {"tova": "abacus", "dms": "abacus-dms-8x"}[method])
        for method in ("tova", "dms")
        for task in ("modchain", "math500")
        for seed in (0, 5)
    ]


def test_what_a_product_cannot_have_is_left_out_and_said() -> None:
    plan = planned("1-64-3x", "1-64-32t", "1-64-8x")
    assert covered(plan) == [("dms", 1, 64, ["1-64-8x"])]
    slots, ratio = sorted(map(str, plan.skipped), key=len)
    assert slots.startswith("dms 1-64-32t: dms keeps what its model was trained to keep")
    assert ratio.startswith(
        "dms 1-64-3x: No bundled model was trained for dms at 3x (there are abacus-dms-2x, abacus-dms-4x, abacus-dms-8x)."
    )
    assert plan.remarks == ("configurations are W-L-CR", *(f"left out: {each}" for each in plan.skipped))


@pytest.mark.parametrize(
    ("words", "error", "message"),
    [
        ({"methods": ["vanilla"], "configs": ["1-64-8x"]}, UsageError, "Nothing is left to run. vanilla: there is no 1x"),
        ({"configs": ["1-64-32t"]}, UsageError, "Nothing is left to run. dms 1-64-32t: .*a ratio"),
        ({"configs": ["1-64-3x"]}, Refusal, "Nothing is left to run. dms 1-64-3x: .*abacus-dms-8x"),
        ({"model": "abacus"}, Refusal, "Nothing is left to run. dms 1-64-8x: abacus has no DMS heads"),
        ({"model": "abaccus"}, UsageError, "Did you mean 'abacus'"),
        (
            {"tasks": ["modchain", "math500"], "data": "rows.jsonl"},
            UsageError,
            "--data is the data of one task, and there are 2",
        ),
        ({"prompt": "nice"}, UsageError, "no prompt of task modchain 'nice'"),
        ({"methods": []}, UsageError, "--methods is missing"),
        ({"configs": []}, UsageError, "--configs is missing"),
        ({"methods": None, "configs": None}, UsageError, "--methods and --configs are missing"),
        ({"tasks": []}, UsageError, "--tasks is empty"),
        ({"seeds": []}, UsageError, "--seeds is empty"),
        ({"seeds": [0, -1]}, UsageError, "--seeds must lie between 0 and 2.63 - 1, but -1"),
        ({"configs": ["8-16-8x"]}, UsageError, "two ways"),
        ({"configs": ["2-64-8x"], "temperature": 0}, UsageError, "all 2 chains would be the same"),
        ({"settings": {"sinks": "4"}}, UsageError, "no parameter of dms 'sinks'"),
        ({"settings": {"window": "wide"}}, UsageError, "window must be a whole number"),
        ({"methods": ["dms", "tova"], "settings": {"sinks": "4"}}, UsageError, "no parameter of dms, tova 'sinks'"),
        ({"rows": 0}, UsageError, "--rows"),
        ({"workers": "some"}, UsageError, "--workers"),
        ({"limit": 0}, UsageError, "--limit"),
        ({"device": "tpu"}, UsageError, "no device 'tpu'"),
        ({"dtype": "f8"}, UsageError, "no dtype 'f8'"),
    ],
)
def test_a_wrong_plan_is_refused_before_anything_is_run(
    words: dict[str, Any], error: type[HyperscaleError], message: str, tmp_path: Path
) -> None:
    with pytest.raises(error, match=message):
        sweep(**{"methods": ["dms"], "configs": ["1-64-8x"], "limit": 1, "out": tmp_path, **words})
    assert not list(tmp_path.iterdir())


def test_both_orders_are_read_and_the_one_used_is_said() -> None:
    plan = planned("64k-2-8x", "2-64k-8x", "1-64-8x")
    assert plan.notes == ("configurations are W-L-CR; read in the order L-W-CR: 64k-2-8x as 2-64k-8x",)
    assert covered(plan) == [("dms", 2, 65536, ["1-64-8x", "2-64k-8x"])]


def test_a_setting_goes_to_the_methods_that_have_it_and_this_is_said() -> None:
    plan = planned("1-64-8x", methods=["tova", "window"], settings={"sinks": "8"})
    assert [dict(run.request.settings) for run in plan.runs] == [{}, {"sinks": "8"}]
    assert plan.notes[1:] == ("sinks=8 is for window",)
    assert planned("1-64-8x", methods=["tova", "window"], settings={"prefill": "stepwise"}).notes[1:] == ()


CONFIGS = st.lists(
    st.builds(
        "W{}-L{}-{}".format, st.integers(1, 8), st.sampled_from([32, 64, 100, 128, 192]), st.sampled_from(["2x", "8x", "32t"])
    ),
    min_size=1,
    max_size=8,
)


@settings(deadline=None, max_examples=40)
@given(CONFIGS, st.sampled_from(["window", "dms"]))
def test_every_configuration_is_covered_once_by_a_run_that_holds_its_chains(configs: list[str], method: str) -> None:
    wanted = {read_configuration(text).configuration for text in configs}
    if method == "dms":
        wanted = {each for each in wanted if each.budget.label in ("2x", "8x")}  # what there are models for
        if not wanted:
            return
    plan = planned(*configs, methods=[method])
    assert sorted(str(each) for made in plan.runs for each in made.covers) == sorted(map(str, wanted))
    for made in plan.runs:
        safe = POLICIES[method].prefix_safe or made.request.budget.slots is not None
        assert (made.width, made.length) == (max(each.width for each in made.covers), max(each.length for each in made.covers))
        for each in made.covers:
            assert each.budget == made.request.budget
            assert each.length == made.length or (safe and each.length % 64 == 0)
    keys = [(made.request.budget, made.length) for made in plan.runs]
    assert len(set(keys)) == len(keys), "two runs would have shared one folder"
