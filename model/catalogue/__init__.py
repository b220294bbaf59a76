"""The catalogue of real races: what went wrong, or can go wrong, in QEMU, Linux and what was proposed for them.

Each entry is a configuration that the model refutes, and, where a fix exists, the configuration with the fix, which it proves: a bug is a
guard that is missing or a setting of an older version.  `races.py` holds the entries system by system, `elsewhere.py` what the fact lists
name that is no matter of protocol order, with the reason; `windows.py` when in time a race can happen.
"""

from balloonproof.model.catalogue.elsewhere import ELSEWHERE, Elsewhere
from balloonproof.model.catalogue.entry import Race, find_races
from balloonproof.model.catalogue.races import RACES
from balloonproof.model.catalogue.windows import Scope, Window

__all__ = ["ELSEWHERE", "RACES", "Elsewhere", "Race", "Scope", "Window", "find_races"]
