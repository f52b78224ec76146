"""What this machine has to keep a program in."""

import os
import platform
import shutil
import sys
import sysconfig
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

from hyperscale.errors import Refusal
from hyperscale.sandbox import landlock, seccomp
from hyperscale.sandbox.outcome import Isolation

UNSAFE = "To run programs without isolation all the same, where nothing can be lost, pass --unsafe-no-sandbox."
PIDS = 1 << 22  # the most processes a Linux kernel numbers
FIRST_UID = 0x70000000  # far above what system tools hand out
_CHOWN, _KILL, _SETGID, _SETUID = 0, 5, 6, 7  # numbers of capabilities
_LIBRARIES = ("/usr/lib", "/usr/lib64", "/lib", "/lib64")
_FILES = ("/etc/ld.so.cache", "/etc/localtime", "/usr/share/zoneinfo", "/dev/zero", "/dev/random", "/dev/urandom")
_WRITABLE = ("/dev/null",)


class Layer(StrEnum):
    """One of the walls around a program; each holds without the others."""

    LIMITS = "limits"
    BUBBLEWRAP = "bwrap"
    LANDLOCK = "landlock"
    SECCOMP = "seccomp"
    UID = "uid"


class LayerState(StrEnum):
    """Whether a layer stands."""

    ON = "on"
    OFF = "off"


@dataclass(frozen=True, slots=True)
class LayerReport:
    """A layer, whether it stands, and why."""

    layer: Layer
    state: LayerState
    why: str


@dataclass(frozen=True, slots=True)
class Host:
    """The layers this machine offers, and where its interpreter lies."""

    reports: tuple[LayerReport, ...]
    landlock: int
    uids: range  # of which every process gets one of its own; empty where processes keep their user
    interpreter: Path
    read: tuple[str, ...]
    bubblewrap: str | None = None
    write: tuple[str, ...] = _WRITABLE

    def has(self, layer: Layer) -> bool:
        return any(report.layer is layer and report.state is LayerState.ON for report in self.reports)

    def reporting(self, layer: Layer, state: LayerState, why: str) -> "Host":
        """The same host, with another word on one layer."""
        rest = tuple(report for report in self.reports if report.layer is not layer)
        return replace(self, reports=(*rest, LayerReport(layer, state, why)))


def survey(isolation: Isolation) -> Host:
    """Find out what there is.

    Raises
    ------
    Refusal
        Isolation is wanted, and a layer is missing that nothing can replace.
    """
    if sys.platform != "linux":
        raise Refusal(f"Programs written by models run on Linux only, such as in a container; this is {sys.platform}.")
    bare = Host((), 0, range(0), _interpreter(), _readable())
    if isolation is Isolation.NONE:
        off = (Layer.BUBBLEWRAP, Layer.LANDLOCK, Layer.SECCOMP, Layer.UID)
        reports = tuple(LayerReport(layer, LayerState.OFF, "switched off by --unsafe-no-sandbox") for layer in off)
        return replace(bare, reports=(LayerReport(Layer.LIMITS, LayerState.ON, "CPU time, memory, files"), *reports))
    if not seccomp.supported():
        known = " and ".join(seccomp.ARCHITECTURES)
        raise Refusal(f"The sandbox knows the system calls of {known}, not of {platform.machine()}. {UNSAFE}")
    version = landlock.abi()
    if not version:
        raise Refusal(
            "This kernel does not offer Landlock, without which programs written by models could read and write files. "
            "It takes Linux 5.13 or newer with `landlock` in /sys/kernel/security/lsm and, in a container, "
            f"a seccomp profile that lets landlock_create_ruleset through. {UNSAFE}"
        )
    uids, why = _uids()
    reports = (
        LayerReport(Layer.LIMITS, LayerState.ON, "CPU time, memory, files, processes"),
        LayerReport(Layer.LANDLOCK, LayerState.ON, f"version {version} of the kernel's interface"),
        LayerReport(Layer.SECCOMP, LayerState.ON, platform.machine()),
        LayerReport(Layer.UID, LayerState.ON if uids else LayerState.OFF, why),
    )
    return replace(bare, reports=reports, landlock=version, uids=uids, bubblewrap=shutil.which("bwrap"))


def _interpreter() -> Path:
    """The interpreter behind a virtual environment, which often lies where programs may not look."""
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    for candidate in (Path(sys.base_prefix, "bin", version), Path(getattr(sys, "_base_executable", sys.executable))):
        if candidate.exists():
            return candidate.resolve()
    return Path(sys.executable).resolve()


def _readable() -> tuple[str, ...]:
    """The standard library and shared libraries; no site-packages beyond what lies in the same folder, no /etc, no /proc."""
    # not platstdlib, which lies in the virtual environment, and that in somebody's project
    library = {sysconfig.get_path("stdlib"), *(str(Path(sys.base_exec_prefix, name)) for name in ("lib", "lib64"))}
    return tuple(path for path in (*sorted(library), *_LIBRARIES, *_FILES) if os.path.exists(path))


def _uids() -> tuple[range, str]:
    """User ids to run processes under, and a word about them."""
    if os.geteuid() != 0:
        return range(0), "not started by root: programs run as the same user"
    if not _capable(_CHOWN, _KILL, _SETGID, _SETUID):
        return range(0), "root without the capabilities to change users and to signal theirs"
    return _mapped_uids(Path("/proc/self/uid_map").read_text())


def _mapped_uids(uid_map: str) -> tuple[range, str]:
    extents = [(int(first), int(count)) for first, _, count in (line.split() for line in uid_map.splitlines())]
    if any(first <= FIRST_UID and first + count >= FIRST_UID + PIDS for first, count in extents):
        return range(FIRST_UID, FIRST_UID + PIDS), "every process has a user of its own"
    first, count = max(extents, key=lambda extent: extent[1], default=(0, 0))
    share = count // 8  # the upper end: the lower one has the users of the system
    if share < 1000:
        return range(0), f"this container has {count} users only"
    return range(first + count - share, first + count), f"{share} users for processes, as many as this container spares"


def _capable(*capabilities: int) -> bool:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("CapEff:"):
            mask = int(line.split()[1], 16)
            return all(mask >> capability & 1 for capability in capabilities)
    return False
