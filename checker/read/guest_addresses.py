"""Where the guest's physical addresses lie in its RAM block.

The guest's own page numbers (kprobes, addresses in the balloon's queues, dumps of physical memory) are those of its physical
addresses; sends, honoured hints, syncs and QEMU's writes are numbered within the RAM block.  They differ on a PC
with much memory: devices take the addresses just below 4 GiB, and the RAM that would lie there is found from 4 GiB on.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from .events import Pages
from .qemu import PAGE_BITS

_MACHINE = re.compile(r"\s-(?:M|machine)\s+(?:type=)?([^\s,]+)")
_MOVED_SPLIT = re.compile(r"\bmax-ram-below-4g=")
_PC = re.compile(r"pc|pc-i440fx-.*")
_Q35 = re.compile(r"q35|pc-q35-.*")

_FOUR_GIB = 1 << 32 - PAGE_BITS
_GIB = 1 << 30 - PAGE_BITS


@dataclass(frozen=True)
class GuestAddresses:
    """The first `below` pages of RAM lie from address 0 on, the others from 4 GiB on; `doubt` says why that may be wrong."""

    below: int = _FOUR_GIB
    doubt: str = ""

    def in_block(self, pages: Pages) -> Pages:
        """These pages of physical addresses as pages of the RAM block; what lies in the gap is no RAM and left out."""
        found: list[tuple[int, int]] = []
        for first, count in pages:
            end, high = first + count, max(first, _FOUR_GIB)
            if first < self.below:
                found.append((first, min(end, self.below) - first))
            if high < end:
                found.append((high - _FOUR_GIB + self.below, end - high))
        return tuple(found)


def guest_addresses(command: str, pages: int) -> GuestAddresses:
    """Of a guest with so many pages of RAM, started by this command line ("" if that is not known: a PC).

    Source: QEMU pc_init1() in hw/i386/pc_piix.c and pc_q35_init() in hw/i386/pc_q35.c, machine types from 2.0 on.
    """
    named = _MACHINE.search(command)
    machine = named[1] if named is not None else "pc"
    if _MOVED_SPLIT.search(command):
        return GuestAddresses(doubt="max-ram-below-4g is set")
    if _Q35.fullmatch(machine):
        return GuestAddresses(2 * _GIB if pages >= 11 * _GIB // 4 else _FOUR_GIB)
    if _PC.fullmatch(machine):
        return GuestAddresses(3 * _GIB if pages >= 7 * _GIB // 2 else _FOUR_GIB)
    return GuestAddresses(doubt=f"the machine {machine} is not known")
