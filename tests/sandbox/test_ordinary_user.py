"""All of it again as an ordinary user, where the tests are run by root."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
NOBODY = 65534


def interpreter() -> str | None:
    """An interpreter of this version that any user may run; root's own often lies in root's home."""
    name = f"python3.{sys.version_info.minor}"
    for candidate in (sys.executable, shutil.which(name, path="/usr/local/bin:/usr/bin"), shutil.which(name)):
        if candidate and _runs(candidate):
            return candidate
    return None


def _runs(candidate: str) -> bool:
    try:
        done = subprocess.run([candidate, "-c", "import ctypes"], user=NOBODY, group=NOBODY, extra_groups=[], env={}, cwd="/")
    except OSError:
        return False
    return done.returncode == 0


@pytest.fixture
def home() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="nobody-") as name:  # not below root's own temporary folder
        os.chown(name, NOBODY, NOBODY)
        yield Path(name)


@pytest.mark.skipif(os.getuid() != 0, reason="only root can run tests as another user")
@pytest.mark.parametrize(
    ("part", "chosen_tests"),
    [
        ("test_hostile", "not excess and not would_work"),
        *(
            pytest.param(f"test_{part}", "test", marks=pytest.mark.slow)
            for part in ("hostile", "honest", "functions", "checks", "probe", "layers", "workdir", "disturbances")
        ),
    ],
)
def test_the_tests_pass_as_an_ordinary_user(part: str, chosen_tests: str, home: Path) -> None:
    chosen = interpreter()
    if chosen is None:
        pytest.skip("no interpreter of this version that an ordinary user may run")
    environment = {
        "PATH": os.environ.get("PATH", os.defpath),
        "PYTHONPATH": os.pathsep.join([str(PROJECT), *(path for path in sys.path if "site-packages" in path)]),
        "PYTHONDONTWRITEBYTECODE": "1",
        "HOME": str(home),
    }
    # the project's own conftest.py is left out: it imports torch, which these tests do without
    options = ["-p", "no:cacheprovider", "--confcutdir", str(Path(__file__).parent), "--basetemp", str(home / "pytest")]
    done = subprocess.run(
        [
            chosen,
            "-m",
            "pytest",
            "-q",
            "-x",
            "-k",
            chosen_tests,
            *options,
            "--rootdir",
            str(PROJECT),
            str(Path(__file__).with_name(f"{part}.py")),
        ],
        user=NOBODY,
        group=NOBODY,
        extra_groups=[],
        env=environment,
        cwd=home,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
