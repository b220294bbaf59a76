"""The one-page system of a configuration, from the cache on disk if it was worked out before."""

from __future__ import annotations

import hashlib
from functools import cache

from balloonproof.checker.cache import load, save
from balloonproof.model.language import Configuration
from balloonproof.model.one_page import OnePage
from balloonproof.model.stored import restore, stored
from balloonproof.model.systems import SYSTEMS


@cache
def one_page_of(configuration: Configuration) -> OnePage:
    """The one-page system, one object a configuration; only the model's own systems, which a configuration's name tells apart, are kept on disk."""
    one_page = OnePage(configuration)
    if not any(configuration.system is system for system in SYSTEMS):
        return one_page
    name = "one-page-" + hashlib.sha256(str(configuration).encode()).hexdigest()[:24]
    data = load(name)
    if data is not None:
        try:
            restore(one_page, data)
            return one_page
        except (KeyError, ValueError, TypeError, IndexError):  # not what was written there
            pass
    save(name, stored(one_page))
    return one_page
