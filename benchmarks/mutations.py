"""What becomes of good records when something in them is changed: 200 changes of each, the outcomes by kind of change.

    python benchmarks/mutations.py [--count N] [--seed S] [--show OUTCOME]... [RECORD...]

A record is read once; then events are changed, as what a logger missed, repeated or misplaced would change them, and each changed record is judged,
some with the reasons.  Where a file ends early, one of the record's files is cut inside a line and all of them are read again.  A change is rejected,
refused as unreadable, inconclusive, or accepted; none may crash.  Without RECORDs, the bundled ones that are accepted are taken.  Exit status 1 if one
crashed.

Not every change can be told, as many make a record that could be one of a good migration; `--show accept` names them.  A few of each kind were followed by
hand; of the rest these are the reasons that their kind leaves:

- A send is missing: the page was written again before the next sync, so its bit is set there either way, and it was sent later.
- A hint is repeated: the second one clears no bit, in a round in which the page may have been taken back and hinted again, as releases are only counted.  (The
  guest's log shows one hint of it; the one-page system knows whether a hint of the page waits in the queue, not how many.  This is the monitor's own limit.)
- An event names another page: a guest write, of a page that was clean and may have been written, and its own page was logged as dirty again later.
- Lines are swapped: they name different pages, or one of them says nothing (`migration.notify`): for each page nothing has changed.
- Two events of one page are swapped: a send and a logged write of one round, after which its bit is set at the next sync in either order; a page that is taken
  back before its hint is read, and not written.
- The log ends early: the beginning of a good migration is one.
- A file is cut: at a line's end, which is no damage; or in its first line, so that it is not known for what it is and is not read, as the report says.
"""

from __future__ import annotations

import argparse
import random
import shutil
import sys
import tempfile
import traceback
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from balloonproof.checker import check
from balloonproof.checker.checking import explained, open_trace
from balloonproof.checker.judging import judge
from balloonproof.checker.read import Event, Trace
from balloonproof.checker.read.record import record_files
from balloonproof.checker.read.sources import Kind, lines, recognise
from balloonproof.grammar import TraceInputError, TraceSyntaxError
from balloonproof.model.language import Configuration, UnknownName
from balloonproof.model.workers import each

TRACES = Path(__file__).parents[1] / "traces"
GOOD = (
    *(TRACES / "hand" / f"{name}.accept.trace" for name in ("lost_write", "stale_start")),
    *(TRACES / "recorded" / name for name in ("b_hint_q10", "c_balloon50_q10", "d_reporting_q10", "r1_cancel_control")),
)
CUT = (Kind.NATIVE, Kind.QEMU_LOG, Kind.FTRACE, Kind.QMP_LOG, Kind.RAM_COMPARISON)
OUTCOMES = ("reject", "refused", "inconclusive", "accept", "crash")
PART = 50
"""Changes that one process makes; it reads the record once."""
TOLD = 5
"""Of so many changes of a kind the verdict on one is explained as well, which must not crash either: a reject takes longer to explain than to find."""

_TRIES = 100

Events = list[Event]


class Changed(NamedTuple):
    """A record's events after a change; `at` is the number of the first event that the record had and the change moved, took away or repeated."""

    events: Events
    at: int


Change = Callable[[Events, random.Random], Changed | None]
"""Returns None where there is nothing of the kind to change."""


def _one_of(events: Events, dice: random.Random, wanted: Callable[[Event], bool]) -> int | None:
    places = [number for number, event in enumerate(events) if wanted(event)]
    return dice.choice(places) if places else None


def drop_send(events: Events, dice: random.Random) -> Changed | None:
    """A send is missing."""
    at = _one_of(events, dice, lambda event: event.name == "migration.send")
    return None if at is None else Changed(events[:at] + events[at + 1 :], at)


def repeat_hint(events: Events, dice: random.Random) -> Changed | None:
    """The device takes a hint twice."""
    at = _one_of(events, dice, lambda event: event.name == "host.hint")
    return None if at is None else Changed(events[: at + 1] + events[at:], at)


def move_sync(events: Events, dice: random.Random) -> Changed | None:
    """A sync is logged somewhere else."""
    first = _one_of(events, dice, lambda event: event.name in ("migration.sync-begin", "migration.fetch"))
    if first is None:
        return None
    last = next((n for n in range(first, len(events)) if events[n].name in ("migration.sync-end", "migration.merge")), first)
    sync, others = events[first : last + 1], events[:first] + events[last + 1 :]
    to = dice.randrange(1, len(others))
    return Changed(_in_order(events, others[:to] + sync + others[to:]), first)


def change_page(events: Events, dice: random.Random) -> Changed | None:
    """An event names another page."""
    at = _one_of(events, dice, lambda event: bool(event.pages))
    if at is None:
        return None
    highest = max(first + count for event in events for first, count in event.pages)
    (named, count), *others = events[at].pages
    if highest <= count:
        return None
    first = dice.randrange(highest - count)
    pages = ((first + (first >= named), count), *others)
    return Changed([*events[:at], events[at]._replace(pages=pages), *events[at + 1 :]], at)


