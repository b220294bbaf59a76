"""Compiles functions of numbers and arrays to machine code, by numba, which is optional: ``balloonproof[fast]``.

Only modules of loops (``*_loops.py``) import this, and only long input imports those: importing numba takes half a second.
What is compiled is kept next to the source (or in numba's cache folder), so it is compiled once per installation.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from importlib.util import find_spec
from typing import Any, TypeVar, cast

import numpy as np

word: Any = np.int64
"""A number as the machine has it: signed, 64 bits. (Unsigned bytes and signed numbers together would become floating-point.)"""

F = TypeVar("F", bound=Callable[..., object])


@cache
def is_available() -> bool:
    """Is numba installed?"""
    return find_spec("numba") is not None


def compiled(function: F) -> F:
    """``function``, compiled when it is first called."""
    from numba import njit

    return cast(F, njit(cache=True)(function))
