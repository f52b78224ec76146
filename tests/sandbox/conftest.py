import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from hyperscale.sandbox import Isolation, Layer, LayerState, Sandbox
from hyperscale.sandbox.host import Host, survey
from hyperscale.sandbox.probe import with_bubblewrap


@pytest.fixture(scope="session")
def bare_host() -> Host:
    """All layers but bubblewrap, which is not everywhere."""
    return survey(Isolation.STRICT).reporting(Layer.BUBBLEWRAP, LayerState.OFF, "left out by the tests")


@pytest.fixture(scope="session", params=["bare", "bwrap"])
def sandbox(request: pytest.FixtureRequest, bare_host: Host) -> Sandbox:
    """Every program runs without and with namespaces."""
    host = bare_host if request.param == "bare" else with_bubblewrap(bare_host)
    if request.param == "bwrap" and not host.has(Layer.BUBBLEWRAP):
        pytest.skip("bubblewrap does not work here")
    return Sandbox(host)


@pytest.fixture(scope="session")
def bare(bare_host: Host) -> Sandbox:
    return Sandbox(bare_host)


@pytest.fixture(scope="session")
def unsafe() -> Sandbox:
    return Sandbox.open(Isolation.NONE)


@pytest.fixture
def outside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder that every user may write to, with a file that every user may read and write."""
    import tempfile

    with tempfile.TemporaryDirectory(prefix="outside-") as name:
        folder = Path(name)
        folder.chmod(0o777)
        (folder / "secret").write_text("the expected output")
        (folder / "secret").chmod(0o666)
        os.utime(folder / "secret", (0, 0))
        yield folder
        assert sorted(path.name for path in folder.iterdir()) == ["secret"], "something was written or taken away"
        assert (folder / "secret").read_text() == "the expected output"
        assert (folder / "secret").stat().st_mtime == 0
        assert folder.stat().st_mode & 0o777 == 0o777
