"""Did it happen here?  Traces are read (`read`), put into the model's words (`observe`), followed (`monitor`) and judged (`verdict`).

>>> from balloonproof.checker import check
>>> check("traces/hand/stale_start.trace").verdict
'reject'
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from balloonproof.checker.verdict import Report


def check(
    paths: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    system: str | None = None,
    settings: Mapping[str, str] | None = None,
    without: Iterable[str] = (),
) -> Report:
    """Check one native trace, or the logs of one migration, against the model; see `checker.checking.check_paths`.

    Raises TraceInputError or TraceSyntaxError for input that cannot be read, UnknownName for a system, setting or guard that does not exist.
    """
    from balloonproof.checker.checking import check_paths

    return check_paths(paths, system, settings or {}, tuple(without))
