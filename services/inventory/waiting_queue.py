"""Who waits for stock at a location, best rank first: a persistent ordered collection.

Kept in blocks, so that a claim joins or leaves a long queue at the cost of a block and of the list of blocks, not of
everybody who waits.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass

__all__ = ["BLOCK_MAX", "Rank", "WaitingQueue"]

BLOCK_MAX = 256
"""Ranks in a block; one more and it is split."""

Rank = tuple[int, str, int, str]
"""Order of service: priority (highest first, so negated), need-by date, age, and the claim's key. No two are equal."""


@dataclass(frozen=True, slots=True)
class WaitingQueue:
    """Ranks in order, in blocks of which none is empty."""

    blocks: tuple[tuple[Rank, ...], ...] = ()

    def __bool__(self) -> bool:
        return bool(self.blocks)

    @property
    def first(self) -> Rank:
        """The best rank; only of a queue that is not empty."""
        return self.blocks[0][0]

    def joined(self, rank: Rank) -> WaitingQueue:
        """The queue with one more, in its place."""
        if not self.blocks:
            return WaitingQueue(((rank,),))
        number = self._block_of(rank)
        block = self.blocks[number]
        place = bisect_left(block, rank)
        grown = (*block[:place], rank, *block[place:])
        half = len(grown) // 2
        return self._with(number, (grown,) if len(grown) <= BLOCK_MAX else (grown[:half], grown[half:]))

    def left(self, rank: Rank) -> WaitingQueue:
        """The queue without one of those who wait in it."""
        number = self._block_of(rank)
        block = self.blocks[number]
        place = bisect_left(block, rank)
        rest = block[:place] + block[place + 1 :]
        return self._with(number, (rest,) if rest else ())

    def _block_of(self, rank: Rank) -> int:
        """The last block that begins at or before this rank, or the first one."""
        return max(0, bisect_right(self.blocks, rank, key=lambda block: block[0]) - 1)

    def _with(self, number: int, instead: tuple[tuple[Rank, ...], ...]) -> WaitingQueue:
        return WaitingQueue((*self.blocks[:number], *instead, *self.blocks[number + 1 :]))
