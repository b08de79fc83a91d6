"""Rows about what comes in: again and again, in the wrong order, without sense, and answers of others that go wrong."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from itertools import islice
from typing import Any

from chassis.doors import Door, Entry
from chassis.streaming import KafkaWriter
from contracts import topics
from contracts.chassis import RedriveStream
from contracts.envelope import Actor
from contracts.ids import aggregate_id
from contracts.message import format_instant
from contracts.topics import SERVICES
from oms.demo.site import TENANT
from oms.demo.site import Site as Place
from oms.demo.tail import Seen, history
from tests.chaos.customers import ACCOUNT, FIRM, SKU
from tests.chaos.play import LIVE_SECONDS, Play
from tests.chaos.site import pause
from tests.poison import ODD_ORDERS, POISON
from tests.waiting import eventually

__all__ = ["MESSAGE_ROWS"]

OFTEN = 50
REVISIONS = 3
MIB = 2**20
MEMORY_BYTES_MAX = 1024 * MIB
"""Of a service's process after a burst."""

BURST = 1_000
WAITING_USUALLY = 300
"""Messages in all inboxes beside the usual load; in a burst there are thousands."""

BURST_SECONDS = 300.0
"""Until the last order of a burst has its answer, and again until all that follows from it is done, at the few orders a
second that two busy cores do."""

ANSWERS_SECONDS = 150.0
"""Until an order has its answer whose provider misbehaves: it may leave such a provider alone for a while."""

BETWEEN_SECONDS = 1.5
"""Between two cards that fail: others' calls go well meanwhile, so that the worker does not leave the provider alone."""

SHIPMENTS_TOLD = 12
SHIPPED_SECONDS = 60.0
SANDBOX_AWAY_SECONDS = 4.0
PARKED = "MessageParked"

TOKENS = (
    *(
        f"tok_{step}{trouble}"
        for step in ("", "capture_")
        for trouble in (
            "timeout_before",
            "timeout_after",
            "error_before",
            "error_after",
            "unavailable",
            "429",
        )
    ),
    *(f"tok_webhook_{how}" for how in ("twice", "early", "late", "out_of_order", "lost")),
    "tok_decline_expired_card",
    "tok_decline_stolen_card",
    "tok_slow",
)
"""Cards that make the sandbox misbehave, each in its way."""


def repeated(play: Play) -> None:
    """F13: an order comes twice, or fifty times, by the topic and by the door."""
    with play.row("F13", f"orders come twice and {OFTEN} times, by topic and door") as one:
        times = {f"again-{play.seed}-{number}": 2 if number % 4 else OFTEN for number in range(12)}
        orders = {name: play.customers.order(name) for name in times}
        for number, (name, order) in enumerate(orders.items()):
            for _ in range(times[name]):
                if number % 3:
                    play.customers.publish(order)
                else:
                    play.customers.asked("/orders", order, name)
                one.fired += 1
        for name in times:
            _firm(play, name)
        again = next(iter(times))
        play.customers.asked("/orders", orders[again], f"{again}, under another key")
        pause(2)
        placed = {name: play.watch.of(name)["OrderPlaced"] for name in times}
        one.wrong += [f"{name} was placed {count} times" for name, count in placed.items() if count != 1]


def reordered(play: Play) -> None:
    """F14: revisions in any order, and a cancel that comes before its order."""
    chance = play.chance("F14")
    with play.row("F14", "revisions out of order, cancels before their orders") as one:
        for number in range(8):
            name = f"revised-{play.seed}-{number}"
            revisions = [_revised(play, name, revision) for revision in range(1, REVISIONS + 1)]
            play.customers.publish(*chance.sample(revisions, 3))
            early = f"early-{play.seed}-{number}"
            cancel = {"channel_account": ACCOUNT, "external_id": early, "cancel": "c1"}
            play.customers.publish(cancel, play.customers.order(early))
            one.fired += 2
        for number in range(8):
            name, early = f"revised-{play.seed}-{number}", f"early-{play.seed}-{number}"
            _firm(play, name)
            eventually(partial(_newest, play, name), LIVE_SECONDS, f"revision {REVISIONS} the newest of {name}", 0.5)
            if play.watch.await_any(early, {"OrderCancelled"}, LIVE_SECONDS) is None:
                one.wrong.append(f"{early} was cancelled before it came, and is not")


