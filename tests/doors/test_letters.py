"""What waits for a person, at the HTTP door and in memory: listed, shown, tried again, edited, given up; and the log names
who did it."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest
from httpx import Response

from chassis.doors import Door
from chassis.letter import letter_headers, settlement_of
from chassis.log import NewRecord, Record
from chassis.memory import MemoryLog
from chassis.reading import Reads
from chassis.tokens import Role
from chassis.waiters import Waiters
from chassis.web import Gate
from contracts import topics
from contracts.chassis import DiscardParked, EditParked, MessageParked, RedriveStream
from contracts.envelope import Actor, Envelope
from contracts.order import PlaceHold
from oms.declared import declared
from oms.letters import api
from oms.letters.buried import KEPT_FOR, Buried
from oms.letters.desk import Desk
from oms.letters.settling import Settling
from tests.doors.fakes import NOON, KeptWriter, ToldReads, guarded_client
from tests.poison import POISON, good_order
from tests.poison.inboxes import envelope_of

PARTITIONS = 4
STREAM = "order/bdebd2b8-5485-59e2-b9dd-65081be601f6"
HOLD = PlaceHold(detail="asked to wait")
ANNA = Actor(kind="person", subject="anna")


@dataclass
class Parking(ToldReads):
    """The list of what one service has parked, and its streams; as the tables tell it."""

    parked: list[tuple[str, MessageParked]] = field(default_factory=list)

    def rows(self, query: str, parameters: Sequence[Any]) -> list[Any]:
        if "as name" in query:
            return self._list(query, list(parameters))
        if "since < %s" in query:
            stream, _, kind, reason, since, before = parameters
            asked = ["order", stream, stream, kind, reason, since, datetime(1970, 1, 1, tzinfo=UTC), "", None]
            return [(len(self._list(query, asked)) if before > NOON else 0,)]
        if "where partition" in query:
            return [(stream, NOON) for stream, one in self.parked if one.offset == parameters[1]]
        if "fault || ': '" in query:
            return [(f"{one.fault}: {one.detail}",) for _, one in self.parked]
        streams = {stream for stream, _ in self.parked}
        return [(len(self.parked), len(streams), NOON if self.parked else None)]

    def _list(self, query: str, parameters: list[Any]) -> list[Any]:
        service, stream, _, kind, reason, since, moment, name, limit = parameters
        rows = [
            (f"{service}:0:{one.offset}", of, one.message_type, one.fault, one.detail, NOON)
            for of, one in self.parked
            if stream in (None, of) and kind in one.message_type and reason in f"{one.fault}: {one.detail}"
        ]
        return sorted(row for row in rows if since <= NOON and (NOON, row[0]) > (moment, name))[:limit]

    def stream(self, name: str) -> Any:
        here = tuple(one for stream, one in self.parked if stream == name)
        return SimpleNamespace(stream=SimpleNamespace(parked=here))


class Office:
    """Every dead-letter topic in memory, what is parked, and an admin's client."""

    def __init__(self) -> None:
        self.now = NOON
        self.log = MemoryLog(lambda: self.now)
        for service in topics.SERVICES:
            self.log.create_service_topics(service, partitions=PARTITIONS, intents_partitions=2)
        self.log.create_topics(topics.channel_topics(partitions=PARTITIONS))
        self._producer = self.log.producer("p")
        self.writer = KeptWriter(then=self._write)
        self.door = Door("http", self.writer, PARTITIONS, clock=lambda: self.now)
        self.parking = {service: Parking() for service in topics.SERVICES}
        gates = {
            name: Gate(declared(name, ""), self.door, cast(Reads, reads), Waiters(10))
            for name, reads in self.parking.items()
        }
        buried = Buried(lambda: self.log, topics.SERVICES, clock=lambda: self.now)
        self.desk = Desk(gates, buried)
        kinds = {name: frozenset(gate.service.by_kind) for name, gate in gates.items()}
        settling = Settling(buried, self.door, kinds, lambda: self.now)
        self.client, self.tokens = guarded_client(api.router(self.desk, settling, lambda: self.now))

    def _write(self, records: Sequence[NewRecord]) -> None:
        self._producer.begin()
        self._producer.send(list(records))
        self._producer.commit()

    def bury(self, value: bytes, place: str, why: str = "not JSON", key: bytes = b"k", **headers: Any) -> None:
        """A dead letter of the order service."""
        said = letter_headers(place, why, headers.items())
        self._write([NewRecord(topics.dead_letters("order"), 0, key, value, said)])

    def park(self, offset: int, value: bytes = b"no", service: str = "order", stream: str = STREAM) -> None:
        parked = MessageParked(
            message_id=f"m-{offset}",
            message_type=HOLD.TYPE,
            fault="undecodable",
            detail="not JSON",
            offset=offset,
            timestamp=NOON,
            headers=(),
            value=b64encode(value).decode(),
        )
        self.parking[service].parked.append((stream, parked))

    def get(self, path: str, **parameters: Any) -> Any:
        return self.client.get(path, params=parameters).json()

    def names(self, **asked: Any) -> list[str]:
        return [row["name"] for row in self.get("/dead-letters", **asked)["dead_letters"]]

    def post(self, path: str, body: Any = None, key: str = "k1", **parameters: Any) -> Response:
        return cast(Response, self.client.post(path, json=body, params=parameters, headers={"Idempotency-Key": key}))

    def records(self, topic: str) -> list[Record]:
        numbers = range(self.log.partitions(topic))
        return [record for number in numbers for record in self.log.read((topic, number), 0, 1_000)[0]]

    def settled(self) -> Any:
        (found,) = [one for one in map(settlement_of, (r.headers for r in self.dead())) if one is not None]
        return found

    def dead(self) -> list[Record]:
        return self.records(topics.dead_letters("order"))


