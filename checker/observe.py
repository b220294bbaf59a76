"""What an event says in the model's words: which action happened, or what was true.

The model's own event names (`Action.event`) mean their action.  Real logs show less: an event there may stand for one of several actions,
or happen only where a bit was seen to change.  This is the only place that knows such differences.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum

from balloonproof.checker.read.events import Event, Header, with_plain_ids
from balloonproof.model.language import Action, Configuration
from balloonproof.model.one_page import OTHERS, OnePage, declared_fields
from balloonproof.model.queue_summary import IdClass
from balloonproof.model.state import Hinting, Owner, Phase
from balloonproof.model.terms import FALSE, TRUE, Term, conj, disj, negate, substitute, variable, variables_of

COARSE_NAMES: Mapping[str, tuple[str, ...]] = {
    "migration.sync-end": ("merge",),
    "guest.dirty": ("write", "initialise", "begin-store"),
    "host.hint": ("accept-hint",),
    "host.command": ("take-start", "take-stop"),
    "guest.start": ("send-start", "send-start-reread"),
    "migration.start": ("start-snapshot",),
    "management.pause": ("save-devices",),
    "management.resume": ("start-vm",),
    "migration.postcopy": ("start-postcopy",),
    "migration.send": ("read-page", "send-in-postcopy", "save-page"),
    "migration.complete": ("complete", "end-postcopy", "finish-snapshot"),
    "migration.cancel": ("cancel-snapshot",),
    "migration.fail": ("cancel-snapshot",),
    "migration.cleanup": ("close-snapshot",),
}
"""Events of real logs that stand for one of several actions, or carry another name than the action's own: snapshots and post-copy are logged as migrations."""

_UNSURE_IN_SNAPSHOTS = frozenset({"management.pause", "management.resume"})
"""What else than a background snapshot may stop and start the VM."""

IGNORED = frozenset({"migration.active", "migration.notify", "guest.config"})
"""Events that say nothing that the model does not know from others."""

KNOWN_FLAGS = frozenset({"honoured", "dropped", "zero", "partial", "unreceived", "unmatched", "started", "stopped", "ignored", "unsure"})
"""Every flag that an event may carry.  `unsure`, of a step about pages: it happened here, or it did not."""

_SWITCH = "migration.postcopy"

LOST_SOME = "trace.dropped"
"""A source lost events: from here on any state is possible."""

REQUIRED_ALWAYS = frozenset({"switch-over", "start-migration", "kexec", "suspend"})
"""Actions that are never assumed to have happened unseen: a trace is of the migrations, and of the guest's boots and suspends, that it shows."""


def always_shown(configuration: Configuration) -> set[str]:
    """The events of these actions in a system."""
    return {item.event for item in configuration.system.actions if item.name in REQUIRED_ALWAYS}


@dataclass(frozen=True)
class Meaning:
    """What one kind of event says.

    `actions` may explain it (none: it is a statement, not a step); `before` and `after` restrict the states around the step;
    `others` says that pages that are not named learn of it too; `is_unsure` that the step may not have happened.
    `key` identifies the kind: equal keys mean equal meanings.
    """

    key: str
    actions: tuple[str, ...] = ()
    before: Term = TRUE
    after: Term = TRUE
    others_before: Term = TRUE
    others: bool = False
    opens_sync: bool = False
    is_statement: bool = False
    is_unsure: bool = False


def cell(name: str) -> Term:
    """A variable of the one-page system."""
    return variable(name, declared_fields()[name].sort)


def is_value(name: str, value: Enum | bool) -> Term:
    return cell(name) == value


