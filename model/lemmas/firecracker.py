"""Why hints that discard harm nobody where hinted pages are given back only after the device has used their hint (`release-waits-for-ack=yes`)."""

from __future__ import annotations

from balloonproof.model.lemmas import hinting, precopy

LEMMAS = (precopy.ring_is_never_allocated, precopy.relies_on_what_it_uses, hinting.queued_hint_is_of_a_held_page)
