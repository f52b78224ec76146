"""A working directory lies in memory, or nothing can grow in it; threads are counted by the kernel or from outside."""

from collections.abc import Mapping
from typing import Any

import pytest

from hyperscale.sandbox import Ending, Limits, Sandbox, orders, probe
from hyperscale.sandbox.host import Host
from tests.sandbox.hostile import EXCESSES

FILLING = ["unlinked files held open", "unlinked files held by mapping", "files in a folder that cannot be read"]


def altered(monkeypatch: pytest.MonkeyPatch, **values: object) -> None:
    whole = orders._plan

    def plan(*arguments: Any) -> Mapping[str, Any]:
        return whole(*arguments) | values

    monkeypatch.setattr(orders, "_plan", plan)


@pytest.fixture
def on_disk(bare_host: Host, monkeypatch: pytest.MonkeyPatch) -> Sandbox:
    """Where the kernel grants neither a mount nor a namespace."""
    altered(monkeypatch, scratch_memory=0)
    return Sandbox(bare_host)


WRITES = {
    "new file": "open('a', 'w')",
    "own source": "open('main.py', 'a')",
    "own source emptied": "import os\nos.open('main.py', os.O_RDWR | os.O_TRUNC)",
    "folder": "import os\nos.mkdir('d')",
    "symbolic link": "import os\nos.symlink('x' * 4000, 'l')",
    "pipe": "import os\nos.mkfifo('p')",
    "nameless file": "import os\nos.open('.', os.O_TMPFILE | os.O_RDWR)",
    "other name": "import os\nos.rename('main.py', 'b')",
    "other name in a new folder": "import os\nos.renames('main.py', 'd/b')",
    "no file": "import os\nos.unlink('main.py')",
}


@pytest.mark.parametrize("name", WRITES)
def test_nothing_can_be_written_on_a_disk(on_disk: Sandbox, name: str) -> None:
    outcome = on_disk.run_program(WRITES[name], "")
    assert outcome.ending is Ending.RUNTIME_ERROR
    assert outcome.detail.startswith(("PermissionError", "OSError: [Errno 38]"))


@pytest.mark.parametrize("name", WRITES)
def test_most_of_it_could_be_written_in_memory(sandbox: Sandbox, name: str) -> None:
    assert sandbox.run_program(WRITES[name], "").finished is (name not in ("pipe", "other name in a new folder"))


def test_a_program_that_writes_no_file_does_not_notice(on_disk: Sandbox) -> None:
    code = "import inspect, os\ndef f(): return 1\nprint(inspect.getsource(f).strip(), os.listdir())"
    assert on_disk.run_program(code, "").stdout == b"def f(): return 1 ['main.py']\n"
    assert on_disk.call_function("def f(): return 4", "f").text == "4"
    assert on_disk.check_function("def f(): return 4", "f", "", "def check(c): assert c() == 4").finished


def test_the_probe_holds_on_a_disk(on_disk: Sandbox, bare_host: Host) -> None:
    assert probe.holes(bare_host) == []


def test_a_disk_that_can_be_filled_unseen_is_found(bare_host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    altered(monkeypatch, scratch_memory=0, scratch_writable=True)
    assert {hole.attack for hole in probe.holes(bare_host)} == {"hold unlinked files", "hide files in a folder"}


@pytest.mark.parametrize("name", FILLING)
def test_the_attacks_would_fill_a_disk(bare_host: Host, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    altered(monkeypatch, scratch_memory=0, scratch_writable=True)
    assert Sandbox(bare_host).run_program(EXCESSES[name].code, "", EXCESSES[name].limits).finished


def test_threads_are_counted_from_outside_too(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    altered(monkeypatch, threads=0)
    code = "import threading, time\nthreading.stack_size(65536)\n" + (
        "for _ in range(200): threading.Thread(target=time.sleep, args=(5,), daemon=True).start()\ntime.sleep(5)"
    )
    outcome = sandbox.run_program(code, "", Limits(threads=50))
    assert (outcome.ending, outcome.detail) == (Ending.RUNTIME_ERROR, "more than 50 threads")


def test_threads_beyond_the_limit_are_found(bare_host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    altered(monkeypatch, threads=0)
    monkeypatch.setattr("hyperscale.sandbox.census.threads", lambda pid: 0)
    assert {hole.attack for hole in probe.holes(bare_host)} == {"threads beyond the limit"}


@pytest.mark.parametrize(("users", "rest"), [(100, 75), (10_000, 9744)])
def test_where_the_user_is_counted_some_processes_are_left_to_others(
    users: int, rest: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    import resource

    from hyperscale.sandbox import lockdown

    given: list[tuple[int, ...]] = []
    monkeypatch.setattr(resource, "getrlimit", lambda limit: (users, users))
    monkeypatch.setattr(resource, "setrlimit", lambda limit, pair: given.append(pair))
    lockdown._limit_threads(50, False)
    lockdown._limit_threads(50, True)
    assert given == [(rest, rest), (50, 50)]
