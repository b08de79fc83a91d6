"""Rows about three brokers: one of them is away, or lost with its disk, and two of them are. Their names end with `/3`, since
F05 and F06 are made on one broker too."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from contracts import topics
from tests.chaos.cluster import Cluster, ClusterSite
from tests.chaos.play import LIVE_SECONDS, Play
from tests.chaos.site import kept_up, pause, settled

__all__ = ["REPLICATED_ROWS", "installed_on_three"]

CHASED = 5
AWAY_SECONDS = 15.0
"""How long two of three are away."""

CONFIRMED = frozenset({"OrderConfirmed"})


@contextmanager
def installed_on_three(home: Path) -> Iterator[ClusterSite]:
    """A new installation on three brokers of its own, up and running; all of it is stopped afterwards."""
    home.mkdir()
    cluster = Cluster(home)
    try:
        cluster.start()
        with kept_up(ClusterSite(settled(home, cluster.address), cluster)) as site:
            yield site
    finally:
        cluster.close()


def _cluster(play: Play) -> Cluster:
    assert isinstance(play.site, ClusterSite)
    return play.site.cluster


def rolling(play: Play) -> None:
    """F05: each broker is stopped properly and started again, one after the other."""
    cluster = _cluster(play)
    with play.row("F05/3", "three brokers are stopped and started, one by one") as one:
        for node in cluster.nodes:
            cluster.end(node, signal.SIGTERM)
            one.fired += 1
            if play.confirmed() is None:
                one.wrong.append(f"nothing was confirmed while broker {node.number} was stopped")
            cluster.start()
            cluster.await_whole()


def chased(play: Play) -> None:
    """F06: whoever leads is killed, again and again."""
    cluster = _cluster(play)
    with play.row("F06/3", f"the leader of three brokers is killed {CHASED} times") as one:
        for _ in range(CHASED):
            leader = cluster.leader(topics.inbox("order", play.site.settings.namespace))
            cluster.end(leader, signal.SIGKILL)
            one.fired += 1
            if play.confirmed() is None:
                one.wrong.append(f"nothing was confirmed after broker {leader.number} was killed")
            cluster.start()
            cluster.await_whole()


def lost(play: Play) -> None:
    """F07: a broker is lost with its disk, and comes back with nothing."""
    cluster = _cluster(play)
    with play.row("F07/3", "one of three brokers loses its disk") as one:
        node = play.chance("F07").choice(cluster.nodes)
        cluster.end(node, signal.SIGKILL)
        cluster.forget(node)
        one.fired = 1
        if play.confirmed() is None:
            one.wrong.append(f"nothing was confirmed while broker {node.number} was lost")
        cluster.start()
        cluster.await_whole()


def without_majority(play: Play) -> None:
    """F08: two of three are away: what is ordered then is neither confirmed nor lost."""
    cluster = _cluster(play)
    with play.row("F08/3", "two of three brokers are killed") as one:
        for node in play.chance("F08").sample(cluster.nodes, 2):
            cluster.end(node, signal.SIGKILL)
            one.fired += 1
        name = f"alone-{play.seed}"
        play.customers.publish(play.customers.order(name))
        pause(AWAY_SECONDS)
        if play.watch.of(name).keys() & CONFIRMED:
            one.wrong.append("an order was confirmed by one broker of three")
        play.site.heal()
        if play.watch.await_any(name, CONFIRMED, LIVE_SECONDS, play.start_again) is None:
            one.wrong.append(f"what was ordered meanwhile was not confirmed in {LIVE_SECONDS:.0f} s")
        cluster.await_whole()


REPLICATED_ROWS: Mapping[str, Callable[[Play], None]] = {
    "F05": rolling,
    "F06": chased,
    "F07": lost,
    "F08": without_majority,
}
"""What is done to three brokers."""
