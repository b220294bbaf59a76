"""Pages in the balloon are not sent: Jitendra Kolhe 2016, "skip sending ram pages released by virtio-balloon driver".

When a dirty page's turn to be sent comes and its bit in the host's balloon bitmap is set, the page is skipped.  (Facts: Message-ID
1459138565-6244-1-git-send-email-jitendra.kolhe@hpe.com, of which only the beginning is archived, and the replies.)
"""

from __future__ import annotations

from balloonproof.model.actions.balloon_bitmap import bit_cleared, is_trusted
from balloonproof.model.actions.dirty_log import clear_chunk
from balloonproof.model.actions.discard import handles_requests
from balloonproof.model.language import Actor, action, require
from balloonproof.model.state import Page, Phase, Send, State


def may_skip(s: State, page: Page) -> None:
    """Ask the page's bit."""
    require(s.setting("skip") != "keeps", page.balloon_bit, is_trusted(s, page))
    if s.setting("skip") == "clears-before-stop":
        require(~s.final)


@action(Actor.MIGRATION, event="migration.choose-skip", source="ours: the order that the guard bit-tested-last forbids")
def choose_skip(s: State, page: Page) -> None:
    """Ask the page's bit before its log and its dirty bit are cleared."""
    require(not s.keeps("bit-tested-last"), s.phase == Phase.ROUND, s.send == Send.IDLE, page.dirty)
    may_skip(s, page)
    s.begin_send(page)
    s.send = Send.SKIPPING


@action(Actor.MIGRATION, event="migration.skip", source="Kolhe 2016: beside save_zero_page, after migration_bitmap_clear_dirty")
def skip(s: State, page: Page) -> None:
    """A dirty page's turn has come, its log and its dirty bit are cleared, and its balloon bit is set: it is not sent."""
    if not s.keeps("bit-tested-last"):
        require(s.send == Send.SKIPPING, s.sent_page == page)
        if s.keeps("clear-log-before-skip"):
            clear_chunk(s, page.chunk)
        page.dirty = False
    elif not s.keeps("clear-log-before-skip"):
        require(s.phase == Phase.ROUND, s.send == Send.IDLE, page.dirty)
        may_skip(s, page)
        page.dirty = False
    else:
        require(s.send == Send.CLEARED, s.sent_page == page)
        may_skip(s, page)
    page.passed_by_bit = True
    s.send = Send.IDLE


@action(Actor.DEVICE, event="host.begin-deflate", source="Kolhe 2016: skipping is suspended while a balloon request is handled")
def begin_deflate(s: State, page: Page) -> None:
    """The host begins to handle a deflate request: from now on until it is done the bit is not believed."""
    require(s.setting("suspended") == "while-handled", handles_requests(s), page.deflate_queued, ~page.deflate_handled)
    page.deflate_handled = True


@action(Actor.DEVICE, event="host.drain-deflate", source="ours: what setting drain-at-stop adds")
def drain_deflate(s: State, page: Page) -> None:
    """The VM is stopped, and the host still takes the deflate requests that the guest has made."""
    require(s.setting("drain-at-stop") == "yes", s.phase == Phase.BEFORE_SYNC, s.final, page.deflate_queued)
    page.deflate_queued = False
    if s.setting("suspended") == "while-handled":
        page.deflate_handled = True
    bit_cleared(s, page)