@pytest.fixture
def office() -> Office:
    return Office()


# -- looking


def test_all_that_waits_is_in_one_list_the_oldest_first_page_by_page(office: Office) -> None:
    # given dead letters before and after messages that are parked, of two services
    office.now = NOON - timedelta(hours=1)
    office.bury(b"old", "channel.orders/1/7")
    office.now = NOON + timedelta(hours=1)
    office.bury(b"new", "order.inbox/0/9", "the header ce_time is missing")
    office.park(3)
    office.park(5)
    office.park(4, service="shipping", stream="shipment/1")
    # then each is in the list once, whatever the size of a page
    everything = [
        "order:channel.orders:1:7",
        "order:0:3",
        "order:0:5",
        "shipping:0:4",
        "order:order.inbox:0:9",
    ]
    assert office.names() == everything
    found: list[str] = []
    after: dict[str, str] = {}
    while True:
        page = office.get("/dead-letters", limit=2, **after)
        found += [row["name"] for row in page["dead_letters"]]
        if "next" not in page:
            break
        after = {"after": page["next"]}
    assert found == everything


def test_what_is_looked_for_is_found(office: Office) -> None:
    office.bury(b"one", "channel.orders/1/7", "lines: Field required")
    office.bury(b"two", "order.inbox/0/9", "no header", original_x=b"")
    office.park(3)
    office.park(4, service="shipping", stream="shipment/1")
    assert office.names(service="shipping") == ["shipping:0:4"]
    assert office.names(state="parked", stream=STREAM) == ["order:0:3"]
    assert office.names(reason="lines") == ["order:channel.orders:1:7"]
    assert office.names(type="PlaceHold") == ["order:0:3", "shipping:0:4"]
    assert office.names(since="2030-01-01T00:00:00Z") == []
    assert office.client.get("/dead-letters", params={"service": "kitchen"}).status_code == 422


def test_what_is_looked_for_is_counted_on_all_pages_and_what_is_late_of_it(office: Office) -> None:
    # given an old dead letter, a new one, and messages that were parked in between
    office.now = NOON - timedelta(hours=1)
    office.bury(b"old", "channel.orders/1/7")
    office.now = NOON + timedelta(hours=1)
    office.bury(b"new", "order.inbox/0/9")
    office.park(3)
    office.park(4, service="shipping", stream="shipment/1")
    # when all are asked for, one a page, then all are counted, and those that came before a moment
    asked = {"limit": 1, "counted": True, "oldest_by": "since"}
    page = office.get("/dead-letters", **asked, late_before=(NOON + timedelta(minutes=1)).isoformat())
    assert (len(page["dead_letters"]), page["total"], page["late"]) == (1, 4, 3)
    page = office.get("/dead-letters", **asked, late_before=NOON.isoformat(), after=page["next"])
    assert (page["total"], page["late"]) == (4, 1)
    # and of a part of them that part
    assert office.get("/dead-letters", **asked, state="dead")["total"] == 2
    assert office.get("/dead-letters", **asked, stream=STREAM)["total"] == 1
    assert office.client.get("/dead-letters", params={"oldest_by": "reason"}).status_code == 400


