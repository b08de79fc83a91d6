"""How often Python looks for rings of objects that nobody holds any more, in processes that hold very many that are held.

What is in no ring goes at once, as ever; of rings we make hardly any.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["look_seldom", "looking_seldom"]

GARBAGE_AFTER = (50_000, 20, 100)
"""How many more objects were made than let go of before Python looks for rings among the youngest of them, and how many
such looks come before one among the older ones. By its own numbers (700, 10, 10) a service that remembers thousands of
streams spent a fifth of its handling on looking through them, and a read model half of its time on the events of a batch
(docs/performance.md)."""


def look_seldom() -> None:
    """From now on, and never through what is there already, such as whatever was imported: it stays for good."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GARBAGE_AFTER)


@contextmanager
def looking_seldom() -> Iterator[None]:
    """For as long as this lasts."""
    before = gc.get_threshold()
    look_seldom()
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()
