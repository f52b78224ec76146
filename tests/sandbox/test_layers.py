"""What the layers are made of, and what the machine is said to offer."""

import errno
import os
import platform
import re
import stat
import struct
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from hyperscale.errors import Refusal
from hyperscale.sandbox import Ending, Isolation, Layer, LayerState, Limits, Sandbox, bubblewrap, host, landlock, seccomp
from hyperscale.sandbox import sandbox as rooms
from hyperscale.sandbox.host import Host, survey
from hyperscale.sandbox.probe import with_bubblewrap
from hyperscale.sandbox.syscalls import ALLOWED, CONDITIONAL, DENIED

EPERM, ENOSYS = "fails with EPERM", "fails with ENOSYS"


def decide(machine: str, number: int, *arguments: int, pid: int = 7, architecture: int | None = None) -> str:
    """What a filter says to a call: an interpreter of BPF as slow and obvious as can be."""
    program = list(struct.iter_unpack("=HBBI", seccomp.compile_filter(pid, machine)))
    known = seccomp.ARCHITECTURES[machine][1]
    words = [argument & (1 << 64) - 1 for argument in (*arguments, *[0] * (6 - len(arguments)))]
    data = struct.pack("=iIQ6Q", number, known if architecture is None else architecture, 0, *words)
    accumulator = at = 0
    while True:
        code, yes, no, operand = program[at]
        at += 1
        if code == 0x20:
            (accumulator,) = struct.unpack_from("=I", data, operand)
        elif code == 0x54:
            accumulator &= operand
        elif code in (0x15, 0x35):
            at += yes if (accumulator == operand if code == 0x15 else accumulator >= operand) else no
        else:
            assert code == 0x06
            return {0x7FFF0000: "allowed", 0x80000000: "killed", 0x50000 | errno.EPERM: EPERM}.get(operand, ENOSYS)


def numbers(machine: str, table: str) -> dict[str, int]:
    column = 1 + seccomp.ARCHITECTURES[machine][0]
    rows = [entry.split(":") for entry in table.split()]
    return {row[0]: int(row[column]) for row in rows if row[column] != "-"}


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_the_filter_knows_its_calls(machine: str) -> None:
    for number in numbers(machine, ALLOWED).values():
        assert decide(machine, number) == "allowed"
    for number in numbers(machine, DENIED).values():
        assert decide(machine, number) == EPERM
    listed = {**numbers(machine, ALLOWED), **numbers(machine, CONDITIONAL), **numbers(machine, DENIED)}
    assert len(set(listed.values())) == len(listed)
    for number in set(range(600)) - set(listed.values()):
        assert decide(machine, number) == ENOSYS
    assert decide(machine, numbers(machine, ALLOWED)["read"], architecture=0x40000003) == "killed"


def test_numbers_for_32_bit_pointers_do_not_exist() -> None:
    assert decide("x86_64", 0x40000000) == ENOSYS
    assert decide("x86_64", 0x40000000 | 59) == ENOSYS


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
@pytest.mark.parametrize(
    ("name", "arguments", "allowed"),
    [
        ("clone", (0x3D0F00,), True),  # what glibc makes threads with
        ("clone", (0x7D0F00,), True),  # musl
        ("clone", (17,), False),
        ("clone", (0x4000 | 0x100 | 17,), False),
        ("clone", (0x3D0F00 | 0x10000000,), False),
        ("clone", (0x3D0F00 | 1 << 32,), False),
        ("kill", (7, 9), True),
        ("kill", (8, 9), False),
        ("kill", (0, 9), False),
        ("kill", (-1, 9), False),
        ("kill", (7 | 1 << 32, 9), False),
        ("tgkill", (7, 8, 9), True),
        ("tgkill", (8, 8, 9), False),
        ("prlimit64", (0,), True),
        ("prlimit64", (7,), True),
        ("prlimit64", (1,), False),
        ("fcntl", (0, 3), True),
        ("fcntl", (0, 8), False),
        ("fcntl", (0, 10), False),
        ("ioctl", (0, 0x5401), True),
        ("ioctl", (0, 0x5412), False),
        ("prctl", (15,), True),
        ("prctl", (1,), False),
        ("prctl", (4,), False),
        ("openat", (0, 0, 0), True),
        ("openat", (0, 0, 0o1000), False),
        ("openat", (0, 0, 0o1001), True),
        ("openat", (0, 0, 0o1002), True),
        ("openat", (0, 0, 0o1003), False),
        ("socketpair", (1, 1), True),
        ("socketpair", (1, 0o2004001), True),
        ("socketpair", (1, 2), False),
        ("socketpair", (2, 1), False),
        ("sendto", (3, 1, 1, 0, 0), True),
        ("sendto", (3, 1, 1, 1, 0), False),
        ("sendto", (3, 1, 1, 0, 1 << 40), False),
    ],
)
def test_arguments_decide(machine: str, name: str, arguments: tuple[int, ...], allowed: bool) -> None:
    assert decide(machine, numbers(machine, CONDITIONAL)[name], *arguments) == ("allowed" if allowed else EPERM)


