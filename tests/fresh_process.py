"""Loading cards in a fresh process, as a user's first command would."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

Answers = dict[str, dict[str, Any]]


def answers_of(script: str, cards: list[Path], work: Path, **variables: str) -> Answers:
    """What `script` says of each card, by the name of its folder, in a process whose cache is in `work`."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", "HYPERSCALE_"))}
    kept = {name: value for name, value in kept.items() if not name.lower().endswith("_proxy")}
    settings = {"HF_HOME": str(work / "cache"), "HF_HUB_DISABLE_TELEMETRY": "1", "HF_HUB_DISABLE_XET": "1"}
    done = subprocess.run(
        [sys.executable, "-c", script, *map(str, cards)],
        env=kept | settings | {"PYTHONPATH": str(Path(__file__).parent.parent)} | variables,
        cwd=work,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    return {Path(path).parent.name: answer for path, answer in json.loads(done.stdout.splitlines()[-1]).items()}
