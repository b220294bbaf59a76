"""Which actions, settings and guards make which protocol: a file for each system.

The first value of a setting is what QEMU HEAD with Linux HEAD does, or what the proposal of 2016 did.
"""

from __future__ import annotations

from collections.abc import Iterable

from balloonproof.model.language import Configuration, System, UnknownName
from balloonproof.model.systems.balloon import BALLOON
from balloonproof.model.systems.balloon_skip import BALLOON_SKIP
from balloonproof.model.systems.combined import COMBINED
from balloonproof.model.systems.firecracker import FIRECRACKER
from balloonproof.model.systems.free_page_bitmap import FREE_PAGE_BITMAP
from balloonproof.model.systems.hinting import HINTING
from balloonproof.model.systems.postcopy import POSTCOPY
from balloonproof.model.systems.precopy import PRECOPY
from balloonproof.model.systems.qemu import QEMU
from balloonproof.model.systems.reporting import REPORTING
from balloonproof.model.systems.snapshot import SNAPSHOT

__all__ = [
    "BALLOON",
    "BALLOON_SKIP",
    "COMBINED",
    "FIRECRACKER",
    "FREE_PAGE_BITMAP",
    "HINTING",
    "POSTCOPY",
    "PRECOPY",
    "QEMU",
    "REPORTING",
    "SNAPSHOT",
    "SYSTEMS",
    "find_system",
    "shown_configurations",
]

SYSTEMS: tuple[System, ...] = (PRECOPY, BALLOON, REPORTING, FREE_PAGE_BITMAP, BALLOON_SKIP, COMBINED, HINTING, POSTCOPY, SNAPSHOT, FIRECRACKER, QEMU)


def shown_configurations(systems: Iterable[System] = SYSTEMS) -> list[Configuration]:
    """Each of these systems at its defaults and at its safe settings."""
    return [item for system in systems for item in dict.fromkeys([system.configure(), system.configure(dict(system.safe))])]


def find_system(name: str) -> System:
    """The system called `name`; UnknownName with the nearest name if there is none."""
    for system in SYSTEMS:
        if system.name == name:
            return system
    raise UnknownName("system", name, [system.name for system in SYSTEMS])
