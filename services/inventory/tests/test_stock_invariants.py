"""What holds at every prefix of a stock item's stream, whatever comes, in whatever order, however often."""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from chassis.decider import Context
from chassis.testing import DAWN, Outcome, Spec
from contracts.chassis import DeadlinePassed, MessageParked
from contracts.inventory import (
    AdjustmentReason,
    AdjustStock,
    BreakReason,
    Bucket,
    ClaimStock,
    CountRequested,
    CountStock,
    Demand,
    DemandQueued,
    Disposition,
    ExpectSupply,
    HardenClaim,
    OnShortage,
    ReceiveStock,
    RecordGone,
    RecordHandedOut,
    RecordPicked,
    RecordPutBack,
    RecordReturned,
    ReleaseClaim,
    ReservationBroken,
    StockAdjusted,
    StockChangeRefused,
    StockCounted,
    StockFulfilled,
    StockHandedOut,
    StockPicked,
    StockPutBack,
    StockReceived,
    StockRejected,
    StockReturned,
    StockStatus,
    TracedQuantity,
)
from contracts.message import Command, Event
from services.inventory.bookkeeping import deadlines_of, evolve
from services.inventory.stock_book import StockBook, claim_key
from services.inventory.stock_item import STOCK_ITEM
from services.inventory.waiting_queue import Rank

LOCATIONS = ("east", "north", "south")
CAME = {Bucket.RECEIVED, Bucket.FOUND, Bucket.RESTOCKED}
ON_HAND = {Bucket.SELLABLE, Bucket.SUSPECT, Bucket.DAMAGED, Bucket.ON_HOLD}

locations = st.sampled_from(LOCATIONS)
quantities = st.integers(1, 6)
demands = st.builds(Demand, kind=st.just("order"), id=st.sampled_from("abc"), line=st.just("1"))
item = {"sku": st.just("SKU-1"), "unit": st.sampled_from(["each"] * 15 + ["g"])}
ENDS = tuple(DAWN + timedelta(minutes=n) for n in (1, 2, 30))
ends = st.sampled_from(ENDS)
supplies = st.sampled_from(["po-1", "po-2"])
demand = {"demand": demands, "sequence": st.integers(0, 1)}
node = {
    "fulfillment_order": st.just("f"),
    "document": st.just("d"),
    "location": locations,
    **demand,
    **item,
}

claims: st.SearchStrategy[Command] = st.builds(
    ClaimStock,
    quantity=quantities,
    location=locations,
    eligible_locations=st.lists(locations, max_size=2).map(tuple),
    on_shortage=st.sampled_from(OnShortage),
    priority=st.integers(0, 2),
    need_by=st.none() | ends,
    soft_until=st.sampled_from([None, None, *ENDS, ENDS[-1]]),
    **item,
    **demand,
)
receipts: st.SearchStrategy[Command] = st.builds(
    ReceiveStock,
    quantity=quantities,
    location=locations,
    status=st.sampled_from(StockStatus),
    supply=st.none() | supplies,
    traced=st.just(()) | st.just((TracedQuantity(quantity=1, lot="L7", serials=("s1",)),)),
    **item,
)
others: st.SearchStrategy[Command] = st.one_of(
    st.builds(
        ExpectSupply,
        supply=supplies,
        quantity=st.integers(0, 6),
        location=locations,
        expected_at=st.sampled_from([DAWN, DAWN + timedelta(days=3)]),
        **item,
    ),
    st.builds(HardenClaim, sku=item["sku"], **demand),
    st.builds(ReleaseClaim, sku=item["sku"], **demand),
    st.builds(ReleaseClaim, sku=item["sku"], quantity=st.integers(1, 4), location=st.none() | locations, **demand),
    st.builds(DeadlinePassed, name=st.just("soft_claims"), due=st.sampled_from(ENDS[:2])),
    st.builds(
        AdjustStock,
        quantity=quantities,
        location=locations,
        reason=st.sampled_from(AdjustmentReason),
        status=st.sampled_from(StockStatus),
        **item,
    ),
    st.builds(CountStock, counted=st.integers(0, 8), location=locations, **item),
    st.builds(
        RecordPicked,
        expected=st.integers(0, 6),
        quantity=st.integers(0, 6),
        substitute_for=st.none() | st.just("SKU-9"),
        **node,
    ),
    st.builds(RecordPutBack, quantity=quantities, **node),
    st.builds(RecordGone, quantity=quantities, **node),
    st.builds(
        RecordHandedOut, quantity=quantities, demand=demands, location=locations, fulfillment=st.just("h"), **item
    ),
    st.builds(
        RecordReturned,
        quantity=quantities,
        location=locations,
        return_id=st.just("r"),
        document=st.just("d"),
        disposition=st.sampled_from(Disposition),
        instead_of=st.none() | st.sampled_from(Disposition),
        **item,
    ),
)
commands: st.SearchStrategy[Command] = st.sampled_from([claims] * 5 + [receipts] * 2 + [others] * 9).flatmap(
    lambda kind: kind
)
"""Claims and receipts come more often, so that there is something to be released, broken and picked."""


