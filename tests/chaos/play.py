"""What every row needs: the site under load, the healing after a fault, and the order that shows that all works again."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from random import Random
from subprocess import SubprocessError

import httpx
import psutil
from confluent_kafka import KafkaException

from chassis.log import LogError
from contracts import topics
from deploy.local.errors import StackError
from oms.lag import read_lags
from tests.chaos.customers import Customers, Watch
from tests.chaos.load import Load
from tests.chaos.results import Outcome
from tests.chaos.site import LOOK_SECONDS, Site
from tests.waiting import eventually

__all__ = ["LIVE_SECONDS", "TROUBLES", "NotHere", "Play", "at_rest"]

LIVE_SECONDS = 60.0
"""After a heal: an order placed then is confirmed within this time, and shown by the doors."""

DRAIN_SECONDS = 120.0
"""Once nobody orders any more: until no message waits in any inbox."""

REST_SECONDS = 25
"""Without an event, before everything is checked: what is younger than `GRACE_SECONDS` may still be on its way."""
GRACE_SECONDS = 15

FIRST_ORDERS = 3
"""Orders of which one has to be confirmed before the first fault, each within LIVE_SECONDS."""

CONFIRMED = ("OrderConfirmed",)
TROUBLES = (
    AssertionError,
    BufferError,
    KafkaException,
    LogError,
    OSError,
    StackError,
    SubprocessError,
    ValueError,
    httpx.HTTPError,
    psutil.Error,
)
"""What a fault may lead to that is told as wrong in its row, while the next rows are made all the same."""


class NotHere(Exception):
    """This machine has not what a row needs; the text says what. Nothing was done to the installation."""


def at_rest(written: Callable[[], int]) -> bool:
    """Wait until nothing is `written` for a while; False when that does not come. Of what never rests `oms verify` asks
    less: it may still be on its way."""
    last, since = written(), time.monotonic()
    until = since + DRAIN_SECONDS
    while time.monotonic() - since < REST_SECONDS:
        if time.monotonic() >= until:
            return False
        time.sleep(1.0)
        if (now := written()) != last:
            last, since = now, time.monotonic()
    return True


class Play:
    """One installation under load, and what its rows came to, added to `outcomes` one by one. `say` prints a line as
    soon as there is one."""

    def __init__(self, site: Site, seed: int, say: Callable[[str], None], outcomes: list[Outcome]) -> None:
        self.site, self.seed, self._say = site, seed, say
        self.customers, self.watch, self.load = Customers(site, seed), Watch(site), Load(site)
        self.outcomes = outcomes
        self._probes = self.restarts = 0

    def chance(self, what: str) -> Random:
        """Chance that the seed decides, apart for each use."""
        return Random(f"{what} {self.seed}")

    def begin(self) -> None:
        """Goods on shelves, customers, baskets; returns once an order was confirmed."""
        self.site.await_running()
        self.customers.stock_up()
        self.customers.begin()
        self.load.go_on()
        # An installation that has just begun beside its first baskets may take longer than one that heals.
        begun = any(self.alive() is not None for _ in range(FIRST_ORDERS))
        assert begun, f"none of {FIRST_ORDERS} orders was confirmed before any fault: there is nothing to try faults on"

    def alive(self) -> float | None:
        """Order something now; seconds until it is confirmed and the doors show it, None when the first takes too long.
        Fails when the second does."""
        began, name = time.monotonic(), self.confirmed()
        if name is None:
            return None
        eventually(lambda: self._shown(name), LIVE_SECONDS, f"the doors show {name}", LOOK_SECONDS)
        return time.monotonic() - began

    def confirmed(self, *, start_again: bool = True) -> str | None:
        """Order something now, and wait until it is confirmed; its name, None when that takes too long. Meanwhile what
        ended is started again, if it is to be."""
        self._probes += 1
        name = f"live-{self.seed}-{self._probes}"
        order = self.customers.order(name)
        if self._probes % 2:
            self.customers.publish(order)
        else:
            self.customers.asked("/orders", order, name)
        # Whoever started a process starts it again that ended: fenced once too often, or with a fault that is over.
        seen = self.watch.await_any(name, CONFIRMED, LIVE_SECONDS, self.start_again if start_again else lambda: None)
        return None if seen is None else name

    def start_again(self) -> None:
        """Start the processes that ended by themselves, and count them."""
        self.restarts += len(self.site.start_ended())

    def _shown(self, name: str) -> bool:
        try:
            return self.site.http.get(f"/orders/{name}").status_code == httpx.codes.OK
        except httpx.TransportError:
            return False

    @contextmanager
    def row(self, row: str, what: str) -> Iterator[Outcome]:
        """One fault: made in the block, healed and tried afterwards, told in one line whatever happens."""
        one, before = Outcome(row, what, self.seed), self.site.written()
        self.load.go_on()
        try:
            yield one
            if not one.fired:
                one.wrong.append("the fault never fired")
            self.recover([one])
        except NotHere as why:
            one.not_here = str(why)
        except TROUBLES as error:
            one.wrong.append(f"{type(error).__name__}: {error}")
            self.mend(one)
        one.events = max(0, self.site.written() - before)
        self.told(one)

    def mend(self, one: Outcome) -> None:
        """After something went wrong: let go on and start all there is, for the next row; what cannot be is told too."""
        try:
            self.site.release()
            self.site.heal()
        except TROUBLES as error:
            one.wrong.append(f"not healed: {type(error).__name__}: {error}")

    def recover(self, together: list[Outcome]) -> None:
        """Start what ended, and say of these how long it took until an order came through."""
        self.site.heal()
        live = self.alive()
        for one in together:
            one.live = live
        if live is not None and live > LIVE_SECONDS:
            together[0].wrong.append(
                f"an order placed after the heal took {live:.0f} s until the doors showed it confirmed"
            )
        if live is None:
            unwell = self._unwell()
            together[0].wrong.append(
                f"an order placed after the heal was not confirmed in {LIVE_SECONDS:.0f} s{unwell}"
            )
            self.site.await_running()

    def _unwell(self) -> str:
        health = {process.name: self.site.stack.health(process) for process in self.site.stack.wanted}
        found = [f"{name} {said['state']}: {said['last_error']}" for name, said in health.items()]
        return f" ({'; '.join(each for each in found if ' running' not in each)})"

    def told(self, one: Outcome) -> None:
        """Keep it and print it."""
        self.outcomes.append(one)
        self._say(one.line())

    # -- the end -----------------------------------------------------------------------------------------------

    def end(self) -> None:
        """Let everything come to its end, then check all of it from outside and make all tables again."""
        self.customers.end()
        self.load.finish()
        demonstration = Outcome("demonstration", f"{self.load.runs} runs of {self.load.orders} baskets", self.seed)
        demonstration.wrong += [*self.load.troubles, *self.customers.refused]
        demonstration.what += f", {self.restarts} processes ended between faults"
        if self.watch.stood_still:
            demonstration.wrong.append(
                f"Kafka's client stood still {self.watch.stood_still} times in a topic in which there was more"
            )
        self._drain(demonstration)
        self.told(demonstration)
        self._verify()
        self._rebuild()

    def waiting(self) -> int:
        """How many messages wait in all inboxes."""
        lags = read_lags(self.site.log, self.site.settings.namespace, topics.SERVICES)
        return sum(count for of_service in lags.values() for count in of_service.values())

    def _drain(self, one: Outcome) -> None:
        try:
            eventually(lambda: self.waiting() == 0, DRAIN_SECONDS, "no message waits in any inbox", 1.0)
        except AssertionError as error:
            one.wrong.append(str(error))
        if not at_rest(self.site.written):
            one.wrong.append(
                f"events were written all the time for {DRAIN_SECONDS:.0f} s after nobody ordered any more"
            )

    def _verify(self) -> None:
        one = Outcome("verify", "oms verify: every promise, from outside", self.seed)
        report = self.site.settings.home / "verify.json"
        done = self.site.oms("verify", "--grace", str(GRACE_SECONDS), "--json", str(report))
        if done.returncode:
            lines = [line for line in done.stdout.splitlines() if "BROKEN" in line or "NOTHING CHECKED" in line]
            one.wrong += lines or [f"it left {done.returncode}: {(done.stdout + done.stderr)[-500:]}"]
        (self.site.settings.home / "verify.txt").write_text(done.stdout + done.stderr)
        self.told(one)

    def _rebuild(self) -> None:
        one = Outcome("F31", "all tables made again from the topics, calls outside refused", self.seed)
        done = self.site.oms("rebuild", "--json")
        try:
            said = json.loads(done.stdout)
        except ValueError:
            said = {"equal": False, "services": []}
        one.fired = len(said["services"])
        calls = sum(service["calls_outside"] for service in said["services"])
        if not said["equal"] or calls or done.returncode:
            different = [
                f"{service['service']}.{table['table']}"
                for service in said["services"]
                for table in service["tables"]
                if not table["equal"]
            ]
            one.wrong.append(f"not equal: {different}; {calls} calls outside; {done.stderr[-300:]}")
        self.told(one)
