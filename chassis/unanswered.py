"""Calls of Kafka's client that may never return, and the few clients that a process may leave alone inside them.

The client's own time-outs do not hold for all of its calls (docs/evidence/bugs.md, F05).
"""

from __future__ import annotations

from collections.abc import Callable
from threading import Thread

from chassis.log import Indefinite, TooManyUnanswered

__all__ = ["LEFT_ALONE_MAX", "answered", "leave", "require_few_left_alone"]

LEFT_ALONE_MAX = 8
"""Clients of one process that are inside calls which have not returned. Each keeps its threads, connections and queues,
and only the end of the process ends them."""

_left_alone: list[Thread] = []
"""Those that were left alone and have not returned, as far as somebody has looked."""


def answered(call: Callable[[], object], seconds: float) -> None:
    """Make a call of the client that may never return, in a thread of its own; raises what it raises, and Indefinite when
    it has not returned after `seconds`. Then the thread is left alone with a client that nobody uses any more, LEFT_ALONE_MAX of them at once."""
    failed: list[BaseException] = []

    def make() -> None:
        try:
            call()
        except BaseException as error:  # noqa: BLE001 - raised by whoever waits
            failed.append(error)

    thread = Thread(target=make, daemon=True, name="unanswered")
    thread.start()
    thread.join(seconds)
    if leave(thread):
        raise Indefinite(f"the broker did not answer within {seconds:.0f} s")
    if failed:
        raise failed[0]


def leave(thread: Thread) -> bool:
    """Whether a thread has not returned and is left alone from here on."""
    left = thread.is_alive()
    if left:
        _left_alone.append(thread)
    return left


def require_few_left_alone() -> None:
    """Raises TooManyUnanswered where no further client may be made that could be left alone."""
    _left_alone[:] = [thread for thread in _left_alone if thread.is_alive()]
    if len(_left_alone) >= LEFT_ALONE_MAX:
        raise TooManyUnanswered(
            f"{len(_left_alone)} calls of Kafka's client have not returned since the broker went away: this process ends, "
            "which ends them"
        )
