"""Why hinting is safe, for either of two reasons.

Hinted pages are given back only after the device has used their hint (`release-waits-for-ack=yes`): a hint that the device can still take is then of a page
that nobody uses, so it may be late and even stale: clearing the page's bit loses nothing.  The write that follows the release is in the log, which the
hint cleared with the bit.

Or only fresh hints count, those that were made after the last sync (`command-id-buffer=per-round`, `drain-before-new-id=yes`).  Nobody used the page then, so
what was written to it since is still in the log, and such a hint takes no more than the bit.  Where it clears the log as well (KVM's manual one), the page must
not have been given back either (`early-release=no`, or the shrinker waits for the device): until the host is done nobody writes to it.
"""

from __future__ import annotations

from balloonproof.model.actions.discard import is_syncing
from balloonproof.model.language import CommandId, lemma
from balloonproof.model.lemmas import precopy
from balloonproof.model.queue_summary import QueueSummary, SummarisedQueue, Waiting
from balloonproof.model.state import Hinting, Owner, Page, Phase, State
from balloonproof.model.terms import TRUE, Term, implies


def is_asked_for(s: State) -> Term:
    """The host takes hints of this round, or is about to."""
    return (s.hinting == Hinting.REQUESTED) | (s.hinting == Hinting.START)


@lemma
def queued_hint_is_of_a_held_page(s: State, page: Page) -> Term:
    """While a hint of the page is queued, the driver holds the page."""
    return implies(s.queue.holds_hint(page), page.owner == Owner.HINTED) if s.is_set("release-waits-for-ack", "yes") else TRUE


@lemma
def hinting_stops_for_a_sync(s: State, page: Page) -> Term:
    """From before the fetch of a sync until its end no hint is honoured."""
    if not s.hints_enabled:
        return TRUE
    return implies(is_syncing(s), s.hinting == Hinting.STOP)


@lemma
def hinting_is_done_when_the_vm_stops(s: State, page: Page) -> Term:
    """After the last sync of a migration, and when it has completed, hinting is done."""
    if not s.hints_enabled:
        return TRUE
    return implies(((s.phase == Phase.ROUND) & s.final) | (s.phase == Phase.COMPLETED), s.hinting == Hinting.DONE)


@lemma
def nothing_is_held_before_the_first_request(s: State, page: Page) -> Term:
    """While no migration runs, hinting is done; before the first that asks for hints, and after a reset, no page is held, and the driver begins no round."""
    if not s.has("hinting"):
        return TRUE
    no_new_id = (s.received == s.stop_id) | (s.received == s.done_id) | (s.received == s.active)
    never = (s.hinting == Hinting.STOP) & no_new_id & ~s.in_round & (page.owner != Owner.HINTED)
    return implies(s.phase == Phase.NONE, (s.hinting == Hinting.DONE) | never) if s.hints_enabled else never


@lemma
def hints_are_asked_for_after_a_sync(s: State, page: Page) -> Term:
    """TCG: hints are asked for only after a sync, from which on every write is noticed, also to a page that is not dirty."""
    if not s.is_set("dirty-log", "tcg"):
        return TRUE
    return implies((s.phase == Phase.BEFORE_SYNC) & is_asked_for(s), page.armed | precopy.marked(s, page))


# ------------------------------------------------------------------------------------------------- only fresh hints count


def queue(s: State) -> QueueSummary:
    """The free page queue as the page sees it."""
    assert isinstance(s.queue, SummarisedQueue)
    return s.queue.summary


def is_old(s: State, command: CommandId) -> Term:
    """An id that the host issued before the current one."""
    return ~((command == s.stop_id) | (command == s.done_id) | (command == s.command_id))


def rounds_carry_their_ids(s: State) -> bool:
    return s.is_set("command-id-buffer", "per-round")


def drained(s: State) -> bool:
    """Rounds are told apart by nothing but an empty queue between their ids."""
    return s.is_set("drain-before-new-id", "yes") and not rounds_carry_their_ids(s)


def tells_fresh_from_stale(s: State) -> bool:
    return rounds_carry_their_ids(s) or drained(s)


def given_back_when_done(s: State) -> bool:
    """No hinted page leaves the driver during a round unless the device has used its hint."""
    return s.is_set("early-release", "no") or s.is_set("release-waits-for-ack", "early")


def fresh(s: State, page: Page) -> Term:
    """A hint of the page is queued that was made after the host asked, and so after the last sync; and the host may honour it."""
    made_since = queue(s).hint & (s.active == s.command_id) if rounds_carry_their_ids(s) else s.queue.holds_hint(page)
    return is_asked_for(s) & made_since


def is_begun(s: State) -> Term:
    """The host asks for hints, and a start is queued or was taken."""
    queued = queue(s).earlier_start_old | (queue(s).start != Waiting.NONE)
    return (s.hinting == Hinting.START) | ((s.hinting == Hinting.REQUESTED) & queued)