def test_how_many_wait_is_counted_by_service_and_by_reason(office: Office) -> None:
    office.now = NOON - timedelta(hours=2)
    for number in range(3):
        office.bury(b"no", f"order.inbox/0/{number}", f"the key order/{number} does not belong to partition {number}")
    office.park(3)
    office.park(4)
    office.now = NOON
    counted = office.get("/dead-letters/counts")
    assert counted["services"]["order"] == {
        "parked_streams": 1,
        "parked_messages": 2,
        "dead_letters": 3,
        "oldest_seconds": 7_200,
    }
    assert counted["services"]["payments"]["oldest_seconds"] == 0
    assert [(row["state"], row["count"]) for row in counted["reasons"]] == [("dead", 3), ("parked", 2)]


def test_one_is_shown_decoded_and_raw_and_says_what_happens_if_nobody_acts(office: Office) -> None:
    sealed = {"buyer": {"subject": "s", "ciphertext": "abc"}, "detail": "so"}
    office.bury(json.dumps(sealed).encode(), "order.inbox/0/9", ce_type=b"a.type", odd=b"\xff")
    office.bury(b"\xff\xfe", "channel.orders/0/1")
    shown = office.get("/dead-letters/order:order.inbox:0:9")
    assert (shown["value"], shown["reason"]) == ({"buyer": {"sealed": True}, "detail": "so"}, "not JSON")
    assert shown["headers"] == [{"name": "ce_type", "value": "a.type"}, {"name": "odd", "hex": "ff"}]
    assert "30 days" in shown["unless_settled"]
    assert office.get("/dead-letters/order:order.inbox:0:9", to_edit=True)["value"] == sealed
    assert office.get("/dead-letters/order:channel.orders:0:1")["hex"] == "fffe"
    assert office.client.get("/dead-letters/order:7:7").status_code == 404


@pytest.mark.parametrize("poison", POISON, ids=lambda poison: poison.name)
def test_whatever_nobody_can_decode_can_be_shown(office: Office, poison: Any) -> None:
    office.bury(poison.value or b"", "channel.orders/0/1")
    shown = office.client.get("/dead-letters/order:channel.orders:0:1")
    assert shown.status_code == 200
    assert ("value" in shown.json()) != ("hex" in shown.json())
    assert office.client.get("/dead-letters/order:channel.orders:0:1", params={"to_edit": True}).status_code == 200


def test_a_dead_letter_is_there_for_30_days(office: Office) -> None:
    office.bury(b"no", "order.inbox/0/9")
    office.now += KEPT_FOR - timedelta(minutes=1)
    assert office.names() == ["order:order.inbox:0:9"]
    office.now += timedelta(minutes=2)
    assert office.names() == []


def test_only_an_admin_looks_and_settles(office: Office) -> None:
    office.bury(b"no", "order.inbox/0/9")
    office.tokens.tell("t", "ben", Role.CSR)
    by_ben = {"Authorization": "Bearer t", "Idempotency-Key": "k"}
    assert office.client.get("/dead-letters", headers=by_ben).status_code == 403
    discard = office.client.post("/dead-letters/order:order.inbox:0:9/discard", json={"reason": "x"}, headers=by_ben)
    assert discard.status_code == 403
    assert len(office.dead()) == 1


# -- dead letters


def test_a_dead_letter_goes_back_as_it_came_by_the_way_it_came_and_waits_no_more(office: Office) -> None:
    # given what a door let in and what an inbox could not place, the second for a partition that its key does not have
    envelope: dict[str, Any] = dict(envelope_of(STREAM, HOLD.TYPE, "x").headers())
    office.bury(b"{}", "channel.orders/1/7", key=b"webshop-eu/1", shop=b"a")
    office.bury(HOLD.encode(), "order.inbox/0/9", key=STREAM.encode(), **envelope)
    # when both are tried again
    for name in office.names():
        answer = office.post(f"/dead-letters/{name}/redrive", {"reason": "mended"}, key=name)
        assert (answer.status_code, answer.json()["outcome"]) == (200, "redriven")
    # then they are where they came in, as they were, and nothing waits
    (order,) = office.records("channel.orders")
    assert (order.key, order.value, order.headers) == (b"webshop-eu/1", b"{}", (("shop", b"a"),))
    (hold,) = office.records("order.inbox")
    assert Envelope.parse(hold.headers) == envelope_of(STREAM, HOLD.TYPE, "x")
    assert hold.value == HOLD.encode()
    # and what goes to an inbox says that it was a dead letter, so that its stream knows it should it be sent twice
    assert hold.headers[-1] == ("ce_redrivenfrom", b"order.inbox/0/9")
    assert office.names() == []