class Vocabulary:
    """The events of one configuration and header: what they mean, and which actions may happen unseen."""

    def __init__(self, one_page: OnePage, header: Header) -> None:
        self.one_page, self.header = one_page, header
        self.configuration: Configuration = one_page.configuration
        self.actions: dict[str, Action] = {item.name: item for item in self.configuration.system.actions}
        self.by_event: dict[str, tuple[str, ...]] = {}
        for item in self.actions.values():
            self.by_event[item.event] = (*self.by_event.get(item.event, ()), item.name)
        for event, names in COARSE_NAMES.items():
            known = tuple(name for name in names if name in self.actions)
            if known:
                self.by_event[event] = known
        # a snapshot has no dirty log: what QEMU logs is then a write that may have to wait
        self.ignored = IGNORED | {"guest.dirty"} if "save-page" in self.actions else IGNORED
        self._meanings: dict[object, Meaning] = {}
        self.has_sync_windows = header.observes("migration.sync-begin")

    def events_of(self, action: str) -> set[str]:
        return {event for event, names in self.by_event.items() if action in names}

    def ends_at(self, name: str) -> bool:
        """Is a trace followed no further than up to such an event, as what comes then is not part of the system: post-copy?"""
        return name == _SWITCH and name not in self.by_event

    def is_about_pages(self, name: str) -> bool:
        """Is it a step about one page?  (Logs that only count such steps say nothing of any page.)"""
        return name in self.by_event and self.actions[self.by_event[name][0]].per_page

    def may_be_unseen(self, action: str) -> bool:
        """May the action have happened without an event in this trace?"""
        if action in REQUIRED_ALWAYS:
            return False
        return not any(self.header.observes(event) for event in self.events_of(action) - {"guest.dirty"})

    def unseen_condition(self, action: str) -> Term:
        """Where an action that the trace does not always show may have happened unseen.

        A write that sets the page's dirty bit is always logged as guest.dirty (QEMU memory_notdirty_write_access); one to a page
        that is dirty already is not.  With TCG's own dirty memory, it is the TLB entry that notices the write, or does not.
        """
        if action in COARSE_NAMES["guest.dirty"] and self.header.observes("guest.dirty") and "guest.dirty" not in self.ignored:
            tcg = dict(self.configuration.settings).get("dirty-log") == "tcg"
            return negate(cell("page.armed")) if tcg else cell("page.logged")
        return TRUE

    def meaning(self, event: Event) -> Meaning | None:
        """What the event says; None if it says nothing.

        UnknownEvent for a name that no action has or a flag that no event has, MissingPages for a step about a page that names none.
        """
        name = event.name
        if not event.flags <= KNOWN_FLAGS:
            raise UnknownEvent("flag", next(iter(event.flags - KNOWN_FLAGS)), sorted(KNOWN_FLAGS))
        if name in self.ignored:
            return None
        if "unsure" in event.flags and not self.is_about_pages(name):
            raise UnusableEvent(f"{name} unsure", "unsure only where an event is a step about pages", "unsure")
        if not event.pages and self.is_about_pages(name):
            if "count" in event.arguments:
                return None
            raise MissingPages(name)
        size = sum(count for _, count in event.pages) if "cleared" in event.arguments else 0
        arguments = with_plain_ids(event.arguments)
        key = (name, event.flags, (*sorted(arguments.items()), size) if name in DETAILED else ())
        if key not in self._meanings:
            said = self._meaning(event._replace(arguments=arguments))
            self._meanings[key] = replace(said, key=f"{said.key} unsure", is_unsure=True) if "unsure" in event.flags else said
        return self._meanings[key]

    def _meaning(self, event: Event) -> Meaning:
        name = event.name
        statement = STATEMENTS.get(name)
        if statement is not None:
            return statement(event)
        actions = self.by_event.get(name)
        if actions is None:
            raise UnknownEvent("event", name, sorted({*self.by_event, *IGNORED, *STATEMENTS}))
        if name == "host.hint":
            return self._hint(event)
        if name == "host.command":
            return self._command(event)
        if name == "migration.send" and "unreceived" in event.flags:  # the source's log has it, the destination's does not
            return Meaning("migration.send unreceived", actions, before=FALSE)
        if name == "migration.cleanup" and (event.arguments.get("state") == "completed") != ("close-snapshot" in actions):
            return Meaning(f"{name} {event.arguments.get('state')}")
        if name in _UNSURE_IN_SNAPSHOTS and not {"save-devices", "start-vm"}.isdisjoint(actions):
            return Meaning(name, actions, is_unsure=True)
        noticed = any(item not in self.one_page.unnoticed for item in actions) and self.actions[actions[0]].per_page
        return Meaning(name, actions, others=noticed and self._tells_others(actions))

    def _tells_others(self, actions: Sequence[str]) -> bool:
        """Does a page learn anything from another page's step: does it change something, or need more than a running VM?"""
        for step in self.one_page.steps:
            if step.action.name in actions and step.role in OTHERS:
                asked = {term.name for term in variables_of([step.guard])} - {t.name for t in step.inputs.values()}
                if step.updates or asked - {"running", "phase", "final"}:
                    return True
        return False

    def _hint(self, event: Event) -> Meaning:
        if "dropped" in event.flags:
            return Meaning("host.hint dropped", ("drop-hint",), others=True)
        cleared, count = event.arguments.get("cleared"), sum(size for _, size in event.pages)
        if cleared is None or cleared not in (0, count):
            return Meaning("host.hint", ("accept-hint",), others=True)
        before = is_value("page.dirty", cleared == count)
        return Meaning(f"host.hint dirty={cleared == count}", ("accept-hint",), before=before, others=True)

    def _command(self, event: Event) -> Meaning:
        """host.command id= current= status= with started, stopped or ignored: one command taken by the device, as uprobes see it."""
        number, status = event.arguments.get("id"), event.arguments.get("status")
        before, after = [], []
        if isinstance(status, str) and status.upper() in Hinting.__members__:
            before.append(is_value("hinting", Hinting[status.upper()]))
        for flag, state in (("started", Hinting.START), ("stopped", Hinting.STOP)):
            if flag in event.flags:
                after.append(is_value("hinting", state))
        actions: tuple[str, ...] = COARSE_NAMES["host.command"]
        if isinstance(number, int) and number > 1:
            actions = ("take-start",)
            if self.configuration.setting("command-id-buffer") == "shared" and "current" in event.arguments:
                kind = IdClass.CURRENT if number == event.arguments["current"] else IdClass.OLD
                before.append(is_value("active", kind))
        key = f"host.command {sorted(event.flags)} {number} {status} {event.arguments.get('current')}"
        return Meaning(key, actions, before=conj(*before), after=conj(*after))


