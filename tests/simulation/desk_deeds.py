"""What customers and the people at our desks do: cancel, hold, change, pay back, take back, settle."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from contracts.channel import ChannelTender
from contracts.fulfillment import ReturnReason
from contracts.money import CaptureTime, Money, Tender, TenderMethod
from contracts.order import (
    ApproveRefund,
    ApproveReturn,
    CancelLine,
    CancelOrder,
    ConfirmChange,
    DeclineChange,
    DeclineRefund,
    DeclineReturn,
    ExchangeWish,
    GrantRefund,
    HeldStep,
    LineQuantity,
    OrderLine,
    PlaceHold,
    ProposeChange,
    RefundApprover,
    RefundCause,
    RefundTo,
    RefundUnits,
    ReleaseHold,
    RequestReturn,
    RetryRefund,
    ReturnWish,
    SettlePackage,
    WithdrawRefund,
    WithdrawReturn,
)
from services.order.intake import Intake, tender_of
from tests.simulation.day import DESK, FINANCE, Day, Deed
from tests.simulation.people import sealed
from tests.simulation.schedule import Chance

__all__ = ["DESKS", "cancel", "change", "refund", "want_return"]

REASONS = (ReturnReason.DEFECTIVE, ReturnReason.DID_NOT_FIT, ReturnReason.CHANGED_MIND, ReturnReason.OTHER)


def _lines(day: Day, name: str) -> Sequence[str]:
    return sorted(day.state("order", name).order.lines.keys()) or ("1",)


def cancel(day: Day, chance: Chance) -> None:
    """All of an order, or some units of a line."""
    if (name := day.some_order(chance)) is None:
        return
    lines = None
    if chance.happens(40):
        quantity = chance.choice((None, 1, 2))
        lines = (CancelLine(line=chance.choice(_lines(day, name)), quantity=quantity),)
    day.say("order", name, CancelOrder(lines=lines), DESK)


def hold(day: Day, chance: Chance) -> None:
    """Somebody wants to look at an order, or at a line of it, before it goes on."""
    if (name := day.some_order(chance)) is None:
        return
    lines = (chance.choice(_lines(day, name)),) if chance.happens(30) else ()
    steps = chance.choice(((HeldStep.RELEASE,), (HeldStep.AUTHORIZATION,), tuple(HeldStep)))
    day.say("order", name, PlaceHold(detail="look", blocks=steps, lines=lines), DESK)


def release(day: Day, chance: Chance) -> None:
    """Somebody accepts what holds an order."""
    if (name := day.some_order(chance)) is None:
        return
    for held in sorted(day.state("order", name).order.holds):
        day.say("order", name, ReleaseHold(hold=held), DESK)


def change(day: Day, chance: Chance) -> None:
    """Other quantities, and what pays for them; then it is confirmed or not."""
    if (name := day.some_order(chance)) is None:
        return
    state = day.state("order", name)
    if state.changes.proposed is not None:
        number = state.changes.proposed.change
        said = DeclineChange(change=number) if chance.happens(20) else ConfirmChange(change=number)
        day.say("order", name, said, DESK)
        return
    line = chance.choice(_lines(day, name))
    wish = LineQuantity(line=line, quantity=chance.between(0, 4), amount=_money(chance.choice((500, 0))))
    tenders: tuple[Tender, ...] = ()
    if (more := chance.choice((2000, 500, 0))) and state.order.placed is not None:
        placed = state.order.terms
        intake = Intake(placed.channel, None, placed.tenant, placed.order_id, placed.currency, sealed)
        method = chance.choice((TenderMethod.CARD, TenderMethod.INVOICE))
        time = CaptureTime.AT_ORDER if more < 2000 else CaptureTime.AT_FULFILLMENT
        tender = ChannelTender(method=method, amount=more, capture=time, reference="tok_2")
        tenders = (tender_of(tender, intake),)
    day.say("order", name, ProposeChange(lines=(wish,), tenders=tenders), DESK)
    if chance.happens(60):
        day.world.run()
        proposed = day.state("order", name).changes.proposed
        if proposed is not None:
            day.say("order", name, ConfirmChange(change=proposed.change), DESK)


def _money(amount: int) -> Money:
    return Money(amount=amount, currency="EUR")


def refund(day: Day, chance: Chance) -> None:
    """A claim, or something off: granted by whoever may, now and then more than they may."""
    if (name := day.some_order(chance)) is None:
        return
    if chance.happens(40):
        amount = _money(chance.choice((100, 400, 5000)))
        wish = GrantRefund(cause=RefundCause.APPEASEMENT, amount=amount, reason="late", approver=RefundApprover.FINANCE)
    else:
        lines = (RefundUnits(line=chance.choice(_lines(day, name)), quantity=chance.between(1, 2)),)
        cause = chance.choice((RefundCause.DAMAGED, RefundCause.MISSING))
        to = chance.choice((RefundTo.ORIGINAL, RefundTo.REPLACEMENT, RefundTo.STORE_CREDIT))
        wish = GrantRefund(cause=cause, lines=lines, reason="broken", to=to)
    day.say("order", name, wish, chance.choice((DESK, FINANCE)))


def decide_refund(day: Day, chance: Chance) -> None:
    """A second person says yes or no to a refund, or one that failed is tried again or withdrawn."""
    if (name := day.some_order(chance)) is None:
        return
    known = sorted(day.state("order", name).refunds.refunds)
    if not known:
        return
    number = chance.choice(known)
    said = chance.choice(
        (
            ApproveRefund(refund=number, approver=RefundApprover.FINANCE),
            DeclineRefund(refund=number),
            RetryRefund(refund=number),
            WithdrawRefund(refund=number, detail="paid in cash"),
        )
    )
    day.say("order", name, said, FINANCE)


def want_return(day: Day, chance: Chance) -> None:
    """A customer wants to send units back."""
    if (name := day.some_order(chance)) is None:
        return
    reason = chance.choice(REASONS)
    wish = ReturnWish(line=chance.choice(_lines(day, name)), quantity=chance.between(1, 2), reason=reason)
    blind = [each for each, view in day.views("fulfillment", "return") if view.order_id is None]
    matches = blind[0].partition("/")[2] if blind and not chance.happens(30) else None
    day.say("order", name, RequestReturn(lines=(wish,), label=chance.happens(30), matches=matches), DESK)


def exchange(day: Day, chance: Chance) -> None:
    """Units come back for another article, at what was paid for them or dearer or cheaper; also by somebody's exception."""
    if (name := day.some_order(chance)) is None:
        return
    line = chance.choice(_lines(day, name))
    placed = day.state("order", name).order.placed
    sku = chance.choice(tuple(sorted(one.sku for one in placed.lines))) if placed is not None else "A"
    even = chance.happens(50)
    wish = ExchangeWish(line=line, quantity=1, reason=chance.choice(REASONS), sku=sku if even else None)
    other = OrderLine(
        line="",
        sku=sku,
        quantity=1,
        unit="each",
        amount=_money(chance.choice((100, 1500, 3000))),
        tax_included=True,
        ship_group=placed.ship_groups[0].group if placed is not None and placed.ship_groups else "",
    )
    exception = "a gift" if chance.happens(50) else None
    proposal = ProposeChange(returns=(wish,), added=() if even else (other,), exception=exception)
    day.say("order", name, proposal, DESK)
    day.world.run()
    proposed = day.state("order", name).changes.proposed
    if proposed is not None and chance.happens(90):
        day.say("order", name, ConfirmChange(change=proposed.change), DESK)