def test_who_settled_a_dead_letter_is_recorded_behind_it_and_the_same_request_again_does_nothing(
    office: Office,
) -> None:
    office.bury(b"no", "channel.orders/1/7")
    here = "/dead-letters/order:channel.orders:1:7"
    answer = office.post(f"{here}/discard", {"reason": "a test of theirs"})
    assert answer.json()["outcome"] == "discarded"
    settled = office.settled()
    assert (settled.place, settled.how, settled.actor) == ("channel.orders/1/7", "discarded", ANNA)
    assert (settled.reason, settled.time) == ("a test of theirs", NOON)
    assert office.names() == []
    # when the request comes again, then it has the same answer; another is told who was there before
    assert office.post(f"{here}/discard", {"reason": "a test of theirs"}).json() == answer.json()
    late = office.post(f"{here}/redrive", key="k2")
    assert (late.status_code, "discarded by anna" in late.json()["detail"]) == (409, True)
    assert len(office.dead()) == 2
    assert office.records("channel.orders") == []


def test_to_give_up_without_a_word_is_refused(office: Office) -> None:
    office.bury(b"no", "channel.orders/1/7")
    assert office.post("/dead-letters/order:channel.orders:1:7/discard", {}).status_code == 422
    assert office.names() == ["order:channel.orders:1:7"]


def test_an_edited_dead_letter_is_a_new_message_that_names_what_it_was_made_of_and_who_made_it(office: Office) -> None:
    office.bury(good_order("1001")[:-9], "channel.orders/1/7")
    office.bury(b"{}", "order.inbox/0/9", key=STREAM.encode(), ce_type=HOLD.TYPE.encode(), ce_id=b"old")
    # when one is mended as its channel would say it, and one as a command
    order = json.loads(good_order("1001"))
    edit = {"value": order, "reason": "cut short"}
    assert office.post("/dead-letters/order:channel.orders:1:7/edit", edit).status_code == 200
    words = {"value": {"detail": "asked to wait"}, "reason": "the detail was missing"}
    assert office.post("/dead-letters/order:order.inbox:0:9/edit", words, key="k2").status_code == 200
    # then each is a message of its own
    (sent,) = office.records("channel.orders")
    assert json.loads(sent.value or b"") == order
    assert dict(sent.headers)["ce_madeof"] == b"channel.orders/1/7"
    assert json.loads(dict(sent.headers)["ce_actor"])["subject"] == "anna"
    (command,) = office.records("order.inbox")
    envelope = Envelope.parse(command.headers)
    assert (command.key, PlaceHold.decode(command.value or b"")) == (STREAM.encode(), HOLD)
    assert (envelope.actor, envelope.reason) == (ANNA, "the detail was missing")
    assert envelope.id != "old"
    assert dict(command.headers)["ce_madeof"] == b"order.inbox/0/9"
    assert office.names() == []


@pytest.mark.parametrize(
    "words",
    [
        {"value": {"channel_account": "a"}},
        {"value": {"detail": 5}, "type": HOLD.TYPE, "stream": STREAM},
        {"value": {"detail": "x"}, "type": "orderlog.order.MakeTea.v1", "stream": STREAM},
        {"value": {"detail": "x"}, "type": HOLD.TYPE, "stream": "teapot/1"},
        {"value": {"detail": "x"}, "type": HOLD.TYPE, "stream": "nowhere"},
        {"value": {"detail": json.loads("[" * 300 + "]" * 300)}, "type": HOLD.TYPE, "stream": STREAM},
    ],
)
def test_an_edit_that_could_not_be_read_either_is_refused_and_the_letter_waits(office: Office, words: Any) -> None:
    place = "channel.orders/1/7" if "type" not in words else "order.inbox/0/9"
    office.bury(b"no", place)
    (name,) = office.names()
    answer = office.post(f"/dead-letters/{name}/edit", {**words, "reason": "a try"})
    assert answer.status_code == 422, answer.text
    assert office.names() == [name]
    assert office.writer.records == []