def counts(s: State, page: Page) -> Term:
    """A hint of the page is queued that the host honours, or will if the start before it is obeyed."""
    if rounds_carry_their_ids(s):
        return fresh(s, page)
    behind_start = (queue(s).earlier_start_old & queue(s).earlier_hint) | ((queue(s).start != Waiting.NONE) & queue(s).hint)
    return fresh(s, page) & ((s.hinting == Hinting.START) | behind_start)


@lemma
def earlier_rounds_are_taken_first(s: State, page: Page) -> Term:
    """While anything of earlier rounds is queued, so is the newest round's start, behind it."""
    if not tells_fresh_from_stale(s):
        return TRUE
    earlier = queue(s).earlier_start_old | queue(s).earlier_start_current | queue(s).earlier_hint | queue(s).earlier_stop
    return implies(earlier, queue(s).start != Waiting.NONE)


@lemma
def current_start_is_the_newest(s: State, page: Page) -> Term:
    """Starts carry their own ids: one with the current id is the newest, and the guest has read no older id since."""
    if not rounds_carry_their_ids(s):
        return TRUE
    newest = implies(queue(s).start == Waiting.CURRENT, (s.active == s.command_id) & ~is_old(s, s.received))
    return ~queue(s).earlier_start_current & newest


@lemma
def newest_round_is_started(s: State, page: Page) -> Term:
    """Starts carry their own ids: once hinting has started, nothing is queued but what the round with the current id has queued behind its start."""
    if not rounds_carry_their_ids(s):
        return TRUE
    return implies(s.hinting == Hinting.START, (s.active == s.command_id) & (queue(s).start == Waiting.NONE) & ~is_old(s, s.received))


@lemma
def fresh_hint_hides_no_write(s: State, page: Page) -> Term:
    """What was written to a page since it was hinted is in the log, which a hint that is honoured leaves alone."""
    if not tells_fresh_from_stale(s) or s.is_set("dirty-log", "manual"):
        return TRUE
    found = precopy.next_sync_finds(s, page) | precopy.on_its_way(s, page)
    return implies(fresh(s, page) & precopy.sending_goes_on(s), ~page.holds_ring & implies(precopy.lacks(page), found))


@lemma
def done_is_not_read_in_a_round(s: State, page: Page) -> Term:
    """Starts carry their own ids: the guest reads no DONE between the id of its newest round and the next, while the host asks for hints."""
    if not rounds_carry_their_ids(s) or not given_back_when_done(s):
        return TRUE
    return implies(is_asked_for(s) & (s.active == s.command_id), s.received != s.done_id)


@lemma
def shared_starts_carry_no_id(s: State, page: Page) -> Term:
    """Starts that point at the buffer of all rounds carry no id of their own."""
    return ~queue(s).earlier_start_current & (queue(s).start != Waiting.CURRENT) if drained(s) else TRUE


@lemma
def drained_queue_starts_a_round_asked_for(s: State, page: Page) -> Term:
    """Drained before each id: a start that is queued, or was taken, is of a round that began since, with the current id or the one read last before it."""
    if not drained(s) or not given_back_when_done(s):
        return TRUE
    started = implies(s.hinting == Hinting.START, s.active == s.command_id)
    with_current = (s.active == s.command_id) & ~is_old(s, s.received)
    with_old = is_old(s, s.active) & ~queue(s).earlier_hint
    return started & implies(is_begun(s), (s.received != s.done_id) & (with_current | with_old))


@lemma
def drained_queue_fills_in_one_round_at_first(s: State, page: Page) -> Term:
    """Drained before each id: what is queued since comes, until the guest reads another id, of the round of the one that it had read last before."""
    if not drained(s) or not given_back_when_done(s):
        return TRUE
    since = is_begun(s) | ((s.hinting == Hinting.REQUESTED) & queue(s).hint)
    return implies(since & is_old(s, s.received), s.active == s.received)


@lemma
def hint_that_counts_is_of_a_held_page(s: State, page: Page) -> Term:
    """Where pages are given back only when the host is done, the driver holds every page whose queued hint the host is about to honour."""
    return implies(counts(s, page), page.owner == Owner.HINTED) if tells_fresh_from_stale(s) and given_back_when_done(s) else TRUE


LEMMAS = (
    *precopy.LEMMAS,
    queued_hint_is_of_a_held_page,
    hinting_stops_for_a_sync,
    hinting_is_done_when_the_vm_stops,
    nothing_is_held_before_the_first_request,
    hints_are_asked_for_after_a_sync,
    earlier_rounds_are_taken_first,
    current_start_is_the_newest,
    newest_round_is_started,
    fresh_hint_hides_no_write,
    done_is_not_read_in_a_round,
    shared_starts_carry_no_id,
    drained_queue_starts_a_round_asked_for,
    drained_queue_fills_in_one_round_at_first,
    hint_that_counts_is_of_a_held_page,
)
