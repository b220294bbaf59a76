"""Compiles functions of numbers and arrays to machine code, by numba, which is optional: ``balloonproof[fast]``.

Only modules of loops (``*_loops.py``) import this, and only long input imports those: importing numba takes half a second.
What is compiled is kept with what else is kept on disk (``cache``), so it is compiled once for each version of the sources.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import lru_cache
from importlib.util import find_spec
from typing import Any, TypeVar, cast

import numpy as np

word: Any = np.int64
"""A number as the machine has it: signed, 64 bits. (Unsigned bytes and signed numbers together would become floating-point.)"""

unsigned: Any = np.uint64
"""One without a sign, which is an index as it is; a signed one is first asked whether it counts from the end."""

LENGTHS = {"bytes of text": 1 << 20, "events": 1 << 15}
"""Of so much input on compiled loops are worth while in a process that did not use any yet: below, importing numba takes longer than it saves."""
_USED_ALREADY = 1 << 5
"""Where loops are there already, so many times less is enough."""

F = TypeVar("F", bound=Callable[..., object])


@lru_cache(1)
def is_available() -> bool:
    """Is numba installed?"""
    return find_spec("numba") is not None


def worthwhile(unit: str) -> int:
    """How many bytes of text, or events, are worth a compiled loop now."""
    return LENGTHS[unit] // _USED_ALREADY if "numba" in sys.modules else LENGTHS[unit]


def compiled(function: F) -> F:
    """``function``, compiled when it is first called."""
    from numba import njit

    from balloonproof.checker.compiled_code import KeptCode

    found = njit(function)
    found._cache = KeptCode(function)  # what njit(cache=True) sets, but for numba's own
    return cast(F, found)
