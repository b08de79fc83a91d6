"""Rows about three brokers: one of them is away, or lost with its disk, two of them are, and the network between them and
to clients is cut. Their names end with `/3`, since
F05 and F06 are made on one broker too."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import permutations
from pathlib import Path

from contracts import topics
from tests.chaos.cluster import NUMBERS, Cluster, ClusterSite
from tests.chaos.network import CLIENTS, Network, NoNetwork
from tests.chaos.play import LIVE_SECONDS, NotHere, Play
from tests.chaos.results import Outcome
from tests.chaos.site import kept_up, pause, settled

__all__ = ["REPLICATED_ROWS", "installed_on_three"]

CHASED = 5
LEADERS_CUT = 4
"""How often a leader is cut off: which of the services' calls are on their way to it is another each time."""

AWAY_SECONDS = 15.0
"""How long two of three are away."""

CUT_SECONDS = 20.0
"""How long a network is cut: twice what brokers, groups and transactions give one that is not heard (9 and 10 s)."""

CONFIRMED = frozenset({"OrderConfirmed"})


@contextmanager
def installed_on_three(home: Path) -> Iterator[ClusterSite]:
    """A new installation on three brokers of its own, up and running; all of it is stopped afterwards."""
    home.mkdir()
    with _network() as (network, uncut):
        cluster = Cluster(home, network)
        try:
            cluster.start()
            with kept_up(ClusterSite(settled(home, cluster.address), cluster, uncut)) as site:
                yield site
        finally:
            cluster.close()


@contextmanager
def _network() -> Iterator[tuple[Network | None, str]]:
    """A network that can be cut, or why there is none."""
    network = Network(NUMBERS)
    try:
        network.open()
    except NoNetwork as error:
        yield None, str(error)
        return
    try:
        yield network, ""
    finally:
        network.close()


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


def cut(play: Play) -> None:
    """F09: networks are cut in four ways, one after the other. Nothing that either side says may be taken back."""
    for what, make in CUTS:
        with play.row("F09/3", what) as one:
            cluster = _cluster(play)
            if cluster.network is None:
                raise NotHere(_why_uncut(play))
            try:
                make(play, cluster, cluster.network, one)
            finally:
                # Whoever is stopped meanwhile would wait for what cannot be heard.
                cluster.network.heal()
            cluster.await_whole()


def _why_uncut(play: Play) -> str:
    assert isinstance(play.site, ClusterSite)
    return play.site.uncut


def _isolated(play: Play, cluster: Cluster, network: Network, one: Outcome) -> None:
    """Nothing comes to the leader or from it: the others go on."""
    network.isolate(_leader(play, cluster))
    _ordered_meanwhile(play, one, confirmed=True)


def _split(play: Play, cluster: Cluster, network: Network, one: Outcome) -> None:
    """No broker hears another, and clients hear all of them: none has what it would need to say yes."""
    for sender, receiver in permutations(NUMBERS, 2):
        network.lose(sender, receiver)
    _ordered_meanwhile(play, one, confirmed=False)


def _uncoordinated(play: Play, cluster: Cluster, network: Network, one: Outcome) -> None:
    """Clients and a coordinator do not hear each other, and the brokers do: nobody takes its place."""
    coordinator = cluster.coordinator(topics.named("order", play.site.settings.namespace)).number
    network.lose(coordinator, CLIENTS)
    network.lose(CLIENTS, coordinator)
    _ordered_meanwhile(play, one, confirmed=None)


def _one_way(play: Play, cluster: Cluster, network: Network, one: Outcome) -> None:
    """What the leader sends to the other brokers is lost; it hears them, and clients hear it."""
    leader = _leader(play, cluster)
    for other in set(NUMBERS) - {leader}:
        network.lose(leader, other)
    _ordered_meanwhile(play, one, confirmed=None)


def _leader(play: Play, cluster: Cluster) -> int:
    return cluster.leader(topics.inbox("order", play.site.settings.namespace)).number


def _ordered_meanwhile(play: Play, one: Outcome, *, confirmed: bool | None) -> None:
    """Order something while the network is cut, and mend it. The order has to be confirmed, before that where it can be
    (True), and not before where nobody may (False)."""
    one.fired = 1
    name = f"cut-{play.seed}-{len(play.outcomes)}"
    play.customers.publish(play.customers.order(name))
    if confirmed:
        seconds = play.watch.await_any(name, CONFIRMED, LIVE_SECONDS, play.start_again)
        if seconds is not None:
            one.what += f", confirmed by the others in {seconds:.1f} s"
        else:
            one.wrong.append(f"nothing was confirmed in {LIVE_SECONDS:.0f} s by those that were left")
    else:
        pause(CUT_SECONDS)
    if confirmed is False and play.watch.of(name).keys() & CONFIRMED:
        one.wrong.append("an order was confirmed by one broker of three")
    play.site.heal()
    if play.watch.await_any(name, CONFIRMED, LIVE_SECONDS, play.start_again) is None:
        one.wrong.append(f"what was ordered meanwhile was not confirmed in {LIVE_SECONDS:.0f} s")


CUTS: Sequence[tuple[str, Callable[[Play, Cluster, Network, Outcome], None]]] = (
    *(("the leader of three brokers is cut off from all", _isolated),) * LEADERS_CUT,
    ("none of three brokers hears another, clients hear all", _split),
    ("clients and a coordinator do not hear each other", _uncoordinated),
    ("the leader hears the other brokers, they do not hear it", _one_way),
)
"""The ways in which a network is cut."""


REPLICATED_ROWS: Mapping[str, Callable[[Play], None]] = {
    "F05": rolling,
    "F06": chased,
    "F07": lost,
    "F08": without_majority,
    "F09": cut,
}
"""What is done to three brokers."""
