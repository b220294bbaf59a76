"""Devices that are assigned to the guest (VFIO, vhost-vdpa): they pin its memory, and write it without a vCPU.

A discard takes the page away from the vCPUs and not from the device, which goes on with the pinned memory: the two no longer see the same page
(QEMU c65ee43315, 238e917285, 3.1).  So discards are forbidden while such a device is there.
"""

from __future__ import annotations

from balloonproof.model.actions.guest import write_from_outside
from balloonproof.model.language import Actor, action, require
from balloonproof.model.state import Owner, Page, Pins, State
from balloonproof.model.terms import choose


@action(Actor.MANAGEMENT, event="device.attach", source="QEMU vfio_ram_block_discard_disable, vhost_vdpa_device_class; ram_block_discard_disable(true)")
def attach(s: State) -> None:
    """An assigned device is plugged in: all memory is pinned, and discards are forbidden."""
    s.pins = choose(s.pins == Pins.NONE, Pins.ONE, Pins.SEVERAL)
    if s.keeps("inhibit-while-pinned"):
        s.inhibited = True


@action(Actor.MANAGEMENT, event="device.detach", source="QEMU ram_block_discard_disable(false): a count since 01ccbec7bd (3.1), a flag before")
def detach(s: State) -> None:
    """One is unplugged, and one or none is left.  Discards are allowed again after the last: the inhibitors are counted."""
    require(s.pins != Pins.NONE)
    s.pins = choose(s.pins == Pins.SEVERAL, Pins.ONE, Pins.NONE)
    s.inhibited = s.inhibited & (s.pins != Pins.NONE) if s.keeps("inhibitors-are-counted") else False
    for page in s.pages:
        page.replaced = page.replaced & (s.pins != Pins.NONE)


@action(Actor.MANAGEMENT, event="device.detach", source="QEMU ram_block_discard_disable(false)")
def detach_of_many(s: State) -> None:
    """One is unplugged, and several are left."""
    require(s.pins == Pins.SEVERAL)
    if not s.keeps("inhibitors-are-counted"):
        s.inhibited = False


@action(Actor.GUEST, event="device.dma", source="QEMU vfio_listener_region_add: the IOMMU maps the pages that were there; vfio log_sync")
def assigned_device_write(s: State, page: Page) -> None:
    """An assigned device writes a page that the guest gave it; if the page was discarded since it was pinned, the guest does not see the write."""
    require(s.running, page.owner == Owner.USED, s.pins != Pins.NONE)
    write_from_outside(s, page)
    page.damaged = page.damaged | page.replaced
