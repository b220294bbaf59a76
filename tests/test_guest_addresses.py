"""Physical addresses of the guest are found in its RAM block, on both sides of the gap below 4 GiB."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from balloonproof.checker.read.guest_addresses import guest_addresses

GIB = 1 << 18
MACHINES = {"pc": 3 * GIB, "pc-i440fx-10.0": 3 * GIB, "q35": 2 * GIB, "pc-q35-9.2": 2 * GIB}


@pytest.mark.parametrize(("machine", "below"), MACHINES.items())
def test_ram_above_the_split_lies_from_4_gib_on(machine: str, below: int) -> None:
    found = guest_addresses(f"qemu -machine {machine},accel=kvm -m 8G", 8 * GIB)
    assert found.in_block(((below - 1, 1), (4 * GIB, 1024))) == ((below - 1, 1), (below, 1024))
    assert found.in_block(((below, 4 * GIB - below),)) == ()
    assert found.in_block(((below - 1, 4 * GIB - below + 2),)) == ((below - 1, 1), (below, 1))


@pytest.mark.parametrize(("machine", "largest"), [("pc", 0xDFFFF), ("q35", 0xAFFFF)])
def test_a_small_guest_has_no_gap(machine: str, largest: int) -> None:
    everything = ((0, largest),)
    assert guest_addresses(f"qemu -machine {machine}", largest).in_block(everything) == everything
    assert guest_addresses(f"qemu -machine {machine}", largest + 1).in_block(everything) != everything


@given(st.sampled_from(sorted(MACHINES)), st.integers(4, 64), st.data())
def test_each_page_of_the_block_has_one_address(machine: str, gib: int, data: st.DataObject) -> None:
    found, below = guest_addresses(f"qemu -M {machine}", gib * GIB), MACHINES[machine]
    page = data.draw(st.integers(0, gib * GIB - 1))
    assert found.in_block(((page if page < below else page - below + 4 * GIB, 1),)) == ((page, 1),)


@pytest.mark.parametrize("command", ["qemu -machine virt", "qemu -M microvm,x-option-roms=off", "qemu -machine pc,max-ram-below-4g=1G"])
def test_what_is_not_known_is_said(command: str) -> None:
    assert guest_addresses(command, 8 * GIB).doubt
