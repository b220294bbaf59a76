"""Why the guest's list of free pages and the host's balloon bitmap compose: the argument for each stands beside the other's, with no more to say."""

from __future__ import annotations

from balloonproof.model.lemmas import balloon_skip, free_page_bitmap

LEMMAS = (*balloon_skip.SKIP_LEMMAS, *free_page_bitmap.LIST_LEMMAS)
