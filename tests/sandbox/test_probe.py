"""The probe attacks every sandbox before it is used, and finds the hole where a layer is missing."""

import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from hyperscale.errors import Refusal
from hyperscale.sandbox import Isolation, Layer, LayerState, Sandbox, attacks, orders, probe
from hyperscale.sandbox.host import Host, survey

# Attacks that each layer alone keeps out; with it away, the probe must name at least these.
ALONE = {
    Layer.LIMITS: {"use more memory", "raise the limits"},
    Layer.LANDLOCK: {"read a file outside", "read through a symbolic link", "list a folder outside", "write a file outside"},
    Layer.SECCOMP: {
        "fork",
        "internet socket",
        "local socket",
        "process by clone",
        "process by clone3",
        "execute a file",
        "io_uring",
    },
    Layer.UID: {"be or become root"},
}
# What limits and a clean start keep out even of an unsafe sandbox.
NEVER = {"use more memory", "raise the limits", "inherited descriptors", "inherited environment"}


def named(holes: list[probe.Hole]) -> set[str]:
    return {hole.attack for hole in holes}


def without(host: Host, layer: Layer) -> Host:
    host = host.reporting(layer, LayerState.OFF, "left out by a test")
    return replace(host, uids=range(0)) if layer is Layer.UID else host


def test_a_sandbox_that_holds_is_opened_quickly() -> None:
    started = time.monotonic()
    sandbox = Sandbox.open()
    assert time.monotonic() - started < 5
    assert "landlock" in sandbox.level
    assert sandbox.run_program("print(4)", "").stdout == b"4\n"


@pytest.mark.parametrize("layer", list(ALONE))
def test_a_missing_layer_is_found(bare_host: Host, layer: Layer) -> None:
    if layer is Layer.UID and not bare_host.uids:
        pytest.skip("only root changes users")
    found = named(probe.holes(without(bare_host, layer)))
    assert ALONE[layer] <= found
    with pytest.raises(Refusal, match=sorted(ALONE[layer])[0]) as refusal:
        probe.probed(replace(without(bare_host, layer), bubblewrap=None))
    assert "--unsafe-no-sandbox" in str(refusal.value)


def test_without_any_layer_every_attack_is_seen_to_work() -> None:
    host = survey(Isolation.NONE)
    everything = set(attacks.attacks({}))
    import os

    rooted = set() if os.getuid() == 0 else {"be or become root"}
    seen = named(probe.holes(host))
    # what an ordinary user may not do in any case, or what some kernels leave out, proves nothing
    elsewhere = rooted | ({"mount", "new namespace"} if rooted else set())
    assert everything - NEVER - elsewhere <= seen | {"keys of the kernel", "catch page faults", "load BPF", "io_uring"}
    assert not NEVER & seen


@pytest.mark.parametrize(
    ("key", "value", "attack"),
    [
        ("private", False, "be traced by others"),
        ("limits", [], "use more memory"),
        ("seccomp", b"", "fork"),
        ("landlock", 0, "read a file outside"),
    ],
)
def test_a_step_left_out_is_found(
    bare_host: Host, monkeypatch: pytest.MonkeyPatch, key: str, value: object, attack: str
) -> None:
    whole = orders._plan

    def torn(*arguments: Any) -> Mapping[str, Any]:
        # without no_new_privs only root may add a filter, so root's is taken from what it can still do
        return whole(*arguments) | {key: value}

    monkeypatch.setattr(orders, "_plan", torn)
    found = named(probe.holes(bare_host))
    assert attack in found or "start" in found


def test_an_attack_that_says_nothing_counts(bare_host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe, "source", lambda name: orders.source(name) + "\nattacks = lambda target: {}")
    assert named(probe.holes(bare_host)) == set(attacks.attacks({}))
    monkeypatch.setattr(probe, "source", lambda name: "import os\nos._exit(0)")
    assert named(probe.holes(bare_host)) == set(attacks.attacks({}))


def test_an_attack_that_fails_for_another_reason_counts() -> None:
    def broken() -> None:
        raise NameError("no such thing")

    def missing() -> None:
        raise OSError(22, "Invalid argument")

    def refused() -> None:
        raise PermissionError(13, "Permission denied")

    assert attacks.attempt(broken).startswith(attacks.UNTRIED)
    assert attacks.attempt(missing).startswith(attacks.UNTRIED)
    assert attacks.attempt(refused) == attacks.DENIED
    assert attacks.attempt(lambda: "loot") == attacks.SUCCEEDED


def test_a_sandbox_that_stops_honest_programs_is_refused(bare_host: Host) -> None:
    blind = replace(bare_host, read=())  # no standard library
    assert "an ordinary program" in named(probe.holes(blind))


def test_a_deadline_that_is_not_kept_is_found(bare_host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe, "_STUBBORN", "pass")
    monkeypatch.setattr(probe, "_TALKATIVE", "print(4)")
    monkeypatch.setattr(probe, "_MANY_THREADS", "print(4)")
    assert {"outlive the deadline", "print without end", "threads beyond the limit"} == named(probe.holes(bare_host))


def test_a_machine_too_busy_to_start_an_interpreter_in_time_is_given_more(
    bare_host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(probe, "_WALLS_S", (0.001,))
    assert named(probe.holes(bare_host)) == {"outlive the deadline"}
    monkeypatch.setattr(probe, "_WALLS_S", (0.001, 5.0))
    assert probe.holes(bare_host) == []


def test_unsafe_means_no_probe(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe, "holes", lambda host: [probe.Hole("all", "open")])
    assert Sandbox.open(Isolation.NONE).level == "none (unsafe)"
    with pytest.raises(Refusal, match="all: open"):
        Sandbox.open()
