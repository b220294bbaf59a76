"""What becomes of good records when something in them is changed: 200 mutations of each kind of record, by kind.

    python benchmarks/mutations.py [--count N] [--seed S] [RECORD...]

A mutation changes one thing: a line of a log is dropped, repeated, swapped with the next or cut short, a page number is
changed, or the end of the file is cut off.  Each changed record is rejected, refused as unreadable, inconclusive, or
accepted, as many changes do not matter to any page; none may crash.  Without RECORDs, the small good ones are taken.
Exit status 1 if one crashed.
"""

from __future__ import annotations

import random
import re
import shutil
import sys
import tempfile
import traceback
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from balloonproof.checker import check
from balloonproof.checker.read.files import record_files
from balloonproof.checker.read.sources import Kind, lines, recognise
from balloonproof.grammar import TraceInputError, TraceSyntaxError
from balloonproof.model.language import UnknownName

TRACES = Path(__file__).parents[1] / "traces"
SMALL = (TRACES / "hand" / "lost_write.accept.trace", TRACES / "hand" / "stale_start.accept.trace", TRACES / "recorded" / "h1_control_write_after_used")
CHANGED = (Kind.NATIVE, Kind.QEMU_LOG, Kind.FTRACE, Kind.QMP_LOG, Kind.RAM_COMPARISON)
_NUMBER = re.compile(r"0x[0-9a-f]+")

Mutation = Callable[[list[str], int, random.Random], None]


def drop(text: list[str], at: int, dice: random.Random) -> None:
    """A line is missing."""
    del text[at]


def repeat(text: list[str], at: int, dice: random.Random) -> None:
    """A line stands there twice."""
    text.insert(at, text[at])


def swap(text: list[str], at: int, dice: random.Random) -> None:
    """Two neighbouring lines have changed places."""
    other = min(at + 1, len(text) - 1)
    text[at], text[other] = text[other], text[at]


def cut_line(text: list[str], at: int, dice: random.Random) -> None:
    """A line ends early."""
    text[at] = text[at][: dice.randrange(len(text[at]) + 1)]


def cut_file(text: list[str], at: int, dice: random.Random) -> None:
    """The file ends early, inside a line."""
    text[at] = text[at][: dice.randrange(len(text[at]) + 1)]
    del text[at + 1 :]
    text[-1] += "\0"  # marks the missing end of line, see mutate()


def change_number(text: list[str], at: int, dice: random.Random) -> None:
    """A hexadecimal number, most often a page or an address, is another one."""
    found = list(_NUMBER.finditer(text[at]))
    if found:
        one = dice.choice(found)
        text[at] = f"{text[at][: one.start()]}{int(one[0], 16) ^ 1 << dice.randrange(20):#x}{text[at][one.end() :]}"


KINDS: dict[str, Mutation] = {
    "line dropped": drop,
    "line repeated": repeat,
    "lines swapped": swap,
    "line cut": cut_line,
    "file cut": cut_file,
    "number changed": change_number,
}


def mutate(text: str, kind: Mutation, dice: random.Random) -> str:
    """The text with one thing changed."""
    changed = text.splitlines()
    kind(changed, dice.randrange(len(changed)), dice)
    return ("\n".join(changed) + "\n").replace("\0\n", "")


def outcome(path: str) -> str:
    """The verdict; ``refused`` for what cannot be read, ``crash`` for what should not happen."""
    try:
        return check(path).verdict
    except (TraceInputError, TraceSyntaxError, UnknownName):
        return "refused"
    except Exception:  # whatever it is, it must be counted
        traceback.print_exc()
        return "crash"


def try_record(record: Path, count: int, dice: random.Random) -> dict[str, Counter[str]]:
    """The outcomes of so many mutations of one record, by kind."""
    files = {path: "".join(text + "\n" for _, text in lines(path)) for path in record_files(record) if recognise(path) in CHANGED}
    weights = [text.count("\n") for text in files.values()]
    found: dict[str, Counter[str]] = {name: Counter() for name in KINDS}
    with tempfile.TemporaryDirectory() as folder:
        for number in range(count):
            name = list(KINDS)[number % len(KINDS)]
            target = dice.choices(list(files), weights)[0]
            place = Path(folder) / str(number)
            place.mkdir()
            for path in record_files(record):
                if path != target:
                    shutil.copy(path, place)
            changed = place / Path(target).name.removesuffix(".zst")
            changed.write_text(mutate(files[target], KINDS[name], dice))
            found[name][outcome(str(place if record.is_dir() else changed))] += 1
            shutil.rmtree(place)
    return found


def main(arguments: list[str]) -> int:
    """Prints a table for each record."""
    options = {"--count": 200, "--seed": 1}
    paths: list[Path] = []
    words = iter(arguments)
    for word in words:
        if word in options:
            options[word] = int(next(words))
        else:
            paths.append(Path(word))
    crashed = 0
    for record in paths or SMALL:
        found = try_record(record, options["--count"], random.Random(options["--seed"]))
        print(f"{record.name}: {options['--count']} mutations")
        for name, counts in found.items():
            total = counts.total()
            print(f"  {name:15}" + "".join(f"  {verdict} {counts[verdict]:3}/{total}" for verdict in ("reject", "refused", "inconclusive", "accept", "crash")))
            crashed += counts["crash"]
    return min(crashed, 1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