def _revised(play: Play, name: str, revision: int) -> dict[str, Any]:
    """Each revision asks for something else: the same order again would say nothing of which came last."""
    line = {"line_id": "a", "sku": SKU, "quantity": revision, "amount": 1000}
    return play.customers.order(name, revision=revision, lines=[line])


def _newest(play: Play, name: str) -> bool:
    """Whether the last revision is the one that the order knows, whatever came after it."""
    answer = play.site.http.get(f"/orders/{name}")
    return answer.is_success and answer.json()["revision"] == REVISIONS


def poisoned(play: Play) -> None:
    """F15: the whole corpus of what nobody can decode, and orders with odd values."""
    with play.row("F15", f"{len(POISON)} undecodable records, {len(ODD_ORDERS)} odd orders") as one:
        before = _dead_letters(play)
        delivered = sum(play.customers.delivered(each.key, each.value, each.headers) for each in POISON)
        one.fired = delivered + sum(play.customers.delivered(odd.key, odd.value) for odd in ODD_ORDERS)
        for odd in ODD_ORDERS:
            stream = f"order/{aggregate_id(TENANT, 'order', 'webshop-eu', odd.external_id)}"
            eventually(partial(_held, play, stream), LIVE_SECONDS, f"{odd.name} held", 0.2)
        eventually(lambda: _dead_letters(play) - before >= delivered, LIVE_SECONDS, f"{delivered} dead letters", 1.0)
        if (dead := _dead_letters(play) - before) != delivered:
            one.wrong.append(f"{delivered} undecodable records became {dead} dead letters")


def burst(play: Play) -> None:
    """F19: far more orders at once than come in a minute of the load; all have their answer, and nobody grows for it."""
    with play.row("F19", f"{BURST} orders come at once") as one:
        names = [f"burst-{play.seed}-{number}" for number in range(BURST)]
        for name in names:
            play.customers.publish(play.customers.order(name))
            one.fired += 1
        for name in names:
            _firm(play, name, BURST_SECONDS)
        # What follows from an answer, from picking to the invoice, still waits: until that is worked off it is not over.
        eventually(lambda: play.waiting() < WAITING_USUALLY, BURST_SECONDS, "the burst worked off", 2.0)
        for name in SERVICES:
            process = play.site.running(name)
            grown = 0 if process is None else process.memory_info().rss
            if grown > MEMORY_BYTES_MAX:
                one.wrong.append(f"{name} uses {grown // MIB} MiB after the burst, more than {MEMORY_BYTES_MAX // MIB}")


def bewitched(play: Play) -> None:
    """F16: the decider raises for one stream, always: that one parks, in order; all others go on."""
    site, name = play.site, f"bewitched-{play.seed}"
    stream = f"order/{play.watch.id_of(name)}"
    with play.row("F16", "the decider of one order always raises") as one:
        site.arm({"order": f"handling.decide@{stream}:1+:raise"})
        cancel = {"channel_account": ACCOUNT, "external_id": name, "cancel": "c1"}
        play.customers.publish(play.customers.order(name), cancel)
        eventually(lambda: play.watch.of(name)[PARKED] >= 2, LIVE_SECONDS, f"{name} and its cancel parked", 0.2)
        one.fired = play.watch.of(name)[PARKED]
        if play.alive() is None:
            one.wrong.append("other orders were not confirmed meanwhile")
        site.stop(["order"])
        site.launched("order")
        asyncio.run(_redrive(play, stream))
        # The order first: a cancel before it would be remembered, and recalled when the order came.
        if (
            play.watch.await_any(name, {"OrderCancelled"}, LIVE_SECONDS) is None
            or play.watch.of(name)["CancelRemembered"]
        ):
            one.wrong.append(
                f"the parked messages of {name} were not taken in their order: {dict(play.watch.of(name))}"
            )