def test_nothing_goes_to_a_topic_that_is_no_way_in_whatever_a_letter_says(office: Office) -> None:
    office.bury(b"forged", "order.events/0/9")
    (name,) = office.names()
    assert office.post(f"/dead-letters/{name}/redrive").status_code == 422
    assert office.records("order.events") == []
    assert office.post(f"/dead-letters/{name}/discard", {"reason": "forged"}, key="k2").status_code == 200


def test_a_broker_that_goes_away_between_message_and_settlement_leaves_a_letter_that_waits(office: Office) -> None:
    office.bury(b"no", "channel.orders/1/7")
    office.writer.away = 1
    assert office.post("/dead-letters/order:channel.orders:1:7/redrive").status_code == 503
    assert office.names() == ["order:channel.orders:1:7"]
    assert office.post("/dead-letters/order:channel.orders:1:7/redrive").status_code == 200
    assert office.names() == []


def test_a_dry_run_says_what_would_be_done_and_does_nothing(office: Office) -> None:
    office.bury(b"no", "channel.orders/1/7")
    office.park(3)
    said = [
        office.post(f"/dead-letters/{name}/{what}", body, dry_run=True).json()["would"]
        for name in office.names()
        for what, body in (
            ("redrive", None),
            ("discard", {"reason": "x"}),
            ("edit", {"reason": "x", "value": json.loads(good_order("1")) if "channel" in name else {"detail": "so"}}),
        )
    ]
    assert len(set(said)) == 6
    assert all(STREAM in text for text in said[:3])
    assert "channel.orders/" in said[3]
    assert office.writer.records == []
    assert len(office.names()) == 2


# -- parked messages


def test_a_parked_message_is_settled_by_its_stream_in_the_name_of_who_asked(office: Office) -> None:
    office.park(3)
    edit = {"value": {"detail": "so"}, "reason": "it lacked a detail"}
    for what, body in (("redrive", {"reason": "mended"}), ("discard", {"reason": "called off"}), ("edit", edit)):
        assert office.post(f"/dead-letters/order:0:3/{what}", body, key=what).status_code == 202
    sent = [(Envelope.parse(record.headers), record.value) for record in office.writer.records]
    assert [(head.type, head.subject, head.reason) for head, _ in sent] == [
        (RedriveStream.TYPE, STREAM, "mended"),
        (DiscardParked.TYPE, STREAM, "called off"),
        (EditParked.TYPE, STREAM, "it lacked a detail"),
    ]
    assert {head.actor for head, _ in sent} == {ANNA}
    assert EditParked.decode(sent[2][1]) == EditParked(offset=3, value=PlaceHold(detail="so").encode().decode())


def test_a_card_number_that_somebody_types_into_an_edit_or_a_reason_is_masked(office: Office) -> None:
    office.park(3)
    office.bury(b"no", "channel.orders/1/7")
    typed = "4111 1111 1111 1111"
    edit = {"value": {"detail": f"paid by {typed}"}, "reason": "x"}
    assert office.post("/dead-letters/order:0:3/edit", edit).status_code == 202
    said = {"reason": f"paid by {typed}"}
    assert office.post("/dead-letters/order:channel.orders:1:7/discard", said, key="k2").status_code == 200
    assert "**** **** **** 1111" in EditParked.decode(office.writer.records[0].value).value
    assert office.settled().reason == "paid by **** **** **** 1111"


@pytest.mark.parametrize("words", [{"value": {"detail": 5}}, {"value": {}}, {"value": {}, "type": "a.type"}])
def test_an_edit_of_a_parked_message_that_could_not_be_read_either_is_refused(office: Office, words: Any) -> None:
    office.park(3)
    answer = office.post("/dead-letters/order:0:3/edit", {**words, "reason": "a try"})
    assert answer.status_code == 422, answer.text
    assert office.writer.records == []


def test_an_edited_parked_message_stays_in_its_stream(office: Office) -> None:
    office.park(3)
    edit = {"value": {"detail": "so"}, "reason": "x", "stream": "order/another"}
    assert office.post("/dead-letters/order:0:3/edit", edit).status_code == 422
    assert office.writer.records == []
