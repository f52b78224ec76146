"""The built-in policies pass the suite; what it reports when one does not is in test_planted_bugs."""

import json

import pytest

from hyperscale.commands.check_policy import check_policy
from hyperscale.conformance.report import Check, Status
from hyperscale.errors import Refusal, UsageError
from hyperscale.models import FAMILIES
from tests.engine.harness import METHODS


@pytest.mark.parametrize("method", METHODS)
def test_built_in_policies_pass(method: str) -> None:
    seen = []
    report = check_policy(method, on_result=seen.append)
    assert [result.message for result in report.results if result.status is not Status.PASSED] == []
    assert report.passed
    assert {(result.check, result.family) for result in report.results} == {
        (check, family) for check in Check for family in FAMILIES
    }
    assert seen == list(report.results)
    assert report.budget == ("1x" if method == "vanilla" else "4x")
    assert json.loads(json.dumps(report.to_json()))["passed"] is True


@pytest.mark.parametrize(
    "settings", [{}, {"shift": "0"}, {"decide_at": "exit"}, {"window": "0", "chunk": "7"}, {"decide_at": "exit", "shift": "0"}]
)
def test_a_learned_policy_passes_on_heads_of_both_layouts(settings: dict[str, str]) -> None:
    families = FAMILIES if not settings else ["qwen3"]
    report = check_policy("dms", settings, families=families)
    assert [result.message for result in report.results if result.status is not Status.PASSED] == []
    assert {(result.check, result.family) for result in report.results} == {
        (check, f"{family}-{layout}") for check in Check for family in families for layout in ("borrowed", "adapter")
    }


@pytest.mark.parametrize(
    ("method", "settings", "budget"),
    [
        ("window", {"prefill": "stepwise"}, "12t"),
        ("tova", {"prefill": "stepwise"}, "12t"),
        ("h2o", {"prefill": "stepwise", "recent_share": "0.25"}, "12t"),
        ("quest", {"page": "4", "dense_layers": "1"}, "12t"),
        ("window", {"sinks": "0"}, "1t"),
        ("tova", {}, "1t"),
        ("h2o", {}, "1t"),
        ("quest", {"page": "1", "dense_layers": "0"}, "1t"),
    ],
)
def test_other_settings_pass(method: str, settings: dict[str, str], budget: str) -> None:
    report = check_policy(method, settings, budget, families=["qwen3"])
    assert [result.message for result in report.results if result.status is not Status.PASSED] == []


def test_what_cannot_be_checked_is_refused() -> None:
    with pytest.raises(UsageError, match="1x"):
        check_policy("vanilla", budget="4x")
    with pytest.raises(UsageError, match="12t"):
        check_policy("dms", budget="12t")
    with pytest.raises(UsageError, match="family"):
        check_policy("tova", families=["lama"])
    with pytest.raises(UsageError, match="tova"):
        check_policy("tovo")
    with pytest.raises(Refusal, match="no file"):
        check_policy("missing.py:Policy")
