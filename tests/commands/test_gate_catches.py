"""Real regressions, planted in a policy: the gate finds each, and names what got worse."""

from pathlib import Path
from typing import Any

import pytest

import hyperscale
from hyperscale.analysis.check import Outcome

PLANTED = '''
from hyperscale.cache.dms import DMS
from hyperscale.cache.window import Window


class OffByOne(DMS):
    """Evicts the wrong token: a decision is taken for that of the entry one place earlier."""

    @property
    def lag(self):
        return super().lag + 1


class Hoarder(Window):
    """Keeps twice the entries."""

    def capacity(self, budget, prompt_tokens, max_len):
        return 2 * super().capacity(budget, prompt_tokens, max_len)
'''
FEW: dict[str, Any] = {"width": 4, "limit": 16, "workers": 1}


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("policies") / "planted.py"
    path.write_text(PLANTED)
    return path


def gated(method: str, bug: str, tmp_path: Path, **options: Any) -> dict[str, Outcome]:
    for side, name in (("good", method), ("bad", bug)):
        hyperscale.run(method=name, out=tmp_path / side, **FEW, **options)
    found = hyperscale.gate(tmp_path / "good", tmp_path / "bad")
    return {check.name: check.outcome for check in found.runs[0].verdict.checks}


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_evicting_the_wrong_token_shows_in_accuracy(planted: Path, tmp_path: Path) -> None:
    found = gated("dms", f"{planted}:OffByOne", tmp_path, model="abacus-dms-8x", budget="8x")
    assert found["accuracy"] is Outcome.FAIL
    assert found["KV reads"] is not Outcome.FAIL


@pytest.mark.timeout(600)
def test_keeping_twice_the_entries_shows_in_reads(planted: Path, tmp_path: Path) -> None:
    found = gated("window", f"{planted}:Hoarder", tmp_path, model="abacus", budget="64t", max_len=192)
    assert found["KV reads"] is Outcome.FAIL
    assert found["accuracy"] is not Outcome.FAIL
