"""Which pages learn of an event, and in which role: own, sibling (same host page), peer (same chunk) or stranger, as `one_page` has them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from balloonproof.checker.read.events import Header, Pages

DEFAULT_CHUNK = 1 << 18
"""Pages in a chunk of the dirty log unless the header says otherwise (QEMU clear_bmap_shift 18)."""


@dataclass(frozen=True)
class Neighbours:
    """How guest pages lie together: `chunk` of them in a chunk of the dirty log, `host_page` in a host page.

    An event that names several pages of one host page is a step for each, in their order; of pages further away a page learns once.
    """

    chunk: int
    host_page: int

    @staticmethod
    def of(header: Header) -> Neighbours:
        return Neighbours(header.chunk_pages or DEFAULT_CHUNK, header.pages_in_host_page)

    def roles(self, page: int, pages: Pages, is_statement: bool) -> list[str]:
        """What `page` sees of an event that names `pages`, in order."""
        first = page // self.host_page * self.host_page
        named = [other for other in range(first, first + self.host_page) if any(start <= other < start + count for start, count in pages)]
        if is_statement and page in named:
            return ["own"]
        if named:
            return ["own" if other == page else "sibling" for other in named[: 1 if is_statement else None]]
        chunk = page // self.chunk
        return ["peer" if any(start // self.chunk <= chunk <= (start + count - 1) // self.chunk for start, count in pages) else "stranger"]

    def parts(self, page_count: int, pages: Pages, is_statement: bool) -> Iterator[tuple[str, NDArray[np.bool_]]]:
        """The same for all pages: role by role, in order, who sees it."""
        named, near = np.zeros(page_count, dtype=bool), np.zeros(page_count, dtype=bool)
        for first, count in pages:
            named[first : first + count] = True
            near[first // self.chunk * self.chunk : (first + count - 1) // self.chunk * self.chunk + self.chunk] = True
        touched = self._whole_host_pages(named)
        if self.host_page == 1 or is_statement:
            yield "own", named
            yield "sibling", touched & ~named
        else:
            for offset in range(self.host_page):
                own = np.zeros(page_count, dtype=bool)
                own[offset :: self.host_page] = named[offset :: self.host_page]
                yield "own", own
                yield "sibling", self._whole_host_pages(own) & ~own
        yield "peer", near & ~touched
        yield "stranger", ~near & ~touched

    def _whole_host_pages(self, pages: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """All pages of the host pages that these are of."""
        if self.host_page == 1:
            return pages
        return np.repeat(np.logical_or.reduceat(pages, range(0, len(pages), self.host_page)), self.host_page)[: len(pages)]
