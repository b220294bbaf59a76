"""Why all features at once are as safe as each: the arguments stand side by side, and what they share is the guest's allocator, where a page has one owner."""

from __future__ import annotations

from balloonproof.model.lemmas import ballooning, postcopy

LEMMAS = tuple(dict.fromkeys((*postcopy.LEMMAS, *ballooning.REPORTING_LEMMAS)))