def holds_after(book: StockBook, events: list[Event]) -> None:
    """I-02 from the movements alone, claims inside sellable, and the levels that the last event told."""
    balance: Counter[tuple[str, Bucket]] = Counter()
    for event in events:
        for movement in getattr(event, "movements", ()):
            balance[movement.location, movement.source] -= movement.quantity
            balance[movement.location, movement.target] += movement.quantity
    for location, shelf in book.shelves.items():
        for bucket in (*ON_HAND, Bucket.PICKED):
            assert getattr(shelf, bucket.value) == balance[location, bucket] >= 0
        came = -sum(balance[location, bucket] for bucket in CAME)
        assert came == sum(balance[location, bucket] for bucket in Bucket if bucket not in CAME)
        assert shelf.available >= 0
        assert shelf.reserved + shelf.soft == sum(shelf.held.values())
        assert shelf.reserved >= 0 and shelf.soft >= 0
    for level in getattr(events[-1], "levels", ()):
        assert level == book.shelf(level.location).level(level.location)


def claims_close(book: StockBook) -> None:
    """What shelves say is held is what claims say they hold; no stock is available where demand waits for it."""
    for key, claim in book.claims.items():
        terms = claim.terms
        assert claim.reserved + claim.waiting > 0
        assert claim.reserved + claim.picked + claim.waiting <= terms.quantity
        assert all(book.shelf(place).held[key] == quantity for place, quantity in claim.held)
        if claim.waiting and terms.unit == book.unit:
            assert all(book.shelf(place).available == 0 for place in terms.eligible_locations)
    for location, shelf in book.shelves.items():
        assert all(book.claims[key].held_at(location) == quantity for key, quantity in shelf.held.items())
        assert shelf.soft == sum(quantity for key, quantity in shelf.held.items() if book.claims[key].terms.soft)
    assert book.waiting_count == sum(1 for claim in book.claims.values() if claim.waiting)
    assert all(supply.quantity > 0 for supply in book.supplies.values())
    queues_name_who_waits(book)
    ends = sorted(claim.terms.soft_until for claim in book.claims.values() if claim.terms.soft_until)
    assert deadlines_of(book) == ({"soft_claims": ends[0]} if ends else {})
    assert sum(len(block) for block in book.expiring.blocks) == len(ends)


def queues_name_who_waits(book: StockBook) -> None:
    expected: dict[str, list[Rank]] = defaultdict(list)
    for claim in book.claims.values():
        if claim.waiting:
            for place in claim.terms.eligible_locations:
                expected[f"{claim.terms.unit}\x1f{place}"].append(claim.rank)
    queued = {name: [rank for block in queue.blocks for rank in block] for name, queue in book.waiting.items()}
    assert queued == {name: sorted(ranks) for name, ranks in expected.items()}


FACTS = {
    ReceiveStock: StockReceived,
    AdjustStock: StockAdjusted,
    CountStock: StockCounted,
    RecordPicked: StockPicked,
    RecordPutBack: StockPutBack,
    RecordGone: StockFulfilled,
    RecordHandedOut: StockHandedOut,
    RecordReturned: StockReturned,
}
"""What each physical fact becomes, whatever the book says."""

BY_FACTS = (BreakReason.COUNT, BreakReason.ADJUSTMENT, BreakReason.HANDED_OUT, BreakReason.RETURN_CHANGED)
ASKER = "order:order/o1"
courses = st.builds(
    lambda first, then: [*first, *then],
    st.lists(receipts, max_size=3),
    st.lists(commands, min_size=8, max_size=25),
)


