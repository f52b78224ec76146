"""Programs that try to get out or to use too much get their verdict, and nothing else."""

import contextlib
import os
import platform
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from hyperscale.sandbox import Ending, Layer, Limits, Sandbox
from tests.sandbox.hostile import _NUMBERS, ESCAPES, EXCESSES, MIB, UNSEEN

PROJECT = Path(__file__).parents[2]
# os.kill and killpg to one's own group, and what only root or some kernels may do without a sandbox
DENIED_ANYWAY = {"namespace", "list /", "memory of another", "own library"}


def filled_in(code: str, outside: Path) -> str:
    values = {"outside": outside, "parent": os.getpid(), "project": PROJECT, "uid": os.getuid(), **_NUMBERS}
    for name, value in values.items():
        code = code.replace(f"{{{name}}}", str(value))
    return code


@pytest.mark.parametrize("name", ESCAPES)
def test_an_escape_is_denied(sandbox: Sandbox, outside: Path, name: str) -> None:
    outcome = sandbox.run_program(filled_in(ESCAPES[name], outside), "", Limits(cpu_seconds=5, wall=10))
    assert b"ESCAPED" not in outcome.stdout
    assert outcome.ending in (Ending.RUNTIME_ERROR, Ending.FINISHED), outcome.detail


@pytest.mark.parametrize("name", sorted(set(ESCAPES) - DENIED_ANYWAY))
def test_the_escape_would_work_without_a_sandbox(unsafe: Sandbox, outside: Path, name: str) -> None:
    outcome = unsafe.run_program(filled_in(ESCAPES[name], outside), "", Limits(cpu_seconds=5, wall=10))
    assert b"ESCAPED" in outcome.stdout, outcome.detail


@pytest.mark.parametrize("name", UNSEEN)
def test_what_cannot_be_tried_elsewhere_is_denied(sandbox: Sandbox, outside: Path, name: str) -> None:
    outcome = sandbox.run_program(filled_in(UNSEEN[name], outside), "", Limits(cpu_seconds=5, wall=10))
    assert b"ESCAPED" not in outcome.stdout
    assert outcome.ending is Ending.RUNTIME_ERROR, outcome.detail


SLOW = {"timer instead of a limit", "many threads at work", "long call in C"}  # each computes until its limit


@pytest.mark.parametrize("name", [pytest.param(name, marks=[pytest.mark.slow] * (name in SLOW)) for name in EXCESSES])
def test_an_excess_gets_its_verdict(sandbox: Sandbox, name: str) -> None:
    excess = EXCESSES[name]
    started = time.monotonic()
    outcome = sandbox.run_program(excess.code, "", excess.limits)
    assert outcome.ending is excess.ending, outcome.detail
    assert len(outcome.stdout) <= excess.limits.output
    assert time.monotonic() - started < excess.limits.wall_seconds + 3


def test_there_are_many_of_them() -> None:
    assert len(ESCAPES) + len(UNSEEN) + len(EXCESSES) >= 60


def test_the_parent_was_not_touched() -> None:
    assert os.getpid() > 1
    assert signal.getsignal(signal.SIGIO) is signal.SIG_DFL


def test_a_flood_costs_little(bare: Sandbox) -> None:
    before = os.times()
    outcome = bare.run_program("import os\nwhile True: os.write(1, b'x' * 65536)", "", Limits(cpu_seconds=5))
    after = os.times()
    assert outcome.ending is Ending.OUTPUT_LIMIT
    assert after.user + after.system - before.user - before.system < 0.5
    assert outcome.cpu_s < 0.5


def test_many_files_are_stopped_too(sandbox: Sandbox) -> None:
    code = (
        "import itertools, time\nfor n in itertools.count():\n"
        "    open(f'{n}', 'wb').write(bytes(1 << 20))\n    time.sleep(.001)"
    )
    outcome = sandbox.run_program(code, "", Limits(scratch=20 * MIB, cpu_seconds=10))
    assert outcome.ending in (Ending.OUTPUT_LIMIT, Ending.RUNTIME_ERROR), outcome.detail
    assert "No space left" in outcome.detail or "bytes of files" in outcome.detail


