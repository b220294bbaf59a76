"""The model for other tools: SMT-LIB 2, constrained Horn clauses, VMT-LIB, TLA+.

All are printed from the model's own terms and never from a solver's.  `transition_system` is what is printed; one file per format.
"""

from __future__ import annotations

from collections.abc import Callable

from balloonproof.model.explicit import Shape
from balloonproof.model.export.chc import chc_text
from balloonproof.model.export.smt2 import smt2_text
from balloonproof.model.export.tla import is_module_name, module_name, tla_text
from balloonproof.model.export.transition_system import EXPLICIT, ONE_PAGE, READINGS, TransitionSystem, explicit_system, one_page_system, shape_of
from balloonproof.model.export.vmt import vmt_text
from balloonproof.model.language import Configuration, UnknownName

__all__ = [
    "EXPLICIT",
    "FORMATS",
    "ONE_PAGE",
    "READINGS",
    "TransitionSystem",
    "explicit_system",
    "export_text",
    "one_page_system",
    "shape_of",
    "transition_system",
]


def _tla(system: TransitionSystem, module: str) -> str:
    return tla_text(system, module or module_name(system.name))


_WRITERS: dict[str, Callable[[TransitionSystem, str], str]] = {
    "smt2": lambda system, module: smt2_text(system),
    "chc": lambda system, module: chc_text(system),
    "vmt": lambda system, module: vmt_text(system),
    "tla": _tla,
}
FORMATS = tuple(_WRITERS)


def export_text(system: TransitionSystem, format: str, module: str = "") -> str:
    """`system` in one of `FORMATS`; `module` is the name of the TLA+ module, which must be that of its file.

    UnknownName for another format, ValueError for a name that no module can have.
    """
    if format not in _WRITERS:
        raise UnknownName("format", format, FORMATS)
    if module and format == "tla" and not is_module_name(module):
        raise ValueError(f"a TLA+ module is named after its file: expected letters, digits and _, found {module!r}")
    return _WRITERS[format](system, module)


def transition_system(configuration: Configuration, reading: str = ONE_PAGE, shape: Shape | None = None) -> TransitionSystem:
    """`configuration` in the reading of that name; UnknownName for another."""
    if reading not in READINGS:
        raise UnknownName("reading", reading, READINGS)
    return one_page_system(configuration) if reading == ONE_PAGE else explicit_system(configuration, shape or shape_of(1))
