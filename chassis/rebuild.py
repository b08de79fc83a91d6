"""A service's tables made again from its events topic, and what proves that two sets of tables are equal.

The tables are a function of the topic, and the follower is the only code that knows it: a rebuild is that follower
from offset 0 into an empty schema.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256

from chassis.follower import Follower
from chassis.log import Log
from chassis.service import Service
from chassis.store import TABLES, Store

__all__ = ["rebuild", "table_hashes"]

POLL_SECONDS = 0.2


def rebuild(service: Service, log: Log, store: Store, partitions: Iterable[int]) -> None:
    """Fill `store`, whose schema is new, with what these partitions of the events topic held when this was called.

    Raises StoreAway, LogError, and ChainBroken where the log was changed.
    """
    store.create()
    ends = {number: log.bounds(service.events, number)[1] for number in partitions}
    follower = Follower(log, store, service.events, service.by_kind)
    follower.follow(ends)
    try:
        while any((follower.position(number) or 0) < end for number, end in ends.items()):
            follower.step(POLL_SECONDS)
    finally:
        follower.close()


def table_hashes(store: Store) -> dict[str, str]:
    """SHA-256 (hex) of every table's rows in the order of their keys: equal tables have equal hashes."""
    hashes = {}
    for table in TABLES:
        digest = sha256()
        for row in store.rows(table):
            digest.update(row.encode() + b"\n")
        hashes[table] = digest.hexdigest()
    return hashes
