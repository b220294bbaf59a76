"""Reads QMP logs (``grammar/qmp_log.lark``): what management asked of QEMU, and what QEMU said about itself.

A migration's own log tells more and tells it better; where it lacks a kind of line, the events of QMP stand in for it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from ...grammar import TraceSyntaxError, line_parser
from .sources import lines
from .spool import Spool

Version = tuple[int, int, int]


class Message(NamedTuple):
    """A command (``migrate``) or an event (``MIGRATION``). ``time``: nanoseconds since the epoch, 0 if not known.

    An event is timed by QEMU, when it happened; a command by the log, when it was sent.
    """

    time: int
    line: int
    name: str
    data: Mapping[str, Any]


@dataclass
class QmpLog:
    """What one session tells, in its order."""

    path: str
    version: Version | None = None
    capabilities: dict[str, bool] = field(default_factory=dict)
    """Migration capabilities as they were last set; what was never set is not named."""
    commands: Spool[Message] = field(default_factory=lambda: Spool(Message))
    events: Spool[Message] = field(default_factory=lambda: Spool(Message))
    is_source: bool = True
    """Whether the session is with the side that sends."""


def read_qmp_log(path: str) -> QmpLog:
    """Reads a log of one session. Raises :class:`TraceSyntaxError` at a line that holds no JSON object."""
    log = QmpLog(path)
    for number, _, fields in line_parser("qmp_log").parse(lines(path), path):
        message = _message(path, number, fields)
        time = _nanoseconds(fields["time"]) if fields["time"] else 0
        if "QMP" in message:
            log.version = _version(message["QMP"])
        elif "event" in message:
            log.events.append(Message(_stamp(message) or time, number, str(message["event"]), _object(message.get("data"))))
        elif "execute" in message:
            command = Message(time, number, str(message["execute"]), _object(message.get("arguments")))
            log.commands.append(command)
            log.is_source = log.is_source and command.name != "migrate-incoming"
            if command.name == "migrate-set-capabilities":
                log.capabilities |= _capabilities(command)
    return log


def _message(path: str, number: int, fields: Mapping[str, str]) -> dict[str, Any]:
    text = fields["json"]
    try:
        message = json.loads(text)
    except (json.JSONDecodeError, RecursionError) as error:
        column = getattr(error, "colno", 1)
        found = repr(text[column - 1 : column + 11]) if column <= len(text) else "end of line"
        raise TraceSyntaxError(path, number, column, found, ("a JSON message of QMP",), text) from None
    assert isinstance(message, dict)  # the grammar lets nothing but an object through
    return message


def _object(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _version(greeting: object) -> Version | None:
    numbers = _object(_object(_object(greeting).get("version")).get("qemu"))
    parts = [numbers.get(name) for name in ("major", "minor", "micro")]
    return (parts[0], parts[1], parts[2]) if all(isinstance(part, int) for part in parts) else None  # type: ignore[return-value]


def _capabilities(command: Message) -> dict[str, bool]:
    items = command.data.get("capabilities")
    found = (_object(item) for item in (items if isinstance(items, list) else []))
    return {str(item["capability"]): item.get("state") is True for item in found if "capability" in item}


def _stamp(message: Mapping[str, Any]) -> int:
    """When QEMU says that an event happened; 0 if it does not (its clock failed) or has no time."""
    stamp = _object(message.get("timestamp"))
    seconds, micros = stamp.get("seconds"), stamp.get("microseconds")
    if isinstance(seconds, int) and isinstance(micros, int) and seconds > 0:
        return seconds * 1_000_000_000 + micros * 1000
    return 0


def _nanoseconds(text: str) -> int:
    seconds, _, fraction = text.partition(".")
    return int(seconds) * 1_000_000_000 + int(fraction.ljust(9, "0") or "0")