def swap(events: Events, dice: random.Random) -> Changed | None:
    """Two neighbouring events of different kinds have changed places."""
    places = [number for number, (one, other) in enumerate(pairwise(events)) if one.name != other.name]
    if not places:
        return None
    at = dice.choice(places)
    return Changed(_in_order(events, [*events[:at], events[at + 1], events[at], *events[at + 2 :]]), at)


def swap_of_page(events: Events, dice: random.Random) -> Changed | None:
    """An event comes before the last one of another kind that named its first page."""
    for at in (dice.randrange(len(events)) for _ in range(_TRIES)):
        moved = events[at]
        if not moved.pages:
            continue
        page = moved.pages[0][0]
        before = next((n for n in range(at - 1, -1, -1) if any(first <= page < first + count for first, count in events[n].pages)), None)
        if before is not None and events[before].name != moved.name:
            return Changed(_in_order(events, [*events[:before], moved, *events[before:at], *events[at + 1 :]]), at)
    return None


def _in_order(events: Events, changed: Events) -> Events:
    """The changed order with the times of the old one."""
    return [event if event.time == old.time else event._replace(time=old.time) for event, old in zip(changed, events, strict=True)]


def end_early(events: Events, dice: random.Random) -> Changed | None:
    """Nothing is logged any more from some event on."""
    end = dice.randrange(1, len(events))
    return Changed(events[:end], end)


CHANGES: dict[str, Change] = {
    "send dropped": drop_send,
    "hint repeated": repeat_hint,
    "sync moved": move_sync,
    "page changed": change_page,
    "lines swapped": swap,
    "swapped for a page": swap_of_page,
    "log ends early": end_early,
}
FILE_CUT = "file cut in a line"


def outcome(verdict: Callable[[], str]) -> str:
    """The verdict; ``refused`` for what cannot be read, ``crash`` for what should not happen."""
    try:
        return verdict()
    except (TraceInputError, TraceSyntaxError, UnknownName):
        return "refused"
    except Exception:  # whatever it is, it must be counted
        traceback.print_exc()
        return "crash"


def cut_file(record: Path, dice: random.Random) -> str:
    """The outcome for the record with one of its files cut short inside a line."""
    files = {path: "".join(text + "\n" for _, text in lines(path)) for path in record_files(record) if recognise(path) in CUT}
    target = dice.choice(list(files))
    with tempfile.TemporaryDirectory() as folder:
        for path in record_files(record):
            if path != target:
                shutil.copy(path, folder)
        changed = Path(folder) / Path(target).name.removesuffix(".zst")
        changed.write_text(files[target][: dice.randrange(len(files[target]))])
        return outcome(lambda: check(folder if record.is_dir() else changed).verdict)


def verdict(trace: Trace, configuration: Configuration, is_told: bool) -> str:
    """The verdict on a record that was read; with its reasons worked out as well, or not."""
    judged = judge(trace, configuration)
    return explained(judged).verdict if is_told else judged.verdict


def try_record(numbers: range, record: Path, seed: int, shown: Collection[str] = ()) -> Counter[tuple[str, str]]:
    """The outcomes of these changes of one record, by kind of change; "nothing" where a record has nothing to change."""
    trace, configuration = open_trace(record)
    events = list(trace.events)
    found: Counter[tuple[str, str]] = Counter()
    kinds = [*CHANGES, FILE_CUT]
    for number in numbers:
        dice = random.Random(f"{seed} {number}")
        kind = kinds[number % len(kinds)]
        if kind == FILE_CUT:
            found[kind, cut_file(record, dice)] += 1
            continue
        changed = CHANGES[kind](events, dice)
        if changed is None:
            found[kind, "nothing"] += 1
            continue
        said = outcome(partial(verdict, replace(trace, events=changed.events), configuration, is_told=number // len(kinds) % TOLD == 0))
        found[kind, said] += 1
        if said in shown:
            print(f"  {number}: {kind}: {said}: {events[changed.at]}", flush=True)
    return found


def table(record: Path, count: int, seed: int, shown: Collection[str] = ()) -> Counter[tuple[str, str]]:
    """Makes so many changes and prints what came of them."""
    total: Counter[tuple[str, str]] = Counter()
    for _, part in each(
        partial(try_record, record=record, seed=seed, shown=shown), [range(start, min(start + PART, count)) for start in range(0, count, PART)]
    ):
        total += part
    print(f"{record.name}: {count} changes")
    for kind in [*CHANGES, FILE_CUT]:
        counts = {name: total[kind, name] for name in OUTCOMES}
        if made := sum(counts.values()):
            print(f"  {kind:20}" + "".join(f"  {name} {number:3}/{made}" for name, number in counts.items()), flush=True)
    return total


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("records", nargs="*", type=Path, metavar="RECORD")
    parser.add_argument("--count", type=int, default=200, help="changes of each record (default: 200)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--show", action="append", default=[], choices=OUTCOMES, metavar="OUTCOME", help="name each change of this outcome")
    given = parser.parse_args(arguments)
    crashed = [table(record, given.count, given.seed, given.show) for record in given.records or GOOD]
    return 1 if any(name == "crash" for total in crashed for _, name in total) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
