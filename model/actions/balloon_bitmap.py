"""The host's balloon bitmap (Jitendra Kolhe 2016): a bit per page, set when an inflate request is handled, cleared when a deflate request is.

What the other actions do to it, each a line or two and nothing in a system without `balloon-skip`.  What it is for is in `balloon_skip`.
"""

from __future__ import annotations

from balloonproof.model.language import require
from balloonproof.model.state import Page, Phase, State
from balloonproof.model.terms import FALSE, TRUE, Term


def bit_set(s: State, page: Page) -> None:
    """An inflate request is handled."""
    if s.has("balloon-skip"):
        page.balloon_bit = True


def bit_cleared(s: State, page: Page) -> None:
    """A deflate request is handled."""
    if not s.has("balloon-skip"):
        return
    if s.setting("suspended") == "while-handled":
        require(page.deflate_handled)
        page.deflate_handled = False
    page.balloon_bit = False
    if s.setting("deflate-marks-dirty") == "yes":
        page.ram_dirty = page.ram_dirty | (s.phase != Phase.NONE)


def bit_at_reset(s: State, page: Page) -> None:
    """The device is reset: another kernel's balloon is empty, and no deflate request says so."""
    if s.has("balloon-skip"):
        page.deflate_handled = False
        if s.keeps("reset-clears-bitmap"):
            page.balloon_bit = False


def is_trusted(s: State, page: Page) -> Term:
    """May the page's bit be believed now?

    Kolhe suspends skipping for all pages at once; here for the page that the request names, which leaves more runs.
    """
    match s.setting("suspended"):
        case "while-handled":
            return ~page.deflate_handled
        case "while-queued":
            return ~page.deflate_queued
    return TRUE


def leave_out(s: State, page: Page) -> Term:
    """A migration completes: may it leave the page out although it is dirty?"""
    if not s.has("balloon-skip") or s.setting("skip") != "keeps":
        return FALSE
    leaves = page.dirty & page.balloon_bit & is_trusted(s, page)
    page.passed_by_bit = leaves
    return leaves


def drain_before_last_sync(s: State) -> None:
    """The VM is stopped: the last sync waits until every deflate request is handled."""
    if s.has("balloon-skip") and s.setting("drain-at-stop") == "yes":
        for page in s.pages:
            require(~(s.final & page.deflate_queued))


def bit_at_start(s: State, page: Page) -> None:
    """A migration starts.  Of what an earlier one was spared only the witnesses are kept from speaking, so no trace can tell that it is forgotten."""
    if s.has("balloon-skip"):
        page.passed_by_bit = False
        if not s.keeps("bitmap-of-stopped-vm"):
            page.balloon_bit_sent = page.balloon_bit


def bit_at_destination(s: State, page: Page) -> None:
    """The guest goes on at the destination, with the bitmap that was sent, or with an empty one."""
    if not s.has("balloon-skip"):
        return
    page.passed_by_bit = False
    if s.setting("bitmap-migrated") == "no":
        page.balloon_bit = False
    elif not s.keeps("bitmap-of-stopped-vm"):
        page.balloon_bit = page.balloon_bit_sent
