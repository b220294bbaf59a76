"""What was recorded: system, settings and guards of the model, as the files of a record tell them, each with its reason.

Nothing is asked of whoever checks a record; ``--system``, ``--set`` and ``--without`` override what is inferred here.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from balloonproof.model.systems import find_system

from .qemu import PAGE_BITS, QemuLog
from .qmp import QmpLog, Version
from .zero_pages import TIMED_SYNC

_MEMORY = re.compile(r"\s-m\s+(?:size=)?(\d+)([kKmMgGtT]?)\b")
_MEMORY_UNITS = {"k": 1 << 10, "": 1 << 20, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}
_TCG = re.compile(r"\baccel[\s=]tcg\b")
_KVM = re.compile(r"(\baccel[\s=]|-enable-)kvm\b")
_HINTS_ASKED_FOR = re.compile(r"\bfree-page-hint=(on|true|yes)\b")

_HINT_EVENTS = frozenset({"host.hint", "guest.hint"})

_NO_HINTS_WITH_POSTCOPY: Version = (6, 2, 0)
"""From fd51e54fa1 on, hints are not asked for if the migration may switch to post-copy."""

SPECIAL = {"postcopy": "it switches to post-copy", "snapshot": "it is a background snapshot"}
"""Systems that a migration may be of because of how it goes, and why."""

# when QEMU learned what: setting or guard, its value before that, the first version with it
_SINCE: tuple[tuple[Version, Mapping[str, str]], ...] = (
    ((4, 1, 0), {"dirty-log": "get-and-clear"}),  # KVM manual protection: 002cad6b16
    ((5, 1, 0), {"initially-set": "no"}),  # KVM_DIRTY_LOG_INITIALLY_SET
    ((6, 1, 0), {"hint-clears-log": "no"}),  # 3143577d6a
)
_GUARDS_SINCE: tuple[tuple[Version, tuple[str, ...]], ...] = (
    ((4, 0, 0), ("stop-before-sync",)),  # c13c4153f7
    ((4, 1, 0), ("fresh-bitmap",)),  # 40c4d4a835
    ((5, 1, 0), ("start-only-when-requested", "done-on-cleanup")),  # 20a4da0f23, dd8eeb9671
    (_NO_HINTS_WITH_POSTCOPY, ("no-hints-with-postcopy",)),
)


@dataclass(frozen=True)
class Inferred:
    """The model's name for what was recorded; ``notes`` say why."""

    system: str
    settings: Mapping[str, str]
    without: tuple[str, ...]
    notes: tuple[str, ...]


def infer(command: str, qmp: QmpLog | None, observed: Collection[str], steps: Collection[str] = (), special: str = "") -> Inferred:
    """From the source's command line ("" if there is none), its QMP session, the names of events that were seen, the kinds of steps in its log, and what is
    `special` about the migration, see :data:`SPECIAL`."""
    version = qmp.version if qmp is not None else None
    system, why = (special, SPECIAL[special]) if special else _system(command, qmp, observed)
    known = {setting.name: setting.values for setting in find_system(system).settings}
    guards = {guard.name for guard in find_system(system).guards}
    settings: dict[str, str] = {}
    reasons = [why]
    for first, old in _SINCE:
        if version is not None and version < first:
            settings |= {name: value for name, value in old.items() if name in known}
    if "dirty-log" in known:
        dirty_log, why_log = _dirty_log(command, known["dirty-log"])
        if dirty_log == "tcg" or (dirty_log is not None and "dirty-log" not in settings):
            settings["dirty-log"] = dirty_log
        reasons.append(why_log)
    if TIMED_SYNC in steps and "mid-round-sync" in known:
        settings["mid-round-sync"] = "yes"
        reasons.append(f"a timer syncs in the middle of a round ({TIMED_SYNC} in the source's log)")
    without = tuple(name for first, names in _GUARDS_SINCE for name in names if version is not None and version < first and name in guards)
    reasons.append(f"QEMU {'.'.join(map(str, version))} (QMP)" if version is not None else "QEMU's version is not recorded: the newest is assumed")
    chosen = " ".join([system, *(f"{name}={value}" for name, value in settings.items()), *(f"without {name}" for name in without)])
    return Inferred(system, settings, without, (f"checked as {chosen}: {'; '.join(reasons)}",))


def takes_snapshot(qmp: QmpLog | None, source: QemuLog | None) -> bool:
    """Is what is started as a migration a background snapshot: does QMP ask for one, or else does the VM stop and go on before it completes, without a sync?"""
    if qmp is not None and "background-snapshot" in qmp.capabilities:
        return qmp.capabilities["background-snapshot"]
    if source is None or "migration_bitmap_sync_start" in source.kinds:
        return False
    went_on = False
    for step in source.steps:
        state, runs = step.fields.get("state"), "1" if step.fields.get("new_name") == "running" else step.fields.get("running", "0")
        if state == "setup" or "finish-migrate" in (step.fields.get("new_name"), step.fields.get("reason_name")):
            went_on = False
        elif state == "completed":
            return went_on
        else:
            went_on |= runs != "0"
    return False


def memory_pages(command: str) -> int | None:
    """The pages of the guest's main RAM block, if the command line says so."""
    memory = _MEMORY.search(command)
    return int(memory[1]) * _MEMORY_UNITS[memory[2].lower()] >> PAGE_BITS if memory is not None else None


def _system(command: str, qmp: QmpLog | None, observed: Collection[str]) -> tuple[str, str]:
    if _HINT_EVENTS & set(observed):
        return "hinting", "hints were recorded"
    if command and not _HINTS_ASKED_FOR.search(command):
        return "precopy", "the command line does not turn free-page-hint on"
    if qmp is not None and qmp.capabilities.get("postcopy-ram") and (qmp.version or _NO_HINTS_WITH_POSTCOPY) >= _NO_HINTS_WITH_POSTCOPY:
        return "precopy", "with the capability postcopy-ram (QMP) QEMU asks for no hints"
    return "hinting", "the command line turns free-page-hint on" if command else "there is no command line, so free page hinting is assumed"


def _dirty_log(command: str, values: Collection[str]) -> tuple[str | None, str]:
    """How writes are remembered, in the words that the system has for it."""
    if _TCG.search(command):
        return "tcg", "accelerator TCG (command line)"
    if _KVM.search(command):
        if "dirty-ring-size=" in command:
            return "ring" if "ring" in values else "get-and-clear", "KVM with a dirty ring (command line)"
        return "manual", "KVM (command line)"
    return None, "the accelerator is not recorded: KVM is assumed"
