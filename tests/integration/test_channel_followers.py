"""What channels hear back, over a real database and a log in memory: nothing lost, nothing said twice without need."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import count
from typing import Any

import psycopg
import pytest

from chassis import faultpoints
from chassis.kafka import partition_of
from chassis.log import LogError, NewRecord
from chassis.memory import MemoryLog
from chassis.projection import ProjectionFollower
from chassis.store import StoreAway
from contracts import topics
from contracts.channel import ChannelAvailability, ChannelUpdate
from contracts.envelope import Envelope, root_traceparent
from contracts.ids import aggregate_id, door_message_id, stream
from contracts.inventory import Level, StockReceived, StockStatus
from contracts.message import Event
from contracts.money import Money
from contracts.order import OrderCompleted, OrderConfirmed
from services.order import channel_availability
from services.order.channel_availability import AvailabilityTeller, StockToSell
from services.order.channel_follower import ChannelUpdates, Written
from services.order.channel_out import ChannelOut
from services.order.tests.test_channel_updates import placed
from tests.waiting import eventually

PARTITIONS = 2
NOON = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)


class Hall:
    """A log in memory, a schema, and the two followers with the teller, which may be started again."""

    def __init__(self, url: str, schema: str) -> None:
        self.url, self.schema = url, schema
        self.log = MemoryLog(lambda: NOON)
        self.log.create_topics(topics.all_topics(partitions=PARTITIONS))
        self.heard: list[NewRecord] = []
        self.away = 0
        self._versions: Counter[str] = Counter()
        self._numbers = count()
        self.start()

    def start(self) -> None:
        self.written = Written(self.log, "channel-updates", topics.events("order"))
        updates = ChannelUpdates(self.publish, self.written, ChannelOut(topics.CHANNEL_UPDATES, PARTITIONS))
        self.updates = ProjectionFollower(self.log, self.url, self.schema, updates, "")
        self.stock = ProjectionFollower(self.log, self.url, self.schema, StockToSell(), "")
        out = ChannelOut(topics.CHANNEL_AVAILABILITY, PARTITIONS)
        self.teller = AvailabilityTeller(self.log, self.url, self.schema, self.publish, out)

    def publish(self, records: Sequence[NewRecord]) -> None:
        if self.away:
            self.away -= 1
            raise LogError("the broker is away")
        self.heard += records

    def stop(self) -> None:
        for part in (self.updates, self.stock, self.teller):
            part.close()

    def again(self) -> None:
        """The process died and another started: what was not committed is forgotten."""
        self.stop()
        self.start()

    def throw_tables_away(self) -> None:
        self.stop()
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(f"drop schema if exists {self.schema} cascade")
        self.start()

    def happened(self, service: str, name: str, *events: Event) -> None:
        producer = self.log.producer("test")
        producer.begin()
        producer.send([self._record(service, name, event) for event in events])
        producer.commit()

    def _record(self, service: str, name: str, event: Event) -> NewRecord:
        self._versions[name] += 1
        identifier = door_message_id("default", "test", str(next(self._numbers)))
        envelope = Envelope(
            id=identifier,
            type=event.TYPE,
            source=f"/{service}",
            time=NOON,
            subject=name,
            tenant="default",
            correlation_id=name,
            causation_id="c",
            traceparent=root_traceparent(identifier),
            sequence=self._versions[name],
        )
        key = name.encode()
        return NewRecord(topics.events(service), partition_of(key, PARTITIONS), key, event.encode(), envelope.headers())

    def order(self, external_id: str, account: str, *after: Event) -> None:
        changed = {"external_id": external_id, "channel_account": account}
        name = stream("order", aggregate_id("default", "order", account, external_id))
        self.happened("order", name, placed().model_copy(update=changed), *after)

    def received(self, sku: str, *levels: tuple[str, int]) -> None:
        """Goods arrived; the levels of these locations are now so."""
        name = stream("stock_item", aggregate_id("default", "stock_item", sku))
        self.happened("inventory", name, _received(sku, levels))

    def kinds(self, external_id: str) -> list[str]:
        told = [ChannelUpdate.decode(record.value) for record in self.heard if "updates" in record.topic]
        return [update.kind.value for update in told if update.external_id == external_id]

    def ids(self) -> list[str]:
        return [Envelope.parse(record.headers).id for record in self.heard]

    def to_sell(self) -> list[tuple[str, str, int]]:
        told = [ChannelAvailability.decode(record.value) for record in self.heard if "availability" in record.topic]
        return sorted((each.channel_account, each.sku, each.available) for each in told)

    def step(self) -> None:
        """All there is, and a whole round of what may be sold."""
        while self.updates.step():
            """More may come."""
        while self.stock.step():
            """More may come."""
        while self.teller.step():
            """A round ends with a step that finds nothing."""

    def rows(self, table: str) -> list[Any]:
        with psycopg.connect(self.url) as connection:
            return connection.execute(f"select * from {self.schema}.{table} order by 1").fetchall()


def _received(sku: str, levels: Sequence[tuple[str, int]]) -> StockReceived:
    return StockReceived.model_validate(
        {
            "sku": sku,
            "location": levels[0][0],
            "quantity": 1,
            "unit": "each",
            "status": StockStatus.SELLABLE,
            "movements": [],
            "levels": [
                {**dict.fromkeys(Level.model_fields, 0), "location": location, "available": available}
                for location, available in levels
            ],
        }
    )


@pytest.fixture
def hall(database: str, namespace: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hall]:
    monkeypatch.setattr("chassis.projection.LEAD_AGAIN_SECONDS", 0)
    monkeypatch.setattr(channel_availability, "AVAILABILITY_EVERY_SECONDS", 0)
    made = Hall(database, namespace)
    yield made
    faultpoints.arm("")
    made.stop()


CONFIRMED = OrderConfirmed(amount=Money(amount=1, currency="EUR"))
COMPLETED = OrderCompleted(captured=Money(amount=1, currency="EUR"))


def test_each_channel_hears_of_its_orders_in_the_order_in_which_things_happened(hall: Hall) -> None:
    hall.order("1001", "webshop-eu", CONFIRMED, COMPLETED)
    hall.order("1001", "webshop-us", CONFIRMED)
    hall.step()

    keys = Counter(record.key for record in hall.heard)
    assert keys == {b"webshop-eu/1001": 3, b"webshop-us/1001": 2}
    eu = [ChannelUpdate.decode(record.value) for record in hall.heard if record.key == b"webshop-eu/1001"]
    assert [(update.kind.value, update.version) for update in eu] == [
        ("accepted", 1),
        ("confirmed", 2),
        ("completed", 3),
    ]


def test_an_order_is_known_again_after_a_restart_and_nothing_is_said_twice(hall: Hall) -> None:
    hall.order("1001", "webshop-eu")
    hall.step()
    hall.again()
    name = stream("order", aggregate_id("default", "order", "webshop-eu", "1001"))
    hall.happened("order", name, COMPLETED)
    hall.step()
    assert hall.kinds("1001") == ["accepted", "completed"]


@pytest.mark.parametrize(
    ("point", "said"), [("updates.before_write", 1), ("updates.after_write", 2), ("projection.applied", 2)]
)
def test_what_was_written_when_it_died_comes_again_under_the_same_id(hall: Hall, point: str, said: int) -> None:
    hall.order("1001", "webshop-eu", CONFIRMED)
    faultpoints.arm(f"{point}:1:raise")
    with pytest.raises(Exception, match="fault point"):
        hall.step()
    hall.again()
    hall.step()
    assert hall.kinds("1001") == ["accepted", "confirmed"] * said
    assert len(set(hall.ids())) == 2


def test_nothing_is_lost_while_the_broker_takes_nothing(hall: Hall) -> None:
    hall.order("1001", "webshop-eu")
    hall.away = 2

    def refused() -> bool:
        """The database may still hold the lock of the connection that was let go: then nothing is followed yet."""
        try:
            hall.step()
        except LogError:
            return True
        return False

    for _ in range(2):
        eventually(refused)
        assert hall.updates.waiting == "the broker is away"
    hall.step()
    assert (hall.kinds("1001"), hall.updates.waiting) == (["accepted"], None)


def test_nothing_is_lost_while_the_database_is_away(hall: Hall) -> None:
    hall.order("1001", "webshop-eu")
    hall.step()
    with psycopg.connect(hall.url, autocommit=True) as connection:
        cut = connection.execute(
            "select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory'"
            " and ((classid::bigint << 32) | objid::bigint) = hashtextextended(%s, 0)",
            [f"orderlog:{hall.schema}:channel_updates"],
        )
        assert cut.fetchall() == [(True,)]
    hall.order("1002", "webshop-eu")
    with pytest.raises(StoreAway):
        hall.updates.step()
    hall.step()
    assert (hall.kinds("1001"), hall.kinds("1002")) == (["accepted"], ["accepted"])


def test_tables_made_again_are_the_same_and_say_nothing_again(hall: Hall) -> None:
    hall.order("1001", "webshop-eu", CONFIRMED)
    hall.order("1002", "webshop-us")
    hall.step()
    hall.written.commit()
    before = {table: hall.rows(table) for table in ("channel_orders", "channel_accounts")}
    hall.throw_tables_away()
    hall.order("1003", "webshop-eu")
    hall.step()
    assert (hall.kinds("1001"), hall.kinds("1002"), hall.kinds("1003")) == (
        ["accepted", "confirmed"],
        ["accepted"],
        ["accepted"],
    )
    assert [row for row in hall.rows("channel_orders") if row[3] != "1003"] == before["channel_orders"]
    assert [row[:2] for row in before["channel_accounts"]] == [row[:2] for row in hall.rows("channel_accounts")]


def test_of_two_processes_one_speaks(hall: Hall) -> None:
    hall.order("1001", "webshop-eu")
    hall.updates.step()
    other = ProjectionFollower(
        hall.log,
        hall.url,
        hall.schema,
        ChannelUpdates(hall.publish, hall.written, ChannelOut(topics.CHANNEL_UPDATES, PARTITIONS)),
        "",
    )
    assert other.step() == 0
    other.close()
    assert hall.kinds("1001") == ["accepted"]


def test_each_account_is_told_the_latest_of_all_locations_and_no_more_than_changed(hall: Hall) -> None:
    hall.received("SKU-1", ("berlin", 10))
    hall.received("SKU-1", ("oslo", 5))
    hall.received("SKU-2", ("oslo", 1))
    hall.order("1001", "webshop-eu")
    hall.step()
    assert hall.to_sell() == [("webshop-eu", "SKU-1", 15), ("webshop-eu", "SKU-2", 1)]

    hall.heard.clear()
    hall.received("SKU-2", ("oslo", 7))
    hall.received("SKU-2", ("oslo", 3))
    hall.received("SKU-1", ("oslo", 4), ("berlin", 11))
    hall.step()
    assert hall.to_sell() == [("webshop-eu", "SKU-2", 3)]
    hall.step()
    assert len(hall.to_sell()) == 1


def test_a_new_account_is_told_everything_and_the_others_nothing_again(hall: Hall) -> None:
    hall.received("SKU-1", ("berlin", 10))
    hall.order("1001", "webshop-eu")
    hall.step()
    hall.order("1001", "webshop-us")
    hall.step()
    assert hall.to_sell() == [("webshop-eu", "SKU-1", 10), ("webshop-us", "SKU-1", 10)]


def test_more_than_is_there_is_never_told_not_even_below_nothing(hall: Hall) -> None:
    hall.order("1001", "webshop-eu")
    hall.received("SKU-1", ("berlin", 2), ("oslo", -5))
    hall.step()
    assert hall.to_sell() == [("webshop-eu", "SKU-1", 0)]


def test_a_large_stock_is_told_load_by_load(hall: Hall, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(channel_availability, "TOLD_MAX", 2)
    hall.order("1001", "webshop-eu")
    for number in range(5):
        hall.received(f"SKU-{number}", ("berlin", number))
    hall.updates.step()
    hall.stock.step()
    loads = [hall.teller.step() for _ in range(4)]
    assert loads == [2, 2, 1, 0]
    assert sorted(hall.to_sell()) == [("webshop-eu", f"SKU-{number}", number) for number in range(5)]


def test_nothing_old_is_told_while_the_tables_are_made_again(hall: Hall) -> None:
    hall.order("1001", "webshop-eu")
    hall.received("SKU-1", ("berlin", 10))
    hall.received("SKU-1", ("berlin", 2))
    hall.step()
    hall.written.commit()
    (said,) = hall.heard[1:]
    hall.heard.clear()
    hall.throw_tables_away()
    hall.updates.step()
    assert hall.teller.step() == 0
    hall.step()
    assert hall.heard == [said]
    assert hall.to_sell() == [("webshop-eu", "SKU-1", 2)]


@pytest.mark.parametrize(("point", "said"), [("availability.before_write", 1), ("availability.after_write", 2)])
def test_what_may_be_sold_comes_again_under_the_same_id(hall: Hall, point: str, said: int) -> None:
    hall.order("1001", "webshop-eu")
    hall.received("SKU-1", ("berlin", 10))
    faultpoints.arm(f"{point}:1:raise")
    with pytest.raises(Exception, match="fault point"):
        hall.step()
    hall.again()
    hall.step()
    assert hall.to_sell() == [("webshop-eu", "SKU-1", 10)] * said
    assert len(set(hall.ids()[1:])) == 1
