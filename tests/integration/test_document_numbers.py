"""Numbers of documents on a real broker: payments is killed (-9) between draft, number and issue, again and again, and each
seller's series has no gap and no number twice."""

from __future__ import annotations

import signal
import subprocess
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from datetime import UTC, datetime
from functools import partial
from itertools import count

import pytest

from chassis.kafka import partition_of
from chassis.log import NewRecord
from contracts import topics
from contracts.envelope import Envelope, root_traceparent
from contracts.ids import aggregate_id, door_message_id, stream
from contracts.message import CATALOGUE, Message, to_milliseconds
from contracts.payments.invoices import (
    CreditNoteIssued,
    InvoiceIssued,
    InvoiceWaits,
    NumberAssigned,
    RetryInvoice,
)
from services.payments.invoice_series import PREFIXES, series_stream
from services.payments.tests.documents import DESCRIBED, ORDER_ID, credit_note, document, invoice
from tests.integration.test_channels_process import Place
from tests.integration.test_channels_process import place as place
from tests.waiting import eventually

SELLERS = ("acme", "globex")
POINTS = {"loop.begun": 3, "loop.produced": 2, "loop.offsets_sent": 3, "loop.committed": 2}
"""Where payments dies, and at which transaction: a document takes at least one for its draft, its number and its issue."""

WANTED_EACH = 10
"""How many looks at the dying process lie between two wishes: it has to keep up, or one transaction takes all."""


class Orders:
    """Orders of several sellers that want documents of payments, as the order service asks for them."""

    def __init__(self, place: Place) -> None:
        self.place, self._numbers, self._producer = (
            place,
            count(1),
            place.log.producer(f"{place.settings.namespace}-spec"),
        )
        self.wanted: set[str] = set()

    def send(self, *messages: tuple[str, Message]) -> None:
        """These come into the inbox of payments."""
        self._producer.begin()
        self._producer.send([self._record(name, message) for name, message in messages])
        self._producer.flush()
        self._producer.commit()

    def _record(self, name: str, message: Message) -> NewRecord:
        identifier = door_message_id("default", "spec", str(next(self._numbers)))
        envelope = Envelope(
            id=identifier,
            type=message.TYPE,
            source="/order",
            time=to_milliseconds(datetime.now(UTC)),
            subject=name,
            tenant="default",
            correlation_id=name,
            causation_id=identifier,
            traceparent=root_traceparent(identifier),
        )
        settings, key = self.place.settings, name.encode()
        partition = partition_of(key, settings.partitions)
        return NewRecord(
            topics.inbox("payments", settings.namespace), partition, key, message.encode(), envelope.headers()
        )

    def want(self) -> None:
        """One more invoice for each seller, and a credit note of it."""
        messages = []
        for seller in SELLERS:
            number = f"{seller}-{next(self._numbers)}"
            note = credit_note(number).model_copy(update={"seller": seller, "refund": number})
            credited = stream("invoice", aggregate_id("default", "credit_note", ORDER_ID, number))
            messages += [(stream("invoice", document(number)), invoice(number, seller=seller)), (credited, note)]
        self.wanted |= {name for name, _ in messages}
        self.send(*messages)

    def outlive(self, process: subprocess.Popen[bytes], looks: Iterator[int]) -> bool:
        """Go on wanting documents until a process is dead."""
        if next(looks) % WANTED_EACH == 0:
            self.want()
        return process.poll() is not None

    def told(self) -> list[tuple[str, Message]]:
        """Every event of payments, with its stream."""
        found = []
        for record in self.place.heard("payments.events"):
            envelope = Envelope.parse(record.headers)
            found.append((envelope.subject, CATALOGUE[envelope.type].decode(record.value or b"")))
        return found

    def done(self) -> bool:
        """Whether all documents are issued. A credit note that came before its invoice had a number is tried again, as
        finance would."""
        last = dict(self.told())
        waiting = sorted(name for name in self.wanted if isinstance(last.get(name), InvoiceWaits))
        if waiting:
            self.send(*((name, RetryInvoice()) for name in waiting))
        return self.wanted <= issued_of(self.told()).keys()


def issued_of(told: Iterable[tuple[str, Message]]) -> dict[str, list[str]]:
    """The numbers of the documents that were issued, by their streams."""
    found: dict[str, list[str]] = defaultdict(list)
    for name, event in told:
        if isinstance(event, InvoiceIssued | CreditNoteIssued):
            found[name].append(event.number)
    return found


def check(told: Sequence[tuple[str, Message]], wanted: AbstractSet[str]) -> None:
    """Each document is issued once, under the number that its series gave it, and each series counts from 1 without a gap."""
    issued, numbers = issued_of(told), defaultdict(list)
    for _, event in told:
        if isinstance(event, NumberAssigned):
            numbers[event.seller, event.kind].append(event)
            assert issued[stream("invoice", event.document)] == [event.number]
    assert issued.keys() == wanted
    assert set(numbers) == {(seller, kind) for seller in SELLERS for kind in PREFIXES}
    for given in numbers.values():
        assert len({event.series for event in given}) == 1, "a year ended during the test"
        assert [event.sequence for event in given] == list(range(1, len(given) + 1))
        assert len({event.document for event in given}) == len(given)
    assert sum(map(len, numbers.values())) == len(wanted)


@pytest.mark.timeout(600)
def test_numbers_have_no_gap_however_often_payments_dies(place: Place) -> None:
    place.module = "services.payments"
    orders = Orders(place)
    described = [DESCRIBED.model_copy(update={"seller": seller}) for seller in SELLERS]
    orders.send(*((series_stream("default", wish.seller), wish) for wish in described))
    for point, nth in POINTS.items():
        # given that documents keep being wanted while payments dies at this point
        dying, looks = place.start(f"{point}:{nth}:kill9"), count()
        eventually(partial(orders.outlive, dying, looks), 120, f"payments dead at {point}")
        assert dying.returncode == -signal.SIGKILL
    # when it runs again
    place.start()
    eventually(orders.done, 120, "all documents issued")
    # then nothing is lost, doubled or left out
    check(orders.told(), orders.wanted)
