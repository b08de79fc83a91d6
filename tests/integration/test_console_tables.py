"""What the console reads of a busy month says what the order service knows, order by order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

import psycopg
import pytest
from psycopg.sql import SQL, Identifier

from chassis.bounded import BoundedLog
from chassis.log import Record, TopicPartition
from chassis.memory import MemoryLog
from chassis.projection import ProjectionFollower
from chassis.sealing import FileMasterKey, Sealer, create_master_key
from chassis.snapshots import evolve_recorded
from chassis.store import connect
from chassis.stream import Stream, fresh
from chassis.testing import Outcome, Spec
from chassis.vault import MemoryVault
from contracts.envelope import Envelope
from contracts.fulfillment import RecordPick
from contracts.ids import stream
from contracts.order import AssignOrder, Bucket, ForgetCustomer, ForgetReason
from contracts.personal import PersonalContent
from oms.past import event_of, records
from services.console import matching
from services.console import questions as asking
from services.console.app import declare
from services.console.flow import ABOUT, FlowProjection, Step, StepKind
from services.console.matching import Rows
from services.console.people import Digests, PeopleProjection
from services.console.questions import HOUR, Questions, Visit
from services.console.search import SearchProjection
from services.fulfillment.app import declare as declare_fulfillment
from services.fulfillment.fulfillment_order import FULFILLMENT_ORDER
from services.fulfillment.fulfillment_order_state import FulfillmentOrder, Stage
from services.fulfillment.tests.test_fulfillment_order import (
    ACCEPT,
    CREATE,
    FULFILLMENT_ORDER_ID,
    PICK_ALL,
    PICK_NOTHING,
)
from services.order.app import declare as declare_order
from services.order.customer import CUSTOMERS
from services.order.order import BUCKETS, OrderState
from services.order.stream import ORDER
from services.order.tests.story import ORDER_ID, TENANT, Story
from services.order.tests.story import order as ordered
from tests.integration.lists import Tables, records_of
from tests.simulation.busy import busy_month, log_of


@pytest.fixture(scope="module")
def log() -> MemoryLog:
    return log_of(busy_month(2, days=15))


@pytest.fixture
def rows(log: MemoryLog, database: str, namespace: str) -> Iterator[Rows]:
    service = declare(namespace)
    for projection in service.projections:
        bounded = BoundedLog(log)
        bounded.until({where: end for topic in projection.topics for where, end in half(log, topic).items()})
        follower = ProjectionFollower(bounded, database, service.schema, projection, "")
        while follower.step():
            pass
        follower.close()
    with connect(database, service.schema) as connection:
        yield lambda query, parameters: connection.execute(query, parameters).fetchall()
        connection.execute(f"drop schema {service.schema} cascade")


@pytest.fixture
def questions(rows: Rows) -> Questions:
    return Questions(rows)


def half(log: MemoryLog, topic: str) -> dict[TopicPartition, int]:
    """The middle of each partition: where work is under way."""
    return {(topic, number): log.bounds(topic, number)[1] // 2 for number in range(log.partitions(topic))}


def orders(log: MemoryLog) -> dict[str, OrderState]:
    """Every order as its stream leaves it there."""
    service, ends = declare_order(""), half(log, "order.events")
    streams: dict[str, Stream] = {}
    for record in records(log, service.events):
        name = (record.key or b"").decode()
        if record.offset < ends[record.topic, record.partition] and name.startswith(f"{ORDER.kind}/"):
            event = event_of(record, Envelope.parse(record.headers))
            streams[name] = evolve_recorded(ORDER, streams.get(name) or fresh(ORDER, name), event)
    found = {name.partition("/")[2]: stream.view(ORDER).order for name, stream in streams.items()}
    return {name: order for name, order in found.items() if order.placed is not None}


def units(order: OrderState) -> Counter[Bucket]:
    counts: Counter[Bucket] = Counter()
    for line in order.lines.values():
        counts.update(dict(zip(BUCKETS, line.units, strict=True)))
    return counts


def test_each_order_stands_where_its_units_are(log: MemoryLog, questions: Questions) -> None:
    known = orders(log)
    shown = {card.order_id: card for card in questions.orders(limit=10_000).cards}
    assert shown.keys() == known.keys() and len(known) > 10
    steps: Counter[Step] = Counter()
    for name, order in known.items():
        step, held = shown[name].step, shown[name].holds
        assert step is not None
        steps[step] += 1
        assert held == len(order.holds), name
        # an order is over here as there
        assert (step in (Step.COMPLETED, Step.CANCELLED)) == (not order.open), (name, step)
        # and one that waits for goods, or whose goods are at nodes, stands there
        counts = units(order)
        if order.open and not order.holds and counts[Bucket.BACKORDERED]:
            assert step is Step.BACKORDERED, name
        if step is Step.AT_NODES:
            assert counts[Bucket.RELEASED] + counts[Bucket.PICKED] + counts[Bucket.PACKED], name
    assert len(steps) > 2, steps


def works(log: MemoryLog) -> dict[str, FulfillmentOrder]:
    """Every work of a node as its stream leaves it there."""
    service, ends = declare_fulfillment(""), half(log, "fulfillment.events")
    streams: dict[str, Stream] = {}
    for record in records(log, service.events):
        name = (record.key or b"").decode()
        behind = record.offset >= ends[record.topic, record.partition]
        if name.startswith(f"{FULFILLMENT_ORDER.kind}/") and not behind:
            event = event_of(record, Envelope.parse(record.headers))
            before = streams.get(name) or fresh(FULFILLMENT_ORDER, name)
            streams[name] = evolve_recorded(FULFILLMENT_ORDER, before, event)
    found = {name: stream.view(FULFILLMENT_ORDER) for name, stream in streams.items()}
    return {name: work for name, work in found.items() if work.stage is not Stage.UNKNOWN}


STANDS_AT = {
    Stage.OPEN: Step.TO_ACCEPT,
    Stage.ACCEPTED: Step.TO_PICK,
    Stage.PICKED: Step.TO_PACK,
    Stage.PACKED: Step.TO_HAND_OVER,
    Stage.READY: Step.TO_COLLECT,
}


def test_each_work_stands_where_its_node_left_it(log: MemoryLog, rows: Rows) -> None:
    known = works(log)
    assert len({work.stage for work in known.values()}) > 2
    shown = dict(rows("select thing, step from standing where thing = any(%s)", [sorted(known)]))
    assert shown == {name: STANDS_AT.get(work.stage, Step.DONE) for name, work in known.items()}


@pytest.mark.parametrize(("found", "step"), [(PICK_ALL, Step.TO_PACK), (PICK_NOTHING, Step.DONE)])
def test_a_work_of_which_nothing_was_found_stands_nowhere(
    database: str, namespace: str, found: RecordPick, step: Step
) -> None:
    # given a work whose node takes all of it, or finds nothing, so that nothing follows
    node = Spec(FULFILLMENT_ORDER, "fulfillment", stream(FULFILLMENT_ORDER.kind, FULFILLMENT_ORDER_ID))
    told = [node.when(command) for command in (CREATE, ACCEPT, found)]
    with connect(database, "public") as connection:
        tables = Tables(connection, namespace, FlowProjection())
        tables.follow(records_of("fulfillment.events", *told))
        # then it stands where somebody has to pack it, or nowhere
        assert tables.rows("select step from standing", []) == [(step.value,)]
        connection.execute(SQL("drop schema {} cascade").format(Identifier(namespace)))


def test_every_order_is_found_by_the_beginning_of_each_of_its_names(log: MemoryLog, questions: Questions) -> None:
    for name, order in list(orders(log).items())[:20]:
        placed = order.terms
        for said in (
            name,
            placed.number,
            placed.number.replace("-", "").lower(),
            placed.external_id,
            placed.lines[0].sku,
        ):
            found = questions.orders(said, limit=10_000)
            assert name in {card.order_id for card in found.cards}, said
    # and what means something in a pattern is only itself
    assert not questions.orders("%").cards and not questions.orders("_").cards


@pytest.mark.parametrize(
    ("newest", "of_a_set"),
    ((10_000, 0), (4, 10_000), (4, 0), (1, 10_000)),
    ids=("among the last", "by a set, some among the last", "by the names of each", "by a set"),
)
def test_a_search_that_matches_very_many_finds_the_same_orders(
    log: MemoryLog, questions: Questions, monkeypatch: pytest.MonkeyPatch, newest: int, of_a_set: int
) -> None:
    # given searches by whole names, by beginnings of them, by words, and by what nothing is called
    names = [order.terms.external_id for order in orders(log).values()]
    searches = [*names[:5], names[0][0], "a", "A b", "nothing is called so", "%"]
    narrow = {said: found(questions, said) for said in searches}
    assert max(map(len, narrow.values())) > 5 and [] in narrow.values()
    # when they match too many to be sorted, then these are found, in this order, on pages of two
    monkeypatch.setattr(matching, "WIDE_ROWS", -1)
    monkeypatch.setattr(matching, "NEWEST_ROWS", newest)
    monkeypatch.setattr(matching, "SET_ROWS", of_a_set)
    assert {said: found(questions, said) for said in searches} == narrow
    # and among those of a channel that are of it
    [channel, *_] = questions.channels()
    monkeypatch.setattr(matching, "WIDE_ROWS", 10_000)
    of_channel = {said: found(questions, said, channel) for said in searches}
    monkeypatch.setattr(matching, "WIDE_ROWS", -1)
    assert {said: found(questions, said, channel) for said in searches} == of_channel


def found(questions: Questions, said: str, channel: str = "") -> list[str]:
    """Page by page."""
    orders: list[str] = []
    after = None
    while True:
        page = questions.orders(said, channel=channel, after=after, limit=2)
        assert all(card.because for card in page.cards)
        orders += [card.order_id for card in page.cards]
        if page.more is None:
            return orders
        after = page.more


@pytest.mark.parametrize("narrow", (-1, 10_000), ids=("of very many", "of few"))
def test_a_list_by_step_or_node_has_the_orders_of_which_anything_stands_there(
    questions: Questions, rows: Rows, monkeypatch: pytest.MonkeyPatch, narrow: int
) -> None:
    monkeypatch.setattr(asking, "NARROW_ROWS", narrow)
    standing = rows("select order_id, step, location from standing join cards using (order_id)", [])
    steps, works = {step for _, step, _ in standing}, {step for _, step, node in standing if node is not None}
    assert len(works) > 1 and len(steps - works) > 1, steps
    for step in Step:
        cards = questions.orders(step=step, limit=10_000).cards
        assert {card.order_id for card in cards} == {order for order, at, _ in standing if at == step}, step
    for location in questions.locations():
        cards = questions.orders(location=location, limit=10_000).cards
        there = {order for order, at, node in standing if node == location and at != Step.DONE}
        assert {card.order_id for card in cards} == there, location


def test_channels_and_nodes_are_told_each_once(questions: Questions, rows: Rows) -> None:
    assert questions.channels() == [
        name for (name,) in rows("select distinct channel_account from cards order by 1", [])
    ]
    assert questions.locations() == [
        name for (name,) in rows("select distinct location from standing where location is not null order by 1", [])
    ]
    assert len(questions.locations()) > 1


def test_an_order_is_found_by_who_looks_after_it_until_nobody_does(database: str, namespace: str) -> None:
    with connect(database, "public") as connection:
        connection.execute(SQL("create schema {}").format(Identifier(namespace)))
        connection.execute(SQL("set search_path to {}").format(Identifier(namespace)))
        projections = (SearchProjection(), FlowProjection())
        for projection in projections:
            connection.execute(projection.tables)
        questions = Questions(lambda query, parameters: connection.execute(query, parameters).fetchall())

        def told(*outcomes: Outcome) -> list[str]:
            for projection in projections:
                projection.apply(connection, records_of("order.events", *outcomes))
            return [card.order_id for card in questions.orders(owner="ada").cards]

        story = Story()
        # given an order that somebody takes and another one takes over
        assert told(story.tell(ordered(("A", 2, 1000))), story.tell(AssignOrder(owner="ada"))) == [ORDER_ID]
        assert questions.owners([ORDER_ID, "x"]) == {ORDER_ID: "ada"}
        assert told(story.tell(AssignOrder(owner="bob"))) == []
        # then both in one go are the last of them
        assert told(story.tell(AssignOrder()), story.tell(AssignOrder(owner="ada"))) == [ORDER_ID]
        assert told(story.tell(AssignOrder(owner="ada")), story.tell(AssignOrder())) == []
        assert questions.owners([ORDER_ID]) == {}
        connection.execute(SQL("drop schema {} cascade").format(Identifier(namespace)))


def test_orders_are_found_by_people_until_these_are_forgotten(database: str, namespace: str, tmp_path: Path) -> None:
    create_master_key(tmp_path / "master.key")
    sealer = Sealer(MemoryVault(), FileMasterKey(tmp_path / "master.key"))
    digests = Digests(sealer.seal, TENANT)
    people = PeopleProjection(digests, sealer.open_all)
    with psycopg.connect(database, autocommit=True) as connection:
        tables = Tables(connection, namespace, SearchProjection(), FlowProjection(), people)
        questions = Questions(tables.rows)

        def found(said: str) -> list[str]:
            return [card.external_id for card in questions.orders(said, people=digests.of_search(said)).cards]

        def placed(external_id: str, subject: str, name: str) -> list[Record]:
            buyer = sealer.seal(subject, PersonalContent(name=name, email=f"{name.split()[0]}@example.org"))
            story = Story(external_id=external_id)
            return records_of("order.events", story.tell(ordered(("A", 2, 1000), external_id=external_id, buyer=buyer)))

        # given orders of two people who share a name, then both are found by it, and each by their own
        both = placed("1", "ada", "Ada Lovelace"), placed("2", "ben", "Ben Lovelace")
        tables.follow(*both)
        assert sorted(found("lovelace")) == ["1", "2"]
        assert (found("Lovelace Ada"), found("ben@example.org")) == (["1"], ["2"])
        # though nobody has both first names
        assert found("ada ben") == []
        # when one is forgotten, then they are found by nothing, and the other one still is
        forgotten = sealer.forget("ada")
        assert forgotten is not None
        asked = ForgetCustomer(subject="ada", keys_until=forgotten.keys_until, reason=ForgetReason.ASKED)
        tables.follow(records_of("order.events", Spec(CUSTOMERS, "order").when(asked)))
        assert (found("lovelace"), found("ada@example.org")) == (["2"], [])
        # and where all is read again, nobody finds what cannot be opened
        tables = Tables(connection, namespace, SearchProjection(), FlowProjection(), people).follow(*both)
        assert (found("lovelace"), found("ada@example.org")) == (["2"], [])
        # but who comes back is found by what they order from then on
        tables.follow(placed("3", "ada", "Ada Lovelace"))
        assert found("ada@example.org") == ["3"]
        connection.execute(SQL("drop schema {} cascade").format(Identifier(namespace)))


def test_what_left_a_step_within_the_hour_went_on_to_the_one_that_came_next(questions: Questions, rows: Rows) -> None:
    # given all steps that anything passed, in the order in which it did, and the moment after the last was left
    passing = [*ABOUT, *(step for step in Step if step not in ABOUT)]
    passed = rows("select thing, step, entered, left_at from visits", [])
    standing = rows("select thing, step, since, null from standing", [])
    now = max(left for *_, left in passed)
    ways: dict[str, list[tuple[Any, ...]]] = {}
    for thing, step, entered, left in (*passed, *standing):
        ways.setdefault(thing, []).append((entered, left is None, left or entered, passing.index(step), step, left))
    # then those pairs of neighbours are counted whose first was left within the hour, and nothing is counted twice
    expected: Counter[tuple[str, str]] = Counter()
    for way in ways.values():
        for (*_, step, left), (*_, after, _) in pairwise(sorted(way)):
            if left is not None and now - HOUR < left <= now:
                expected[step, after] += 1
    found = questions.passed(now)
    assert expected and {(each.source.value, each.target.value): each.count for each in found} == expected
    assert sum(each.count for each in found) == sum(now - HOUR < left <= now for *_, left in passed)


def test_a_step_is_compared_with_what_was_usual_yesterday_or_a_week_ago(questions: Questions, rows: Rows) -> None:
    # given two days and a week after the last steps were left
    times = [(step, entered, left) for step, entered, left in rows("select step, entered, left_at from visits", [])]
    last = max(left for _, _, left in times)
    for back, named in ((2, "yesterday"), (8, "the day a week ago")):
        now = last + timedelta(days=back - 1)
        usual = {each.step: each for each in questions.stands(now) if each.usual_of == named}
        # then that day's median is the usual one of each step at which anything stands
        day = [each for each in times if last - timedelta(days=1) < each[2] <= last]
        assert usual
        for step, stand in usual.items():
            took = [(left - entered).total_seconds() for each, entered, left in day if each == step]
            assert stand.usual == pytest.approx(median(took))


def test_how_many_left_a_step_lately_is_counted_within_a_time_of_its_own(questions: Questions, rows: Rows) -> None:
    # given the moment after the last of all steps that were left
    left = [(step, at) for step, at in rows("select step, left_at from visits", [])]
    now = max(at for _, at in left)
    # then of each step those count that left it within twice its usual duration
    stands = questions.stands(now)
    assert any(each.left_lately for each in stands) and len({each.lately for each in stands}) > 1
    for each in stands:
        assert each.left_lately == sum(step == each.step and at > now - each.lately for step, at in left)


def test_how_long_steps_took_is_compared_by_the_hour_and_adds_up(questions: Questions, rows: Rows) -> None:
    # given the moment after the last of all steps that were left
    all_ = rows("select thing, location, step, entered, left_at from visits", [])
    visits = [Visit(thing, location, Step(step), *times) for thing, location, step, *times in all_]
    left = [visit for visit in visits if visit.step in ABOUT]
    now = max(visit.left for visit in left if visit.left is not None)
    # then of each step that anything left within the hour, as many are counted, and the middle is theirs
    last = [visit for visit in left if visit.left is not None and now - HOUR < visit.left <= now]
    trend = questions.trend(now)
    assert last and {step for step in trend if "the last hour" in trend[step]} == {visit.step for visit in last}
    for step, took in trend.items():
        times = [_seconds(visit) for visit in last if visit.step is step]
        if times:
            found = took["the last hour"]
            assert found.count == len(times) and min(times) <= found.p50 <= found.p90 <= found.p99 <= max(times)
    # and the hours of a day say how much was waited and worked, each visit once
    day = [v for v in left if v.left is not None and now - 24 * HOUR < v.left <= now and v.step is not Step.AT_NODES]
    hours = questions.hours(now)
    assert len(hours) == 24 and hours[-1].begins == now - HOUR
    for kind, said in ((StepKind.WAITING, "waiting"), (StepKind.WORKING, "working")):
        wanted = sum(_seconds(visit) for visit in day if ABOUT[visit.step].kind is kind)
        assert sum(getattr(hour, said) for hour in hours) == pytest.approx(wanted)


def _seconds(visit: Visit) -> float:
    assert visit.left is not None
    return (visit.left - visit.entered).total_seconds()
