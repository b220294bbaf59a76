"""What numba compiled, kept with what else is kept on disk (``cache``).

numba's own cache fails where it is damaged, belongs to somebody else or the disk is full, and of runs that fill it at the same time one may
later be given what another compiled for other types.
"""

from __future__ import annotations

import sys
from base64 import b64decode, b64encode
from collections.abc import Callable
from contextlib import suppress
from hashlib import sha256
from pickle import loads
from typing import Any

import numba
from numba.core.caching import CompileResultCacheImpl, NullCache
from numba.core.compiler import CompileResult
from numba.core.serialize import dumps

from balloonproof.checker import cache


class KeptCode(NullCache):  # type: ignore[misc]
    """The machine code of one function: an entry for each signature, processor, and version of Python and numba."""

    def __init__(self, function: Callable[..., object]) -> None:
        self.function = f"{function.__module__}.{function.__qualname__}"

    def _entry(self, signature: Any, target: Any) -> str:
        about = (self.function, signature, target.codegen().magic_tuple(), numba.__version__, sys.implementation.cache_tag)
        return "compiled-" + sha256(repr(about).encode()).hexdigest()[:24]

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """The code for this signature; None if it has to be compiled."""
        target_context.refresh()
        kept = cache.load(self._entry(sig, target_context))
        if isinstance(kept, str):
            with suppress(Exception):  # not what was written there
                return CompileResult._rebuild(target_context, *loads(b64decode(kept)))
        return None

    def save_overload(self, sig: Any, cres: Any) -> None:
        """Keeps the code for this signature."""
        if CompileResultCacheImpl.check_cachable(self, cres):
            cache.save(self._entry(sig, cres.target_context), b64encode(dumps(cres._reduce())).decode())