def provider(play: Play) -> None:
    """F26: the payment provider fails in every way it knows, and is away for a while."""
    site = play.site
    with play.row("F26", f"{len(TOKENS)} ways of a provider to fail, and it is killed") as one:
        names = {f"card-{play.seed}-{token.removeprefix('tok_')}": token for token in TOKENS}
        for number, (name, token) in enumerate(names.items()):
            play.customers.publish(play.customers.order(name, token))
            pause(BETWEEN_SECONDS)
            one.fired += 1
            if number == len(names) // 2:
                sandbox = site.running("sandbox")
                assert sandbox is not None, "the sandbox does not run"
                sandbox.kill()
                sandbox.wait()
                pause(SANDBOX_AWAY_SECONDS)
                site.launched("sandbox")
                one.fired += 1
        for name in names:
            _firm(play, name, ANSWERS_SECONDS)


def carrier(play: Play) -> None:
    """F27: the carrier tells of packages twice, too late, and in the wrong order."""
    with play.row("F27", "tracking comes twice and out of order") as one:
        shipments = eventually(lambda: _shipped(play), SHIPPED_SECONDS, "goods that left", 2.0)
        for shipment in shipments:
            for package in shipment.value["packages"]:
                for number, status in enumerate(("delivered", "in_transit", "delivered", "picked_up", "in_transit")):
                    body = {
                        "carrier": shipment.value["carrier"],
                        "event_id": f"chaos-{play.seed}-{package['package']}-{number % 4}",
                        "package": package["package"],
                        "status": ("delivered", "in_transit", "delivered", "picked_up")[number % 4],
                        "occurred_at": format_instant(shipment.time),
                    }
                    play.customers.asked(f"/shipments/{shipment.id}/tracking", body, f"{body['event_id']}-{status}")
                    one.fired += 1
        told = {shipment.id: len(shipment.value["packages"]) for shipment in shipments}
        eventually(
            lambda: _arrived(play, told).keys() == told.keys(), LIVE_SECONDS, "all that was told of arrived", 1.0
        )
        for shipment_id, count in _arrived(play, told).items():
            if count != told[shipment_id]:
                one.wrong.append(f"{told[shipment_id]} packages of {shipment_id} arrived {count} times")


def _held(play: Play, stream: str) -> bool:
    return play.watch.of_stream(stream)["HoldPlaced"] > 0


def _firm(play: Play, name: str, seconds: float = LIVE_SECONDS) -> None:
    seen = play.watch.await_any(name, FIRM, seconds, play.start_again)
    assert seen is not None, f"{name} had no answer within {seconds:.0f} s: {dict(play.watch.of(name))}"


def _dead_letters(play: Play) -> int:
    """How many dead letters the order service has, and its doors made."""
    topic = topics.dead_letters("order", play.site.settings.namespace)
    reader, found, ends = play.site.log.reader(), 0, Counter[int]()
    try:
        count = play.site.log.partitions(topic)
        wanted = {number: play.site.log.bounds(topic, number)[1] for number in range(count)}
        reader.assign({(topic, number): 0 for number in range(count)})
        while any(ends[number] < end for number, end in wanted.items()):
            records, moved = reader.poll(1_000, 0.5)
            found += len(records)
            ends.update({number: position - ends[number] for (_, number), position in moved.items()})
    finally:
        reader.close()
    return found


def _shipped(play: Play) -> list[Seen]:
    return list(islice((event for event in _events(play, "shipping") if event.name == "Shipped"), SHIPMENTS_TOLD))


def _events(play: Play, service: str) -> Iterator[Seen]:
    settings = play.site.settings
    place = Place(settings.bootstrap, settings.namespace, play.site.stack.door_address, settings.home)
    return iter(history(place, service))


def _arrived(play: Play, told: Mapping[str, int]) -> Counter[str]:
    """How many packages arrived, by those shipments that were told of."""
    return Counter(seen.id for seen in _events(play, "shipping") if seen.name == "Delivered" and seen.id in told)


async def _redrive(play: Play, stream: str) -> None:
    settings = play.site.settings
    writer = KafkaWriter(settings.bootstrap)
    await writer.start()
    try:
        door = Door("oms", writer, settings.partitions, settings.namespace)
        actor = Actor(kind="person", subject="chaos")
        await door.send(Entry("order", stream, RedriveStream(), ("redrive", stream), actor, "the fault is over"))
    finally:
        await writer.stop()


MESSAGE_ROWS: Mapping[str, Callable[[Play], None]] = {
    "F13": repeated,
    "F14": reordered,
    "F15": poisoned,
    "F16": bewitched,
    "F19": burst,
    "F26": provider,
    "F27": carrier,
}
"""What is done with messages, and by others."""
