"""An order to which anything may happen: deeds by name, each done where it can be said at all.

`go_on` lets the next thing happen that the order waits for, so that random lives also come to their ends.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

from chassis.saga import Asked
from chassis.stream import open_deadlines
from chassis.testing import DAWN
from contracts.chassis import DeadlinePassed
from contracts.envelope import Actor
from contracts.fulfillment import (
    CreateFulfillmentOrder,
    FulfillmentCancelled,
    FulfillmentCancelRefused,
    FulfillmentLine,
    FulfillmentRefused,
    FulfillmentRejected,
    RefusalReason,
    ReturnReason,
)
from contracts.inventory import BreakReason, ClaimRepeated, ReservationBroken
from contracts.message import Event
from contracts.order import (
    ALL_STEPS,
    ApproveRefund,
    Bucket,
    CancelLine,
    CancelOrder,
    ConfirmChange,
    DeclineChange,
    DeclineRefund,
    ExchangeWish,
    GrantRefund,
    GroupChange,
    HeldStep,
    IfShort,
    LineQuantity,
    NotSentReason,
    OrderLine,
    PlaceHold,
    ProposeChange,
    RecordNoticeNotSent,
    RecordNoticeRefused,
    RecordNoticeSent,
    RefundApprover,
    RefundCause,
    RefundTo,
    RefundUnits,
    ReleaseHold,
    RetryRefund,
    SettlePackage,
    ShipGroup,
    ShipMethod,
    ShortagePolicy,
    WithdrawRefund,
)
from contracts.payments import (
    AuthorizationExpired,
    CaptureRefusal,
    CaptureRefused,
    DeclineReason,
    IncreaseDeclined,
    PaymentDeclined,
    PaymentIncreased,
    PaymentRefunded,
    RefundRefusal,
    RefundRefused,
    RefundRepeated,
    RefundReversed,
    TenderRefund,
)
from contracts.shipping import (
    CreateShipment,
    Delivered,
    DispatchShipment,
    PackageLost,
    PackageReturned,
    ShipmentRefusal,
    ShipmentRefused,
)
from services.order import fulfillment_state, refund_state, reservation_state
from services.order.fulfillment_state import Work, count, fulfilled_in_order
from services.order.order import IN_FULFILLMENT
from services.order.refund_state import Refund, RefundStage, in_order
from services.order.reservation_state import Claim, claims_in_order
from services.order.stream import ORDER
from services.order.tests.return_deeds import RETURN_DEEDS
from services.order.tests.story import ORDER_ID, PAYMENT, SHIP_TO, Story, demand, eur, order, stock_of

__all__ = ["DEEDS", "LINES", "PLACES", "Life"]

LINES = (("A", 3, 1000), ("B", 2, 501), ("A", 1, 0), ("B", 2, 333), ("A", 1, 77))
PLACES = ("north", "south")
WAYS = (
    ShipGroup(group="1", method=ShipMethod.SHIP, ship_to=SHIP_TO),
    ShipGroup(group="counter", method=ShipMethod.PICKUP, location="north"),
    ShipGroup(group="till", method=ShipMethod.CARRY_OUT, location="north"),
)
OF_LINES = ("1", "1", "1", "counter", "till")
"""The ship group of each line."""

NOT_BEFORE = DAWN + timedelta(days=2)
"""When early lines may leave."""

BUYER, SELLER = Actor(kind="person", subject="anna"), Actor(kind="person", subject="ben")

AT_ONCE = ("2", "4")
"""Lines whose rules let what is exchanged for them leave at once."""

SHORT = (None, IfShort.WAIT, IfShort.REFUND)
"""What may be said of goods to be sent again that nobody has."""

BLOCKS = ((HeldStep.RELEASE,), (HeldStep.AUTHORIZATION,), (HeldStep.SOURCING, HeldStep.RELEASE), ())


class Life:
    """An order of five lines that go three ways, or of four and two without the `till`; those `early` must not leave at
    once. Numbers choose among what a deed may be about."""

    def __init__(
        self,
        stock: Any,
        policy: ShortagePolicy,
        complete: Sequence[str],
        till: bool = True,
        early: Sequence[str] = (),
    ) -> None:
        self.story = Story(stock)
        self._lines = LINES if till else LINES[:-1]
        lines = zip(order(*self._lines).lines, OF_LINES, strict=False)
        self._terms: dict[str, Any] = {
            "lines": tuple(
                line.model_copy(
                    update={
                        "ship_group": group,
                        "ship_not_before": NOT_BEFORE if line.line in early else None,
                        "return_policy": "trusted" if line.line in AT_ONCE else None,
                    }
                )
                for line, group in lines
            ),
            "ship_groups": tuple(way.model_copy(update={"complete": way.group in complete}) for way in WAYS),
            "shortage": policy,
            "cancel_after": "2026-01-20T00:00:00Z",
            "revision": 2,
        }
        self.story.placed(*self._lines, **self._terms)

    def do(self, deed: str, one: int, two: int) -> None:
        """What the name says happens, if it can."""
        DEEDS[deed](self, one, two)

    # What the order waits for

    def go_on(self, one: int, two: int) -> None:
        """One of the answers comes that are waited for, as good as can be; or goods that were waited for arrive."""
        view = self.story.view
        asked = [
            each
            for asks in (view.reservation.asks, view.fulfillment.asks, view.refunds.asks)
            for _, each in sorted(asks.items())
        ]
        waits = [each for each in asked if not each.answered]
        waiting = [claim for claim in claims_in_order(view.reservation.claims) if claim.live and claim.waiting]
        if waiting and (not waits or one == two):
            claim = waiting[one % len(waiting)]
            self.story.reserved(claim.sequence, claim.waiting, claim.location)
        elif waits:
            self._answer(waits[one % len(waits)], two)

    def _answer(self, asked: Asked, two: int) -> None:
        match asked.step:
            case reservation_state.CLAIM:
                self._claims_answered(two)
            case reservation_state.AUTHORIZE:
                self.story.authorized()
            case reservation_state.INCREASE:
                self.increase_answered(0, two)
            case fulfillment_state.CAPTURE:
                self._take(asked.key)
            case refund_state.REFUND:
                self._paid_back(asked.key)
            case _:
                self._work_on(asked.step, asked.key, two)

    def _claims_answered(self, two: int) -> None:
        """All that was claimed is held; of claims that may wait, some wait."""
        for claim in claims_in_order(self.story.view.reservation.claims):
            if claim.unanswered and claim.queue and (two + claim.sequence) % 3:
                self.story.queued(claim.sequence, claim.unanswered)
            elif claim.unanswered:
                self.story.reserved(claim.sequence, claim.unanswered, claim.location)

    def _work_on(self, step: str, key: str, two: int) -> None:
        place = self._place_of(key)
        match step:
            case fulfillment_state.RELEASE:
                self.story.listed(place)
            case fulfillment_state.WORK:
                self._next_of_node(place)
            case fulfillment_state.COLLECT:
                self.story.collected(place)
            case fulfillment_state.LABEL:
                self.story.labelled(place)
            case fulfillment_state.DISPATCH:
                self.story.shipped(place)
            case fulfillment_state.WITHDRAW if two % 2:
                self._asked_to_cancel(place)
            case fulfillment_state.WITHDRAW:
                self._withdrawn(place)
            case fulfillment_state.DECIDE:
                self._decided(place, two)

    def _place_of(self, key: str) -> int:
        return next(place for place in range(len(self.story.view.fulfillment.works)) if self.story.work(place) == key)

    def _next_of_node(self, place: int) -> None:
        story, work = self.story, self._work(place)
        if _has(work, Bucket.RELEASED):
            story.picked(0, place)
        elif work.method is ShipMethod.PICKUP:
            story.ready(place)
        elif _has(work, Bucket.PICKED):
            story.packed(place)
        elif _has(work, Bucket.PACKED):
            story.handed_over(place)

    def _work(self, place: int) -> Work:
        return self.story.view.fulfillment.works[self.story.work(place)]

    # Inventory

    def _claim(self, one: int) -> Claim | None:
        claims = claims_in_order(self.story.view.reservation.claims)
        return claims[one % len(claims)] if claims else None

    def reserved(self, one: int, two: int) -> None:
        if claim := self._claim(one):
            self.story.reserved(claim.sequence, 1 + two % claim.quantity, PLACES[two % 2])

    def queued(self, one: int, two: int) -> None:
        """Some units wait for supply that is announced, or not."""
        if claim := self._claim(one):
            supply: dict[str, Any] = (
                {"awaits": "po-1", "expected_at": DAWN + timedelta(days=1 + two)} if two % 2 else {}
            )
            self.story.queued(claim.sequence, 1 + two % claim.quantity, **supply)

    def rejected(self, one: int, two: int) -> None:
        if claim := self._claim(one):
            self.story.rejected(claim.sequence)

    def repeated(self, one: int, two: int) -> None:
        if claim := self._claim(one):
            again = ClaimRepeated(
                sku=claim.sku,
                demand=demand(claim.line),
                sequence=claim.sequence,
                location=claim.location,
                quantity=claim.quantity,
                unit="each",
                reserved=claim.quantity - claim.waiting,
                waiting=claim.waiting,
            )
            self.story.tell(again, subject=stock_of(claim.sku))

    def broken(self, one: int, two: int) -> None:
        if claim := self._claim(one):
            lost = ReservationBroken(
                sku=claim.sku,
                demand=demand(claim.line),
                sequence=claim.sequence,
                location=claim.location,
                quantity=1 + two % claim.quantity,
                unit="each",
                reason=BreakReason.COUNT,
                levels=(),
            )
            self.story.tell(lost, subject=stock_of(claim.sku))

    # Payments

    def authorized(self, one: int, two: int) -> None:
        if self.story.view.reservation.authorization:
            self.story.authorized()

    def declined(self, one: int, two: int) -> None:
        if self.story.view.reservation.authorization:
            declined = PaymentDeclined(order_id=ORDER_ID, amount=eur(1), reason=DeclineReason.CONFLICT)
            self.story.tell(declined, subject=PAYMENT)

    def lapsed(self, one: int, two: int) -> None:
        if self.story.view.reservation.authorized:
            lapsed = AuthorizationExpired(order_id=ORDER_ID, authorization="a", tender=0, amount=eur(1))
            self.story.tell(lapsed, subject=PAYMENT)

    def captured(self, one: int, two: int) -> None:
        left = fulfilled_in_order(self.story.view.fulfillment.fulfilled)
        if left:
            self._take(left[one % len(left)][0])

    def _take(self, key: str) -> None:
        fulfilled = self.story.view.fulfillment.fulfilled[key]
        self.story.captured(fulfilled.asked or fulfilled.amount.amount, fulfillment=key)

    def not_captured(self, one: int, two: int) -> None:
        left = [key for key, each in fulfilled_in_order(self.story.view.fulfillment.fulfilled) if each.asked]
        if left:
            refused = CaptureRefused(
                order_id=ORDER_ID,
                fulfillment=left[one % len(left)],
                sequence=0,
                amount=eur(1),
                reason=CaptureRefusal.ABOVE_AUTHORIZED,
            )
            self.story.tell(refused, subject=PAYMENT)

    # People, and time

    def cancel(self, one: int, two: int) -> None:
        self.story.tell(CancelOrder())

    def cancel_lines(self, one: int, two: int) -> None:
        """Some units of a line, or all of it, that may be of a kit, or unknown."""
        self.story.tell(CancelOrder(lines=(CancelLine(line=str(1 + one), quantity=two or None),)))

    def propose(self, one: int, two: int) -> None:
        """Another quantity of a line, another article, or another way for the first group."""
        if self.story.view.order.placed is None:
            return
        more = OrderLine(line="", sku="B", quantity=1 + two, unit="each", amount=eur(199), ship_group="1")
        lines = (LineQuantity(line=str(1 + one), quantity=two),)
        groups = (GroupChange(group="1", method=ShipMethod.PICKUP, location=PLACES[two % 2]),)
        wishes: tuple[dict[str, Any], ...] = (
            {"lines": lines},
            {"added": (more,)},
            {"lines": lines, "added": (more,)},
            {"groups": (GroupChange(group="1", service_level="express"),)},
            {"groups": groups, "added": (more,)},
        )
        self.story.tell(ProposeChange(**wishes[one % len(wishes)]))

    def exchange(self, one: int, two: int) -> None:
        """Units are to come back for others, by the rules of their line; also when all is complete."""
        if self.story.view.order.placed is None:
            return
        known = sorted(self.story.view.order.lines)
        wish = ExchangeWish(
            line=known[(one * 6 + two) % len(known)],
            quantity=two % 2 + 1,
            reason=ReturnReason.DID_NOT_FIT,
            sku="B" if one % 3 else None,
        )
        dearer = OrderLine(line="", sku="A", quantity=1, unit="each", amount=eur(50 + 400 * two), ship_group="1")
        self.story.tell(ProposeChange(returns=(wish,), added=(dearer,) if one % 3 != 1 else ()))
        if one != two:
            self.decide_change(one, 1)

    def decide_change(self, one: int, two: int) -> None:
        """The open change is confirmed, or declined."""
        proposed = self.story.view.changes.proposed
        name = proposed.change if proposed else str(one)
        self.story.tell(ConfirmChange(change=name) if two else DeclineChange(change=name))

    def increase_answered(self, one: int, two: int) -> None:
        """What is asked for is secured or declined; also what was given up meanwhile."""
        changes = self.story.view.changes
        waits = [(changes.increase.change, changes.increase.amount)] if changes.increase else []
        waits = waits or sorted(changes.given_up.items())
        if not waits:
            return
        change, amount = waits[one % len(waits)]
        named: dict[str, Any] = {"order_id": ORDER_ID, "increase": change, "amount": amount}
        answer: Event = PaymentIncreased(**named, authorizations=())
        if not two:
            answer = IncreaseDeclined(**named, reason=DeclineReason.UNSUPPORTED_METHOD)
        self.story.tell(answer, subject=PAYMENT)

    def hold(self, one: int, two: int) -> None:
        """A person holds the order, or a line of it that may be of a kit, or unknown."""
        blocks = ALL_STEPS if one > two else BLOCKS[two % len(BLOCKS)]
        lines = (str(1 + one),) if two % 2 else ()
        self.story.tell(PlaceHold(detail="look", blocks=blocks, lines=lines))

    def release_hold(self, one: int, two: int) -> None:
        holds = sorted(self.story.view.order.holds.keys(), key=int)
        self.story.tell(ReleaseHold(hold=holds[one % len(holds)] if holds else str(one)))

    def placed_again(self, one: int, two: int) -> None:
        changed = {**self._terms, "revision": one, "fingerprint": "f1" if two == 0 else f"f{two}"}
        self.story.tell(order(*self._lines, **changed), door="channel.orders")

    def deadline(self, one: int, two: int) -> None:
        found = sorted(open_deadlines(ORDER, self.story.stream).items())
        if found:
            name, due_at = found[one % len(found)]
            self.story.later(timedelta(days=4)).tell(DeadlinePassed(name=name, due=due_at))

    def told(self, one: int, two: int) -> None:
        self.story.tell(RecordNoticeSent(notice=str(one), name="k"))

    def told_nobody(self, one: int, two: int) -> None:
        self.story.tell(RecordNoticeNotSent(notice=str(one), reason=NotSentReason.NO_ADDRESS))

    def not_told(self, one: int, two: int) -> None:
        self.story.tell(RecordNoticeRefused(notice=str(one), for_now=two > 1, said="no"))

    # Nodes and the carrier

    def _some_place(self, one: int) -> int | None:
        works = self.story.view.fulfillment.works
        return one % len(works) if len(works) else None

    def of_node(self, name: str, one: int, two: int) -> None:
        """A node or the carrier says something about one of the fulfillment orders, if it can know it."""
        place = self._some_place(one)
        if place is not None:
            _SAYS[name](self, place, two)

    def _said_of(self, place: int) -> dict[str, Any]:
        work = self._work(place)
        lines = tuple(FulfillmentLine(**line.model_dump()) for line in work.lines)
        return {"order_id": ORDER_ID, "location": work.location, "lines": lines}

    def _rejects(self, place: int, two: int) -> None:
        self.story.node(FulfillmentRejected(document="a", **self._said_of(place)), place)

    def _withdrawn(self, place: int, two: int = 0) -> None:
        self.story.node(FulfillmentCancelled(seen=True, **self._said_of(place)), place)

    def _not_withdrawn(self, place: int, two: int) -> None:
        refused = FulfillmentCancelRefused(reason=RefusalReason.CLOSED, **self._said_of(place))
        self.story.node(refused, place)

    def _listed(self, place: int, two: int) -> None:
        self.story.listed(place)

    def _asked_to_cancel(self, place: int, two: int = 0) -> None:
        self.story.asked_to_cancel(place=place)

    def _decided(self, place: int, two: int) -> None:
        """A node lets go of some units of its first line."""
        work = self._work(place)
        first = work.lines[0].line
        there = sum(count(work, bucket, first) for bucket in IN_FULFILLMENT)
        packages = self.story.packages(place) if work.packages else ()
        asked = self.story.view.fulfillment.asked_back.get(self.story.work(place))
        parts = dict(asked.parts) if asked and asked.parts else None
        granted = [min(two, there)] if parts is None else [two] * len(work.lines)
        self.story.decided(*granted, place=place, packages=packages, parts=parts)

    def _refuses(self, place: int, two: int) -> None:
        refused = FulfillmentRefused(step=CreateFulfillmentOrder.__name__, reason=RefusalReason.EXISTS)
        self.story.node(refused, place)

    def _picked(self, place: int, two: int) -> None:
        short = min(two % 2, min(line.quantity for line in self._work(place).lines))
        self.story.picked(short, place)

    def _packed(self, place: int, two: int) -> None:
        if self._has_goods(place):
            self.story.packed(place)

    def _handed_over(self, place: int, two: int) -> None:
        if self._work(place).packages:
            self.story.handed_over(place)

    def _ready(self, place: int, two: int) -> None:
        if self._work(place).method is ShipMethod.PICKUP and self._has_goods(place):
            self.story.ready(place)

    def _collected(self, place: int, two: int) -> None:
        if self._work(place).method is ShipMethod.PICKUP and self._has_goods(place):
            self.story.collected(place)

    def _labelled(self, place: int, two: int) -> None:
        if self._work(place).shipment:
            self.story.labelled(place)

    def _shipped(self, place: int, two: int) -> None:
        if self._work(place).shipment and self._has_goods(place):
            self.story.shipped(place)

    def _shipment_refused(self, place: int, two: int) -> None:
        if self._work(place).shipment:
            step = (CreateShipment, DispatchShipment)[two % 2].__name__
            refused = ShipmentRefused(step=step, reason=ShipmentRefusal.NO_SERVICE)
            self.story.tell(refused, subject=self.story.shipment(place))

    def _arrived(self, place: int, two: int) -> None:
        """A package that left arrived, or was lost, or comes back."""
        work = self._work(place)
        if work.shipment and work.left:
            fate: dict[str, Any] = {
                "order_id": ORDER_ID,
                "fulfillment_order": self.story.work(place),
                "package": work.packages[0],
                "occurred_at": DAWN,
            }
            told: Sequence[Event] = (
                Delivered(**fate, outstanding=0),
                PackageLost(**fate, carrier="own-fleet"),
                PackageReturned(**fate, carrier="own-fleet"),
            )
            self.story.tell(told[two % len(told)], subject=self.story.shipment(place))

    def settle(self, one: int, two: int) -> None:
        """Somebody has done what was to be done about a package."""
        astray = sorted(self.story.view.astray.packages.keys())
        package = astray[one % len(astray)] if astray else "none"
        wish = SettlePackage(
            package=package,
            detail="sent again",
            refund=two % 3 == 1,
            reship=two % 3 == 2,
            if_short=SHORT[one % len(SHORT)],
        )
        self.story.when(wish, actor=SELLER, door="http", needed=self.story.stock)

    # Money that goes back

    def claim(self, one: int, two: int) -> None:
        """Somebody claims units, or is appeased."""
        approver = (RefundApprover.CSR, RefundApprover.FINANCE)[two % 2]
        lines = (RefundUnits(line=str(one + 1), quantity=two % 3 + 1),)
        wish = GrantRefund(cause=RefundCause.DAMAGED, lines=lines, reason="broken", approver=approver)
        if one == two:
            wish = GrantRefund(cause=RefundCause.APPEASEMENT, percent="5", reason="late", approver=approver)
        self.story.when(wish, actor=BUYER if one % 2 else None, door="http", needed=self.story.stock)

    def claim_goods(self, one: int, two: int) -> None:
        """Somebody wants units sent again, that may have been sent again themselves."""
        known = sorted(self.story.view.order.lines)
        line = known[(one * 6 + two) % len(known)] if known else "1"
        wish = GrantRefund(
            cause=RefundCause.LOST,
            lines=(RefundUnits(line=line, quantity=two % 2 + 1),),
            to=RefundTo.REPLACEMENT,
            if_short=SHORT[(one + two) % len(SHORT)],
            reason="never came",
            approver=RefundApprover.FINANCE,
        )
        self.story.when(wish, actor=BUYER, door="http", needed=self.story.stock)

    def _some_refund(self, one: int) -> Refund | None:
        known = in_order(self.story.view.refunds)
        return known[one % len(known)][1] if known else None

    def decide_refund(self, one: int, two: int) -> None:
        """Somebody approves a refund, declines it, has it tried again or withdraws it."""
        refund = self._some_refund(one)
        name = refund.contents.refund if refund else "none"
        wishes = (
            ApproveRefund(refund=name),
            DeclineRefund(refund=name),
            RetryRefund(refund=name),
            WithdrawRefund(refund=name, detail="found"),
        )
        self.story.when(wishes[two % len(wishes)], actor=SELLER, door="http", needed=self.story.stock)

    def refund_taken_back(self, one: int, two: int) -> None:
        """A provider takes back what it had paid, or a part of it."""
        refund = self._some_refund(one)
        if refund is None or refund.stage is not RefundStage.REFUNDED:
            return
        amount, key = refund.contents.amount, refund.contents.refund
        less = eur(amount.amount // 2 if two % 2 else amount.amount)
        parts = [
            TenderRefund(refund=f"{n}", tender=n, capture="c", amount=m) for n, m in enumerate((less, amount - less))
        ]
        named: dict[str, Any] = {"order_id": ORDER_ID, "refund": key, "key": "k", "provider": "sandbox"}
        taken = RefundReversed(**named, reversed=parts[0], refunds=tuple(parts[1:]), refunded=eur(0))
        self.story.tell(taken, subject=PAYMENT)

    def refund_answered(self, one: int, two: int) -> None:
        """Payments pay a refund back, say that they had, or refuse it."""
        refund = self._some_refund(one)
        if refund is None or not refund.granted:
            return
        said: dict[str, Any] = {
            "order_id": ORDER_ID,
            "refund": refund.contents.refund,
            "amount": refund.contents.amount,
        }
        part = eur(refund.contents.amount.amount // 2)
        if two % 3 == 0:
            self._paid_back(refund.contents.refund)
        elif two % 3 == 1:
            self.story.tell(RefundRepeated(**said), subject=PAYMENT)
        else:
            refused = RefundRefused(**said, reason=RefundRefusal.NOT_CAPTURED, refunded_part=part if two > 2 else None)
            self.story.tell(refused, subject=PAYMENT)

    def _paid_back(self, key: str) -> None:
        amount = self.story.view.refunds.refunds[key].contents.amount
        paid = PaymentRefunded(
            order_id=ORDER_ID, refund=key, amount=amount, refunds=(), refunded=amount, captured=amount
        )
        self.story.tell(paid, subject=PAYMENT)

    def _has_goods(self, place: int) -> bool:
        return any(content.quantity > 0 for package in self.story.packages(place) for content in package.contents)


def _has(work: Work, bucket: Bucket) -> bool:
    return any(count(work, bucket, line.line) for line in work.lines)


def _node(name: str) -> Callable[[Life, int, int], None]:
    return lambda life, one, two: life.of_node(name, one, two)


_SAYS: dict[str, Callable[[Life, int, int], None]] = {
    "listed": Life._listed,
    "refuses": Life._refuses,
    "rejects": Life._rejects,
    "picked": Life._picked,
    "packed": Life._packed,
    "handed_over": Life._handed_over,
    "ready": Life._ready,
    "collected": Life._collected,
    "withdrawn": Life._withdrawn,
    "not_withdrawn": Life._not_withdrawn,
    "asked_to_cancel": Life._asked_to_cancel,
    "decided": Life._decided,
    "labelled": Life._labelled,
    "shipment_refused": Life._shipment_refused,
    "shipped": Life._shipped,
    "arrived": Life._arrived,
}
"""What nodes and the carrier may say of a fulfillment order."""

DEEDS: dict[str, Callable[[Life, int, int], None]] = {
    "go_on": Life.go_on,
    "reserved": Life.reserved,
    "queued": Life.queued,
    "rejected": Life.rejected,
    "repeated": Life.repeated,
    "broken": Life.broken,
    "authorized": Life.authorized,
    "declined": Life.declined,
    "lapsed": Life.lapsed,
    "captured": Life.captured,
    "not_captured": Life.not_captured,
    "cancel": Life.cancel,
    "cancel_lines": Life.cancel_lines,
    "propose": Life.propose,
    "exchange": Life.exchange,
    "decide_change": Life.decide_change,
    "increase_answered": Life.increase_answered,
    "hold": Life.hold,
    "release_hold": Life.release_hold,
    "placed_again": Life.placed_again,
    "deadline": Life.deadline,
    "settle": Life.settle,
    "claim": Life.claim,
    "claim_goods": Life.claim_goods,
    "decide_refund": Life.decide_refund,
    "refund_answered": Life.refund_answered,
    "refund_taken_back": Life.refund_taken_back,
    **RETURN_DEEDS,
    "told": Life.told,
    "told_nobody": Life.told_nobody,
    "not_told": Life.not_told,
    **{name: _node(name) for name in _SAYS},
}
"""Everything that may happen to an order, by name."""