def test_the_tables_agree_with_the_headers() -> None:
    headers = {
        "x86_64": (Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h"), r"#define __NR_(\w+) (\d+)"),
        "aarch64": (Path("/usr/include/asm-generic/unistd.h"), r"#define __NR(?:3264)?_(\w+) (\d+)"),
    }
    for machine, (header, pattern) in headers.items():
        if not header.exists():
            continue
        defined = {name: int(number) for name, number in re.findall(pattern, header.read_text())}
        defined.setdefault("newfstatat", 79)
        for table in (ALLOWED, CONDITIONAL, DENIED):
            for name, number in numbers(machine, table).items():
                assert defined[name] == number, name


def test_nothing_of_a_project_or_an_environment_is_readable() -> None:
    found = survey(Isolation.STRICT)
    import sys

    for path in found.read:
        assert not Path(__file__).is_relative_to(path)
        assert sys.prefix == sys.base_prefix or not Path(path).is_relative_to(sys.prefix)
        assert not path.startswith(("/proc", "/home", "/sys"))
        assert path not in ("/", "/etc", "/usr", "/tmp", "/dev")


@pytest.mark.parametrize("version", [1, 2, 3, 4, 5, 6, 7, 8])
def test_only_rights_that_a_kernel_knows_are_named(version: int, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    monkeypatch.setattr(landlock, "syscall", lambda *call: calls.append(call) or os.open("/dev/null", os.O_RDONLY))
    rules = landlock.ruleset(version, ["/usr"], ["/dev/null"])
    landlock.allow_scratch(rules, version, "/tmp", writable=True)
    landlock.allow_scratch(rules, version, "/tmp", writable=False)
    os.close(rules)
    _, attributes, length, _ = calls[0]
    assert length == {1: 8, 2: 8, 3: 8, 4: 16, 5: 16}.get(version, 24)
    most = (1 << {1: 13, 2: 14, 3: 15, 4: 15}.get(version, 16)) - 1
    assert struct.unpack_from("=Q", attributes)[0] == most
    for call in calls[1:]:
        rights, _ = struct.unpack("=Qi", call[3])
        assert 0 < rights <= most
        assert not rights & landlock.EXECUTE


@pytest.mark.skipif(landlock.abi() < 3, reason="an older kernel has fewer versions to try")
@pytest.mark.parametrize("version", [1, 2, 3])
def test_older_versions_hold_too(bare_host: Host, version: int) -> None:
    from hyperscale.sandbox.probe import holes

    assert holes(replace(bare_host, landlock=version)) == []


def test_limits_are_checked_when_they_are_made() -> None:
    for wrong in ({"cpu_seconds": 0}, {"cpu_seconds": float("inf")}, {"memory": 1000}, {"output": 0}, {"descriptors": 3}):
        with pytest.raises(ValueError):
            Limits(**wrong)
    assert Limits().wall_seconds == 20
    assert Limits(cpu_seconds=1, wall=3).wall_seconds == 3


def test_users_come_from_what_is_mapped() -> None:
    everything, _ = host._mapped_uids("         0          0 4294967295\n")
    assert everything == range(host.FIRST_UID, host.FIRST_UID + host.PIDS)
    rootless, why = host._mapped_uids("0 1000 1\n1 100000 65536\n")
    assert rootless == range(1 + 65536 - 8192, 1 + 65536)
    assert "8192" in why
    assert host._mapped_uids("0 1000 1\n")[0] == range(0)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("sys.platform", "darwin", "Linux only"),
        ("platform.machine", lambda: "riscv64", "riscv64"),
        ("landlock.abi", lambda: 0, "Landlock"),
    ],
)
def test_a_machine_that_cannot_isolate_is_refused(
    name: str, value: object, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(f"hyperscale.sandbox.host.{name}", value)
    with pytest.raises(Refusal, match=words) as refusal:
        Sandbox.open()
    assert words == "Linux only" or "--unsafe-no-sandbox" in str(refusal.value)


def test_the_level_names_the_walls(bare_host: Host, unsafe: Sandbox) -> None:
    parts = Sandbox(bare_host).level.split("+")
    assert parts[0] == f"landlock{landlock.abi()}"
    assert parts[1] == "seccomp"
    assert parts[2:] == (["uid"] if bare_host.uids else [])
    assert unsafe.level == "none (unsafe)"
    assert {report.layer for report in unsafe.describe()} == set(Layer)
    assert all("--unsafe-no-sandbox" in report.why for report in unsafe.describe() if report.state is LayerState.OFF)


@pytest.fixture
def fake_bwrap(tmp_path: Path) -> Iterator[Path]:
    """Stands for bubblewrap: writes its arguments down, then does as it is told."""
    fake = tmp_path / "bwrap"
    fake.write_text('#!/bin/sh\nprintf "%s\\n" "$@" > "$(dirname "$0")/arguments"\n. "$(dirname "$0")/then"\n')
    fake.chmod(fake.stat().st_mode | stat.S_IXUSR)
    return fake


def test_a_bubblewrap_that_fails_is_left_out_and_its_words_kept(bare_host: Host, fake_bwrap: Path) -> None:
    (fake_bwrap.parent / "then").write_text("echo 'bwrap: No permissions to create new namespace' >&2; exit 1")
    found = with_bubblewrap(replace(bare_host, bubblewrap=str(fake_bwrap)))
    (report,) = [report for report in found.reports if report.layer is Layer.BUBBLEWRAP]
    assert report.state is LayerState.OFF
    assert "No permissions to create new namespace" in report.why
    assert Sandbox(found).run_program("print(4)", "").stdout == b"4\n"


def test_a_bubblewrap_that_is_not_there_is_left_out(bare_host: Host) -> None:
    found = with_bubblewrap(replace(bare_host, bubblewrap=None))
    assert [report.why for report in found.reports if report.layer is Layer.BUBBLEWRAP] == [
        "not found (the package bubblewrap has it)"
    ]


def test_a_bubblewrap_that_vanishes_is_an_error_of_the_sandbox(bare_host: Host) -> None:
    gone = replace(bare_host, bubblewrap="/nonexistent/bwrap").reporting(Layer.BUBBLEWRAP, LayerState.ON, "")
    for outcome in (Sandbox(gone).run_program("", ""), Sandbox(gone).check_function("", "f", "", "")):
        assert outcome.ending is Ending.SANDBOX_ERROR
        assert "no process could be started" in outcome.detail


def test_bubblewrap_is_told_to_share_nothing(bare_host: Host) -> None:
    for uids in (range(0), range(1000, 2000)):
        words = bubblewrap.arguments(replace(bare_host, bubblewrap="bwrap", uids=uids), 1000, ["python"])
        assert {"--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts", "--die-with-parent"} <= set(words)
        assert ("--unshare-user" in words) is not bool(uids)
        assert words[words.index("--cap-drop") + 1] == "ALL"
        assert words[-2:] == ["--", "python"]
        assert words[words.index("--size") + 1] == "1000"
        assert not {"--bind", "--dev-bind", "--share-net"} & set(words)


def test_an_interpreter_that_does_not_start_is_an_error_of_the_sandbox(bare_host: Host) -> None:
    outcome = Sandbox(replace(bare_host, interpreter=Path("/bin/false"))).run_program("print(4)", "")
    assert outcome.ending is Ending.SANDBOX_ERROR
    assert "not ready" in outcome.detail


def test_a_step_that_fails_is_named(bare_host: Host) -> None:
    if not bare_host.uids:
        pytest.skip("only root changes users")
    # minus one: a request that the kernel grants without doing anything
    outcome = Sandbox(replace(bare_host, uids=range(2**32 - 1, 2**32))).run_program("print(4)", "")
    assert outcome.ending is Ending.SANDBOX_ERROR
    assert "uid" in outcome.detail


def test_the_machine_is_known() -> None:
    assert platform.machine() in seccomp.ARCHITECTURES
    assert rooms.Sandbox is Sandbox
