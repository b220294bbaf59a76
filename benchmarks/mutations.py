"""What becomes of good records when something in them is changed: 200 changes of each, the outcomes by kind of change.

    python benchmarks/mutations.py [--count N] [--seed S] [RECORD...]

A record is read once; then events are changed, as what a logger missed, repeated or misplaced would change them, and each changed record is checked.
Where a file ends early, one of the record's files is cut inside a line and all of them are read again.  A change is rejected, refused as unreadable,
inconclusive, or accepted, as many changes make a record that could be one of a good migration; none may crash.  Without RECORDs, the bundled ones that are
accepted are taken.  Exit status 1 if one crashed.
"""

from __future__ import annotations

import argparse
import random
import shutil
import sys
import tempfile
import traceback
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from balloonproof.checker import check
from balloonproof.checker.checking import check_opened, open_trace
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

Events = list[Event]
Change = Callable[[Events, random.Random], Events | None]
"""Returns None where there is nothing of the kind to change."""


def _one_of(events: Events, dice: random.Random, wanted: Callable[[Event], bool]) -> int | None:
    places = [number for number, event in enumerate(events) if wanted(event)]
    return dice.choice(places) if places else None


def drop_send(events: Events, dice: random.Random) -> Events | None:
    """A send is missing."""
    at = _one_of(events, dice, lambda event: event.name == "migration.send")
    return None if at is None else events[:at] + events[at + 1 :]


def repeat_hint(events: Events, dice: random.Random) -> Events | None:
    """The device takes a hint twice."""
    at = _one_of(events, dice, lambda event: event.name == "host.hint")
    return None if at is None else events[: at + 1] + events[at:]


def move_sync(events: Events, dice: random.Random) -> Events | None:
    """A sync is logged somewhere else."""
    names = {"migration.sync-begin", "migration.fetch"}
    first = _one_of(events, dice, lambda event: event.name in names)
    if first is None:
        return None
    last = next((n for n in range(first, len(events)) if events[n].name in ("migration.sync-end", "migration.merge")), first)
    sync, others = events[first : last + 1], events[:first] + events[last + 1 :]
    to = dice.randrange(1, len(others))
    return _in_order(events, others[:to] + sync + others[to:])


def change_page(events: Events, dice: random.Random) -> Events | None:
    """An event names another page."""
    at = _one_of(events, dice, lambda event: bool(event.pages))
    if at is None:
        return None
    highest = max(first + count for event in events for first, count in event.pages)
    (_, count), *others = events[at].pages
    pages = ((dice.randrange(max(1, highest - count + 1)), count), *others)
    return [*events[:at], events[at]._replace(pages=pages), *events[at + 1 :]]


def swap(events: Events, dice: random.Random) -> Events | None:
    """Two neighbouring events of different kinds have changed places."""
    at = _one_of(list(map(_pair, events, events[1:])), dice, lambda event: event.name != "")
    return None if at is None else _in_order(events, [*events[:at], events[at + 1], events[at], *events[at + 2 :]])


def _pair(one: Event, other: Event) -> Event:
    return one._replace(name="" if one.name == other.name else one.name)


def _in_order(events: Events, changed: Events) -> Events:
    """The changed order with the times of the old one."""
    return [event._replace(time=old.time) for event, old in zip(changed, events, strict=True)]


def end_early(events: Events, dice: random.Random) -> Events | None:
    """Nothing is logged any more from some event on."""
    return events[: dice.randrange(1, len(events))]


CHANGES: dict[str, Change] = {
    "send dropped": drop_send,
    "hint repeated": repeat_hint,
    "sync moved": move_sync,
    "page changed": change_page,
    "events swapped": swap,
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


def checked(trace: Trace, configuration: Configuration) -> str:
    """The outcome for a record that was read."""
    return outcome(lambda: check_opened(trace, configuration).verdict)


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


def try_record(numbers: range, record: Path, seed: int) -> Counter[tuple[str, str]]:
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
        else:
            found[kind, checked(replace(trace, events=changed), configuration)] += 1
    return found


def table(record: Path, count: int, seed: int) -> Counter[tuple[str, str]]:
    """Makes so many changes and prints what came of them."""
    total: Counter[tuple[str, str]] = Counter()
    for _, part in each(partial(try_record, record=record, seed=seed), [range(start, min(start + PART, count)) for start in range(0, count, PART)]):
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
    given = parser.parse_args(arguments)
    crashed = [table(record, given.count, given.seed) for record in given.records or GOOD]
    return 1 if any(name == "crash" for total in crashed for _, name in total) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
