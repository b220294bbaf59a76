"""Makes a small copy of a record for traces/recorded: without the lines that no reader of this project reads.

    python benchmarks/shorten_record.py RECORD FOLDER

Left out are events that are of no interest here, the guest's writes before the first migration and at the destination,
the migration stream, and files that are not read.  The verdict must stay the same: check both.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import zstandard

from balloonproof.checker.read.files import record_files
from balloonproof.checker.read.qemu import read_qemu_log
from balloonproof.checker.read.sources import Kind, lines, recognise
from balloonproof.grammar import line_parser

KEPT_AS_THEY_ARE = (Kind.RAM_COMPARISON, Kind.COMMAND_LINE, Kind.QMP_LOG)


def main(record: str, folder: str) -> None:
    """Writes the small copy."""
    target = Path(folder)
    target.mkdir(parents=True, exist_ok=True)
    for path in record_files(record):
        kind, name = recognise(path), Path(path).name.removesuffix(".zst")
        if kind is Kind.COMMAND_LINE:
            (target / name).write_bytes(Path(path).read_bytes())
        elif kind in (Kind.QEMU_LOG, Kind.FTRACE, *KEPT_AS_THEY_ARE):
            kept = "".join(text + "\n" for text in _kept(path, kind))
            (target / f"{name}.zst").write_bytes(zstandard.ZstdCompressor(level=19).compress(kept.encode()))


def _kept(path: str, kind: Kind) -> Iterator[str]:
    if kind in KEPT_AS_THEY_ARE:
        yield from (text for _, text in lines(path))
        return
    parser = line_parser("qemu_log" if kind is Kind.QEMU_LOG else "ftrace")
    writes = _first_write(path) if kind is Kind.QEMU_LOG else 0
    for number, text in lines(path):
        name = (parser.match(text) or parser.parse_with_grammar(text, number, path))[0]
        if name != "other" and (name != "memory_notdirty_write_access" or number >= writes):
            yield text


def _first_write(path: str) -> int:
    """The line from which on the guest's writes matter: the start of the first migration; never, at a destination."""
    log = read_qemu_log(path)
    starts = [step.line for step in log.steps if step.kind == "migrate_set_state" and step.fields["state"] == "setup"]
    return starts[0] if log.is_source and starts else 1 << 62


if __name__ == "__main__":
    main(*sys.argv[1:3])