def decide_return(day: Day, chance: Chance) -> None:
    """The order desk approves a return or does not, or the customer keeps the goods."""
    if (name := day.some_order(chance)) is None:
        return
    known = sorted(day.state("order", name).returns.returns, key=int)
    if not known:
        return
    number = int(chance.choice(known))
    said = chance.choice(
        (ApproveReturn(number=number), WithdrawReturn(number=number), DeclineReturn(number=number, detail="worn"))
    )
    day.say("order", name, said, DESK)


def settle(day: Day, chance: Chance) -> None:
    """Somebody decides about a package that did not arrive."""
    if (name := day.some_order(chance)) is None:
        return
    for package in sorted(day.state("order", name).astray.packages):
        pays = chance.happens(70)
        approver = RefundApprover.FINANCE
        day.say("order", name, SettlePackage(package=package, detail="gone", refund=pays, approver=approver), FINANCE)


DESKS: Mapping[str, Deed] = {
    "cancel": Deed(4, cancel),
    "hold": Deed(2, hold),
    "release": Deed(4, release),
    "change": Deed(6, change),
    "refund": Deed(8, refund),
    "decide refund": Deed(4, decide_refund),
    "want return": Deed(8, want_return),
    "exchange": Deed(5, exchange),
    "decide return": Deed(4, decide_return),
    "settle": Deed(5, settle),
}
"""By name."""