class UnusableEvent(ValueError):
    """An event that says nothing that can be followed: what was `found`, what was `expected`, and the word of its line that is wrong."""

    def __init__(self, found: str, expected: str, word: str) -> None:
        super().__init__(f"expected {expected}, found {found}")
        self.found, self.expected, self.word = found, expected, word


class UnknownEvent(UnusableEvent):
    """An event name or flag that does not exist."""

    def __init__(self, kind: str, name: str, known: Sequence[str]) -> None:
        near = difflib.get_close_matches(name, known, n=1, cutoff=0.4)
        owner = "an event" if kind == "event" else "a flag"
        super().__init__(f"unknown {kind} {name!r}", f"{owner} of the model" + (f" (did you mean {near[0]!r}?)" if near else ""), name)


class MissingPages(UnusableEvent):
    """An event about a page that does not say which."""

    def __init__(self, name: str) -> None:
        super().__init__(f"{name} without pages", "pages=... (or count=... where only their number is known)", name)


_IN_USE = conj(is_value("page.relied", True), disj(is_value("page.owner", Owner.USED), cell("page.holds_ring")))
LOST = conj(is_value("page.relied", True), negate(cell("page.copied")))
_ARRIVED = disj(negate(is_value("phase", Phase.POSTCOPY)), negate(cell("page.dirty")) & negate(cell("page.in_flight")))
"""Memory is compared when nothing is on its way any more."""


def _differs(event: Event) -> Meaning:
    """The two sides' memory was compared: these pages differ, and this is what the guest used them for."""
    kind = event.arguments.get("class", "unknown")
    content = disj(negate(cell("page.relied")), negate(cell("page.copied")))
    what = {
        "used": conj(_IN_USE, LOST),
        "free": is_value("page.owner", Owner.FREE) & negate(cell("page.holds_ring")),
        "held": is_value("page.owner", Owner.HINTED),
    }.get(str(kind), content)
    return Meaning(f"memory.differs {kind}", before=conj(what, _ARRIVED), is_statement=True)


def _compared(event: Event) -> Meaning:
    """The two sides' memory was compared: these pages are equal unless named by memory.differs."""
    return Meaning("memory.compared", before=conj(negate(LOST), _ARRIVED), is_statement=True)


def _bitmap(event: Event) -> Meaning:
    """The migration's dirty bitmap right after a sync: exactly these pages are set."""
    here = is_value("phase", Phase.AFTER_SYNC)
    return Meaning(
        "migration.bitmap",
        before=conj(here, is_value("page.dirty", True)),
        others_before=conj(here, is_value("page.dirty", False)),
        others=True,
        is_statement=True,
    )


def _ring(event: Event) -> Meaning:
    """These pages, and no others, hold the used ring of the free page queue."""
    ring = cell("page.holds_ring")
    return Meaning("guest.ring", before=ring, others_before=negate(ring), others=True, is_statement=True)


STATEMENTS: Mapping[str, Callable[[Event], Meaning]] = {
    "guest.ring": _ring,
    "memory.differs": _differs,
    "memory.compared": _compared,
    "migration.bitmap": _bitmap,
    "migration.sync-begin": lambda event: Meaning("migration.sync-begin", opens_sync=True),
    LOST_SOME: lambda event: Meaning(LOST_SOME),
}

DETAILED = frozenset({"host.hint", "host.command", "memory.differs", "migration.cleanup"})
"""Events whose meaning depends on their arguments, or on how many pages they name."""


def in_system(term: Term, one_page: OnePage) -> Term:
    """A predicate over all declared variables, with those that the system never changes replaced by their value."""
    return substitute(term, one_page.constants)