def test_nothing_is_left_on_the_disk(sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tmp_path.chmod(0o755)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    code = """
import os
os.mkdir("closed", 0); open("file", "w").write("x"); os.symlink("/", "root"); os.mkdir("way", 0o500)
try:
    for _ in range(900):
        os.mkdir("d" * 200); os.chdir("d" * 200)
except OSError: pass
print("done")
"""
    outcome = sandbox.run_program(code, "")
    # too deep to be watched, where it is not in memory; it may have been done before anybody looked
    assert outcome.ending in (Ending.FINISHED, Ending.OUTPUT_LIMIT), outcome.detail
    assert list(tmp_path.iterdir()) == []


def test_descriptors_run_out_for_the_program_only(bare: Sandbox) -> None:
    outcome = bare.run_program("x = []\nwhile True: x.append(open('f', 'w'))", "")
    assert outcome.detail == "OSError: [Errno 24] Too many open files: 'f'"
    assert bare.run_program("print(4)", "").finished


def test_closing_everything_changes_nothing(sandbox: Sandbox) -> None:
    assert sandbox.run_program("import os\nos.closerange(0, 4096)", "").stdout == b""


def test_a_daemon_is_killed_where_nothing_forbids_it(unsafe: Sandbox, tmp_path: Path) -> None:
    mark = tmp_path / "alive"
    code = f"""
import os, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        while True:
            open({str(mark)!r} + '.new', 'w').write(str(os.getpid()))
            os.replace({str(mark)!r} + '.new', {str(mark)!r})  # whole, whenever the end comes
            time.sleep(.05)
    os._exit(0)
time.sleep({{wait}})
print("done")
"""
    for wait, ending in (("0.5", Ending.FINISHED), ("60", Ending.TIME_LIMIT)):
        assert unsafe.run_program(code.replace("{wait}", wait), "", Limits(wall=2)).ending is ending
        daemon = int(mark.read_text())
        mark.unlink()
        time.sleep(0.2)
        assert not mark.exists()
        assert not Path(f"/proc/{daemon}").exists()


@pytest.mark.parametrize("wrapped", ["", "with_bubblewrap"])
def test_a_process_ends_with_its_supervisor(wrapped: str, tmp_path: Path) -> None:
    script = f"""
from hyperscale.sandbox import Isolation, Layer, LayerState, Sandbox
from hyperscale.sandbox.host import survey
from hyperscale.sandbox.probe import with_bubblewrap
host = {wrapped}(survey(Isolation.STRICT).reporting(Layer.BUBBLEWRAP, LayerState.OFF, ""))
print("go", flush=True)
Sandbox(host).run_program({STUBBORN!r}, "")
"""
    path = os.pathsep.join([str(PROJECT), *filter(None, sys.path)])
    environment = os.environ | {"PYTHONPATH": path, "TMPDIR": str(tmp_path)}  # what dies at once leaves its folder behind
    supervisor = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, env=environment)
    assert supervisor.stdout
    supervisor.stdout.readline()
    time.sleep(0.7)  # for it to lock itself down and to run
    program = _descendants(supervisor.pid)
    assert program
    deadline = time.monotonic() + 10
    supervisor.kill()
    supervisor.wait()
    supervisor.stdout.close()
    while any(map(_lives, program)) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not any(map(_lives, program))


STUBBORN = """
import signal, time
for number in set(range(1, 65)) - {signal.SIGKILL, signal.SIGSTOP, 32, 33}: signal.signal(number, signal.SIG_IGN)
while True: time.sleep(1)
"""


def _descendants(parent: int) -> list[int]:
    parents: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                above = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
                parents.setdefault(above, []).append(int(entry.name))
    found, rest = [], [parent]
    while rest:
        below = parents.get(rest.pop(), [])
        found += below
        rest += below
    return found


def _lives(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_programs_do_not_see_each_other(sandbox: Sandbox) -> None:
    from concurrent.futures import ThreadPoolExecutor

    code = (
        "import os, time\nopen('mine', 'w').write(input())\ntime.sleep(.3)\n"
        "print(open('mine').read(), os.getuid(), *os.listdir())"
    )
    with ThreadPoolExecutor(6) as pool:
        outcomes = list(pool.map(lambda n: sandbox.run_program(code, str(n)), range(6)))
    lines = [outcome.stdout.decode().split() for outcome in outcomes]
    assert [line[0] for line in lines] == [str(n) for n in range(6)]
    assert all(sorted(line[2:]) == ["main.py", "mine"] for line in lines)
    if os.getuid() == 0 and any(report.layer is Layer.UID and report.state == "on" for report in sandbox.describe()):
        assert len({line[1] for line in lines}) == 6


def test_threads_are_counted(bare: Sandbox) -> None:
    code = EXCESSES["threads without end"].code
    detail = bare.run_program(code, "", Limits(threads=50)).detail
    assert detail in ("RuntimeError: can't start new thread", "more than 50 threads")


def test_machine_is_one_of_those_tested() -> None:
    assert platform.machine() in ("x86_64", "aarch64")
