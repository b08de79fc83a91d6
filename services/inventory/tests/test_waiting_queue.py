"""The queue of waiting demand is a sorted list, however it is filled and emptied."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from services.inventory.waiting_queue import BLOCK_MAX, Rank, WaitingQueue


def rank(number: int) -> Rank:
    return (-(number % 3), "~", number, str(number))


@settings(max_examples=100)
@given(st.lists(st.integers(0, 60)), st.integers(0, 600))
def test_it_is_in_order_whoever_joins_and_leaves(numbers: list[int], before: int) -> None:
    queue = WaitingQueue()
    for number in range(100, 100 + before):
        queue = queue.joined(rank(number))
    waiting = {rank(number) for number in range(100, 100 + before)}
    for number in numbers:
        known = rank(number) in waiting
        queue = queue.left(rank(number)) if known else queue.joined(rank(number))
        waiting ^= {rank(number)}
        assert [one for block in queue.blocks for one in block] == sorted(waiting)
        assert bool(queue) is bool(waiting)
        assert all(0 < len(block) <= BLOCK_MAX for block in queue.blocks)
        assert not waiting or queue.first == min(waiting)


def test_who_leaves_a_long_queue_takes_only_a_block_along() -> None:
    queue = WaitingQueue()
    for number in range(5_000):
        queue = queue.joined(rank(number))
    after = queue.left(queue.first)
    assert sum(1 for block in after.blocks if block not in queue.blocks) == 1
