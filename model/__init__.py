"""What may happen, and can it go wrong?

The protocol is written once, in `actions/`, as short functions over the variables of `state`.  `systems` says which actions,
guards and settings make which protocol, `properties` what must hold.  `one_page` and `explicit` are the two readings of that text: any number
of pages seen from one page, and a fixed number of pages with an explicit virtqueue.  The engines are in `engines/`.

The library's entry point is `prove`:

>>> from balloonproof.model import prove
>>> prove("precopy").verdict
'proved'
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from balloonproof.model.engines.result import ProofResult


def prove(system: str, settings: dict[str, str] | None = None, without: tuple[str, ...] = ()) -> ProofResult:
    """Prove `system` safe for any number of pages, or find its shortest counterexample; see `engines.verdict.prove_system`.

    Raises UnknownName for a system, setting, value or guard that does not exist.
    """
    from balloonproof.model.engines.verdict import prove_system

    return prove_system(system, settings or {}, without)
