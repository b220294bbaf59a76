"""Snapshots: QEMU's of a running VM, Firecracker's of a paused one with hints that discard; each guard is needed, and one page suffices."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from strategies import levels

from balloonproof.checker import check
from balloonproof.checker.model_trace import trace_of
from balloonproof.checker.read import Expectation, write_native_file
from balloonproof.model.compiled import Layout, compile_predicate
from balloonproof.model.engines import verdict
from balloonproof.model.engines.premise import check_projection
from balloonproof.model.engines.progress import check_progress
from balloonproof.model.engines.reachability import Reachable, explore, holds
from balloonproof.model.explicit import Explicit, Shape
from balloonproof.model.language import Configuration
from balloonproof.model.one_page import OnePage
from balloonproof.model.systems import FIRECRACKER, SNAPSHOT, find_system
from balloonproof.model.terms import disj, negate

Settings = Mapping[str, str]

WAITING: Settings = {"release-waits-for-ack": "yes"}
LOCKED: Settings = {"written-pages": "locked", "command-id-buffer": "per-round"}
ON_FAULT: Settings = {**WAITING, "restore": "on-fault"}
INCREMENTAL: Settings = {**LOCKED, "saves": "written-and-discarded"}


def shortest_violation(system: str, settings: Settings, without: Iterable[str] = ()) -> tuple[str, int] | None:
    """The property that is violated with the fewest steps, and how many; None if none is."""
    one = OnePage(find_system(system).configure(settings, without))
    bad = one.violated()
    found = explore(one, stop_at=disj(*bad.values()))
    hits = {name: found.first(term) for name, term in bad.items()}
    return min(((name, hit[0]) for name, hit in hits.items() if hit), key=lambda item: item[1], default=None)


@cache
def reachable(configuration: Configuration) -> Reachable:
    return explore(OnePage(configuration))


# ---------------------------------------------------------------------------------------------------------------- verdicts


@pytest.mark.parametrize("waits", ["yes", "no"])
def test_a_background_snapshot_is_right_with_every_setting(waits: str) -> None:
    assert shortest_violation("snapshot", {"deflate-waits-for-ack": waits}) is None


NEEDED_IN_THE_BACKGROUND = [
    ("inflate-before-deflate", "host-keeps-content", 8),
    ("fresh-bitmap", "snapshot-is-right", 6),
    ("populate-first", "snapshot-is-right", 18),
    ("stop-until-protected", "snapshot-is-right", 9),
    ("start-vm-elsewhere", "saver-never-waits", 5),
    ("save-before-let-go", "snapshot-is-right", 10),
    ("flush-before-let-go", "snapshot-is-right", 10),
    ("no-sync-in-snapshot", "snapshot-is-right", 13),
    ("inhibit-in-snapshot", "snapshot-is-right", 14),
    ("one-mapping", "snapshot-is-right", 11),
]


@pytest.mark.parametrize(("guard", "violated", "steps"), NEEDED_IN_THE_BACKGROUND)
def test_a_background_snapshot_needs_each_guard(guard: str, violated: str, steps: int) -> None:
    assert shortest_violation("snapshot", {}, [guard]) == (violated, steps)


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, ("host-keeps-content", 9)),
        ({"early-release": "no"}, ("host-keeps-content", 14)),
        ({"written-pages": "looked-up", "command-id-buffer": "per-round"}, ("host-keeps-content", 10)),
        ({"written-pages": "locked"}, ("host-keeps-content", 13)),
        ({**WAITING, "saves": "written"}, ("discarded-reads-zeros", 10)),
        (WAITING, None),
        (ON_FAULT, None),
        (LOCKED, None),
        (INCREMENTAL, None),
    ],
    ids=str,
)
def test_what_makes_hints_that_discard_safe(settings: Settings, expected: tuple[str, int] | None) -> None:
    assert shortest_violation("firecracker", settings) == expected


NEEDED_BY_HINTS: list[tuple[str, Settings, str, int]] = [
    ("check-command-id", LOCKED, "host-keeps-content", 10),
    ("hints-only-when-started", LOCKED, "host-keeps-content", 10),
    ("pause-quiesces-device", WAITING, "host-keeps-content", 19),
    ("pause-quiesces-device", INCREMENTAL, "host-keeps-content", 11),
    ("done-before-queues", LOCKED, "host-keeps-content", 14),
    ("remap-on-discard", WAITING, "discarded-reads-zeros", 11),
    ("handler-tracks-discards", ON_FAULT, "discarded-reads-zeros", 12),
]


@pytest.mark.parametrize(("guard", "settings", "violated", "steps"), NEEDED_BY_HINTS)
def test_hints_that_discard_need_each_guard(guard: str, settings: Settings, violated: str, steps: int) -> None:
    assert shortest_violation("firecracker", settings) is None
    assert shortest_violation("firecracker", settings, [guard]) == (violated, steps)


def test_every_guard_is_among_them() -> None:
    assert {guard for guard, *_ in NEEDED_IN_THE_BACKGROUND} == {guard.name for guard in SNAPSHOT.guards}
    assert {guard for guard, *_ in NEEDED_BY_HINTS} == {guard.name for guard in FIRECRACKER.guards}


@pytest.mark.parametrize("configuration", [SNAPSHOT.configure(), FIRECRACKER.configure(WAITING)], ids=str)
def test_it_is_proved_with_witnesses_and_progress(configuration: Configuration) -> None:
    result = verdict.decide(configuration)
    assert (result.verdict, result.reasons) == ("proved", [])
    assert result.rechecked_by
    assert all(witness.run for witness in result.witnesses)
    assert result.progress
    assert not any(check.stuck for check in result.progress)


def test_a_device_that_is_not_stopped_lets_an_acknowledged_hint_be_taken_twice() -> None:
    result = verdict.decide(FIRECRACKER.configure(WAITING, ["pause-quiesces-device"]))
    actions = [step.step.action.name for step in result.counterexamples[0].run.steps]
    assert actions.index("save-state") < actions.index("use-unsaved") < actions.index("restore") < actions.index("discard-hinted")


@pytest.mark.parametrize(
    "configuration",
    [SNAPSHOT.configure(without=["inhibit-in-snapshot"]), FIRECRACKER.configure(), FIRECRACKER.configure({**WAITING, "saves": "written"})],
    ids=str,
)
def test_a_counterexample_is_a_trace_that_is_rejected_for_the_same_reason(configuration: Configuration, tmp_path: Path) -> None:
    for found in verdict.decide(configuration).counterexamples:
        path = tmp_path / "counterexample.trace"
        write_native_file(trace_of(found.run, expect=Expectation("reject", 0, found.property)), path)
        report = check(path)
        assert report.verdict == "reject"
        assert [(item.kind, item.property_name, item.count) for item in report.findings] == [("violated", found.property, 1)]


def test_a_thread_that_waits_for_itself_finishes_no_snapshot() -> None:
    found = reachable(SNAPSHOT.configure(without=["start-vm-elsewhere"]))
    stuck = {item.name: check_progress(found, item).stuck for item in SNAPSHOT.properties if item.kind == "progress"}
    assert stuck["snapshot-can-finish"] > 0
    assert stuck["writes-go-on"] > 0


# ----------------------------------------------------------------------------------------------------------------- premise

PREMISE = [
    *(("snapshot", {}, [guard]) for guard in ("", *(item.name for item in SNAPSHOT.guards))),
    ("snapshot", {"deflate-waits-for-ack": "no"}, [""]),
    *(("firecracker", ON_FAULT, [guard]) for guard in ("", *(item.name for item in FIRECRACKER.guards))),
    ("firecracker", INCREMENTAL, ["pause-quiesces-device"]),
    ("firecracker", {"written-pages": "looked-up", "saves": "written", "early-release": "no"}, ["remap-on-discard"]),
]


@pytest.mark.parametrize(("system", "settings", "without"), PREMISE, ids=str)
def test_each_explicit_step_is_a_step_of_the_one_page_system(system: str, settings: Settings, without: list[str]) -> None:
    configuration = find_system(system).configure(settings, filter(None, without))
    assert [name for name, failure in check_projection(configuration) if failure] == []


# ----------------------------------------------------------------------------------------------------- by brute force


@pytest.mark.parametrize(
    ("without", "safe"), [([], True), (["inhibit-in-snapshot"], False), (["flush-before-let-go"], False), (["stop-until-protected"], False)], ids=str
)
def test_brute_force_on_two_pages_agrees(without: list[str], safe: bool) -> None:
    configuration = SNAPSHOT.configure(without=without)
    explicit = Explicit(configuration, Shape((0, 1)))
    states = np.concatenate(list(levels(explicit)))
    bad = disj(*(negate(explicit.predicate(item, page)) for item in SNAPSHOT.properties if item.kind == "always" for page in (0, 1)))
    assert len(states) > 1000
    assert holds(compile_predicate(bad, Layout.of(explicit.variables)), states).any() != safe


LOG = """\
1@100.000000:migrate_set_state new state setup
2@100.100000:migrate_set_state new state active
2@100.200000:vm_state_notify running 0 reason 2 (paused)
1@100.300000:vm_state_notify running 1 reason 9 (running)
{saves}2@101.000000:migrate_set_state new state completed
2@101.100000:savevm_state_cleanup
1@102.000000:vm_state_notify running 0 reason 2 (paused)
"""
LOADS = "9@200.000000:ram_load_start \n9@200.000001:ram_load_start \n{loads}9@201.000000:migrate_set_state new state completed\n"
SAVE = "2@100.4{page:05}:ram_save_page pc.ram: offset: {page:#x}000 host: 0x7f0000000000\n"
LOAD = "9@200.4{page:05}:ram_load_loop pc.ram: addr: {page:#x}000 flags: 0x8 host: 0x7f0000000000\n"
ASKED = '{"execute": "migrate-set-capabilities", "arguments": {"capabilities": [{"capability": "background-snapshot", "state": true}]}}'
PAGES = 256


@pytest.mark.parametrize(("unsaved", "verdict"), [((), "accept"), ((5,), "reject")])
@pytest.mark.parametrize("told_by", ["qmp", "log"])
def test_logs_of_a_background_snapshot_are_checked_as_one(tmp_path: Path, unsaved: tuple[int, ...], verdict: str, told_by: str) -> None:
    """QEMU logs it as a migration, without syncs; the VM is stopped and started in between, and whenever somebody wants to."""
    pages = [page for page in range(PAGES) if page not in unsaved]
    saves = "1@100.350000:memory_notdirty_write_access 0x1 ram_addr 0x9000 size 8\n" + "".join(SAVE.format(page=page) for page in pages)
    (tmp_path / "src.cmdline").write_text("qemu-system-x86_64 -accel tcg -m 1M\n")
    (tmp_path / "src.log").write_text(LOG.format(saves=saves))
    (tmp_path / "dst.log").write_text(LOADS.format(loads="".join(LOAD.format(page=page) for page in pages)))
    if told_by == "qmp":
        (tmp_path / "src.qmp.log").write_text(f"99.0 > {ASKED}\n")
    report = check(tmp_path)
    assert (report.configuration.system, report.verdict, report.completed) == (SNAPSHOT, verdict, True)
    assert [item.pages for item in report.findings] == [((page, 1),) for page in unsaved]


def test_a_migration_whose_syncs_were_not_recorded_is_no_snapshot(tmp_path: Path) -> None:
    """The VM may be paused and resumed in it as well, but it is stopped for the last time to finish the migration."""
    (tmp_path / "src.cmdline").write_text("qemu-system-x86_64 -accel tcg -m 1M\n")
    stop = "2@100.900000:vm_state_notify running 0 reason 7 (finish-migrate)\n"
    (tmp_path / "src.log").write_text(LOG.format(saves=SAVE.format(page=5) + stop))
    assert check(tmp_path).configuration.system.name == "precopy"