@settings(max_examples=250)
@given(courses)
def test_stock_is_conserved_and_never_promised_twice(course: list[Any]) -> None:
    spec, prefix, book = Spec(STOCK_ITEM, "inventory"), list[Event](), StockBook()
    for command in course:
        outcome = _say(spec, command)
        for event in outcome.events:
            assert not isinstance(event, MessageParked), event
            _breaks_soft_claims_first(book, event)
            prefix.append(event)
            book = evolve(book, event)
            holds_after(book, prefix)
        claims_close(spec.state)
        _is_taken_or_answered(command, outcome)


def _say(spec: Spec, command: Command) -> Outcome:
    if isinstance(command, DeadlinePassed):
        spec.at(command.due)
    wants_answer = isinstance(command, ClaimStock | ReleaseClaim)
    return spec.when(command, reply_to=ASKER if wants_answer else None)


def _breaks_soft_claims_first(book: StockBook, event: Event) -> None:
    """A physical fact takes nothing of a hard claim while a soft one holds goods there."""
    if isinstance(event, ReservationBroken) and event.reason in BY_FACTS:
        claim = book.claims[claim_key(event.demand, event.sequence)]
        assert claim.terms.soft or not book.shelf(event.location).soft


def _is_taken_or_answered(command: Command, outcome: Outcome) -> None:
    """A fact is never refused but for its unit, and then of nodes and tills a count is asked for; who claims or releases
    is answered."""
    kinds = [type(event) for event in outcome.events]
    if (became := FACTS.get(type(command))) is not None and became not in kinds:
        counted = isinstance(command, ReceiveStock | AdjustStock | CountStock)
        assert kinds == ([StockChangeRefused] if counted else [StockChangeRefused, CountRequested])
    if isinstance(command, ClaimStock | ReleaseClaim):
        first, to = outcome.answers[0]
        assert first is outcome.events[0] and to.to == ASKER
    for event in outcome.events:
        if isinstance(event, DemandQueued) and event.awaits is not None:
            assert event.awaits in outcome.spec.state.supplies


@settings(max_examples=100)
@given(courses)
def test_what_was_claimed_or_given_back_once_is_not_again(course: list[Any]) -> None:
    # given any course, and the claims and releases of it that were not refused
    spec, taken = Spec(STOCK_ITEM, "inventory"), list[Command]()
    for command in course:
        outcome = _say(spec, command)
        of_claims = isinstance(command, ClaimStock | ReleaseClaim)
        taken += [command] if of_claims and not isinstance(outcome.events[0], StockRejected) else []
    # when the claims come again, late, then nothing is held or waits that did not before
    before = spec.state
    for command in (each for each in reversed(taken) if isinstance(each, ClaimStock)):
        _say(spec, command)
        assert spec.state == before
    # and the second of two releases of all of a claim changes nothing
    for command in (each for each in taken if isinstance(each, ReleaseClaim) and each.quantity is None):
        _say(spec, command)
        before = spec.state
        _say(spec, command)
        assert spec.state == before


def test_a_claim_costs_the_same_when_many_are_held() -> None:
    """The events and answers of one claim on a hot item do not grow with the claims before it."""
    spec = Spec(STOCK_ITEM, "inventory")
    book = spec.state
    receive = ReceiveStock(sku="SKU-1", location="north", quantity=1_000_000, unit="each")
    for event in STOCK_ITEM.decide[ReceiveStock](receive, book, _context()):
        book = evolve(book, event)
    for number in range(2_000):
        who = Demand(kind="order", id=str(number), line="1")
        command = ClaimStock(
            sku="SKU-1",
            demand=who,
            sequence=1,
            quantity=1,
            unit="each",
            location="north",
        )
        (event,) = STOCK_ITEM.decide[ClaimStock](command, book, _context())
        book = evolve(book, event)
        assert len(event.encode()) < 700
    assert book.shelf("north").reserved == 2_000


def _context() -> Context:
    return Context(
        now=DAWN,
        tenant="default",
        stream="stock_item/x",
        message_id="m",
        subject="s",
        correlation_id="c",
    )
