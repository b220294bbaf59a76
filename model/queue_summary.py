"""The virtqueue and the command ids as one page can tell them apart.

The virtqueue, of any length, is summarised from the observed page's point of view (`QueueSummary`), command ids by equality with the
current one (`IdClass`).  That the summaries lose nothing that a page can see is checked by machine: `engines.premise`.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum, auto

from balloonproof.model.language import CommandId, Field, FreePageQueue, Record, Transaction, require
from balloonproof.model.terms import BOOL, FALSE, TRUE, Sort, Term, choose, disj


class IdClass(Enum):
    """A command id as far as anyone can tell it apart: STOP, DONE, the host's current one, or an earlier one."""

    STOP = auto()
    DONE = auto()
    CURRENT = auto()
    OLD = auto()


class Waiting(Enum):
    """A start command in the newest round's part of the queue."""

    NONE = auto()
    OLD = auto()
    CURRENT = auto()


class QueueSummary(Record):
    """The queue as one page sees it: the newest round in order, everything before it as a set.

    newest round: start, then hints, then stop (in this order, each if still queued); earlier: which kinds of elements are left,
    in any order and number.
    """

    earlier_start_old = Field(bool, False, "an earlier round's start command with an old id is queued")
    earlier_start_current = Field(bool, False, "an earlier round's start command with the current id is queued")
    earlier_hint = Field(bool, False, "an earlier round's hint of this page is queued")
    earlier_stop = Field(bool, False, "an earlier round's stop command is queued")
    start = Field(Waiting, Waiting.NONE, "the newest round's start command")
    hint = Field(bool, False, "the newest round's hint of this page is queued")
    stop = Field(bool, False, "the newest round's stop command is queued")


class IdSummary(Record):
    """The guest's two ids."""

    received = Field(IdClass, IdClass.STOP, "what the guest read last from the configuration")
    active = Field(IdClass, IdClass.STOP, "the id of the guest's round, in the shared buffer")
    same_old_id = Field(bool, False, "both are old, and equal")


class IdByClass(CommandId):
    """A command id by its class; `name` tells the two ids of which equality is known even when both are old."""

    def __init__(self, term: Term, name: str, same_old: Term) -> None:
        self.term, self.name, self.same_old = term, name, same_old

    def is_same(self, other: CommandId) -> Term:
        assert isinstance(other, IdByClass)
        if self.name == other.name and self.name:
            return TRUE
        both_old = (self.term == IdClass.OLD) & (other.term == IdClass.OLD)
        if both_old is not FALSE:
            if {self.name, other.name} != {"received", "active"}:
                raise TypeError("two old command ids are told apart only for the guest's received and active ids")
            both_old = both_old & self.same_old
        known = [(self.term == kind) & (other.term == kind) for kind in (IdClass.STOP, IdClass.DONE, IdClass.CURRENT)]
        return disj(both_old, *known)


def class_of(command: CommandId) -> Term:
    """The class of an id of the one-page reading."""
    assert isinstance(command, IdByClass)
    return command.term


class SummarisedQueue(FreePageQueue):
    """The queue by its summary.  `observed` is the page that it is summarised for; `choice` gives a free input of the step."""

    def __init__(self, transaction: Transaction, observed: Record, choice: Callable[[str, Sort], Term]) -> None:
        self.observed, self.choice = observed, choice
        self.summary = QueueSummary(transaction, "queue.")

    def add_start(self, command: CommandId | None) -> None:
        self.put_start(FALSE if command is None else class_of(command) == IdClass.CURRENT)

    def put_start(self, is_current: Term) -> None:
        """A start command is queued: the newest round becomes an earlier one."""
        q = self.summary
        q.earlier_start_old = q.earlier_start_old | (q.start == Waiting.OLD)
        q.earlier_start_current = q.earlier_start_current | (q.start == Waiting.CURRENT)
        q.earlier_hint = q.earlier_hint | q.hint
        q.earlier_stop = q.earlier_stop | q.stop
        q.start = choose(is_current, Waiting.CURRENT, Waiting.OLD)
        q.hint = False
        q.stop = False

    def add_stop(self) -> None:
        self.summary.stop = True

    def add_hint(self, page: Record) -> None:
        if page is self.observed:
            require(~self.summary.stop)
            self.put_hint()

    def put_hint(self) -> None:
        """The observed page's hint is queued."""
        self.summary.hint = True

    def _earlier(self) -> Term:
        q = self.summary
        return disj(q.earlier_start_old, q.earlier_start_current, q.earlier_hint, q.earlier_stop)

    def _ways(self) -> tuple[Term, Term]:
        """Where the element comes from (newest round or earlier), and whether another of its kind is left there."""
        return self.choice("pop_newest", BOOL), self.choice("more_left", BOOL)

    def pop_start(self) -> CommandId:
        newest, more = self._ways()
        current = self.choice("pop_current", BOOL)
        require(self.take_start(newest, current, more))
        return IdByClass(choose(current, IdClass.CURRENT, IdClass.OLD), "", FALSE)

    def take_start(self, newest: Term, current: Term, more: Term) -> Term:
        """Take a start command out; whether one can be at the head."""
        q = self.summary
        among_earlier = choose(current, q.earlier_start_current, q.earlier_start_old)
        in_newest = ~self._earlier() & (q.start == choose(current, Waiting.CURRENT, Waiting.OLD)) & ~more
        allowed = choose(newest, in_newest, among_earlier)
        q.earlier_start_old = q.earlier_start_old & (newest | current | more)
        q.earlier_start_current = q.earlier_start_current & (newest | ~current | more)
        q.start = choose(newest, Waiting.NONE, q.start)
        return allowed

    def pop_stop(self) -> None:
        require(self.take_stop(*self._ways()))

    def take_stop(self, newest: Term, more: Term) -> Term:
        """Take a stop command out; whether one can be at the head."""
        q = self.summary
        in_newest = ~self._earlier() & (q.start == Waiting.NONE) & ~q.hint & q.stop
        allowed = choose(newest, in_newest, q.earlier_stop)
        q.earlier_stop = q.earlier_stop & (newest | more)
        q.stop = q.stop & (~newest | more)
        return allowed

    def pop_hint(self, page: Record) -> None:
        if page is self.observed:
            require(self.take_hint(*self._ways()))

    def take_hint(self, newest: Term, more: Term) -> Term:
        """Take a hint of the observed page out; whether one can be at the head."""
        q = self.summary
        in_newest = ~self._earlier() & (q.start == Waiting.NONE) & q.hint
        allowed = choose(newest, in_newest, q.earlier_hint)
        q.earlier_hint = q.earlier_hint & (newest | more)
        q.hint = q.hint & (~newest | more)
        return allowed

    def holds_hint(self, page: Record) -> Term:
        if page is not self.observed:
            return self.choice("queued", BOOL)
        return self.summary.hint | self.summary.earlier_hint

    def is_empty(self) -> Term:
        """Empty of everything that this page can see; other pages' hints are not counted, which only allows more."""
        q = self.summary
        return ~disj(self._earlier(), q.start != Waiting.NONE, q.hint, q.stop)

    def clear(self) -> None:
        for name in QueueSummary.fields:
            setattr(self.summary, name, Waiting.NONE if name == "start" else False)

    def issue(self) -> None:
        """A new id was issued: queued commands that carried the current one are old now."""
        q = self.summary
        q.earlier_start_old = q.earlier_start_old | q.earlier_start_current
        q.earlier_start_current = False
        q.start = choose(q.start == Waiting.NONE, Waiting.NONE, Waiting.OLD)
