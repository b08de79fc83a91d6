"""One order of each kind, played through all services in memory and drawn message by message.

`python -m tests.simulation.order_lives` writes docs/order-lives.md, `--check` says whether it is stale. Each life is a
function that makes a world in which people do their work; what the page shows is what the world handled.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from chassis.testing import DAWN
from contracts.channel import ChannelOrder, ChannelTender
from contracts.envelope import Actor
from contracts.fulfillment import (
    CancelAnswer,
    Disposition,
    InspectedItem,
    PackedContent,
    PackedPackage,
    PickLine,
    RecordAcceptance,
    RecordCancelDecision,
    RecordInspection,
    RecordPack,
    RecordPick,
    RecordReturnReceipt,
    ReturnedItem,
    ReturnReason,
)
from contracts.ids import aggregate_id, stream
from contracts.inventory import DescribeItem, KitComponent
from contracts.message import Message
from contracts.money import Money, TenderMethod
from contracts.order import (
    ApproveRefund,
    CancelOrder,
    CancelReason,
    ConfirmChange,
    ExchangeSend,
    ExchangeWish,
    GrantRefund,
    LineQuantity,
    OrderLine,
    ProposeChange,
    RefundApprover,
    RefundCause,
    RefundTo,
    RefundUnits,
    ReleasedToFulfillment,
    ReleaseHold,
    RequestReturn,
    ReturnRequested,
    ReturnWish,
)
from contracts.payments.invoices import DescribeSeller
from services.order.order import BUCKETS, OrderState, line_units, status
from services.order.waiting import waiting
from services.payments.invoice_series import series_stream
from services.payments.tests.documents import SELLER
from tests.simulation.people import COUNTER, TILL, WHOLE, Floor, channel_order, place, receive
from tests.simulation.provider import Bank, ProviderDesk
from tests.simulation.said import said
from tests.simulation.schedule import Chance
from tests.simulation.world import TENANT, Handled, World

__all__ = ["LIVES", "PAGE", "Kind", "Life", "drawn", "main"]

PAGE = Path(__file__).parents[2] / "docs" / "order-lives.md"


class InOrder(World):
    """A world in which nothing overtakes: what was sent first is handled first."""

    def next_key(self, waits: Sequence[tuple[str, str]]) -> tuple[str, str]:
        return min(waits, key=self.sent_at)


class Life:
    """An order under way in a world of its own, and what there is to tell of it: handlings, and remarks between them."""

    def __init__(self) -> None:
        self.world = InOrder()
        self.floor = Floor(self.world)
        self.provider = ProviderDesk(self.world, Bank(lambda: self.world.now))
        self.name = ""
        self.told: list[Handled | str] = []

    def stock(self, sku: str, location: str, quantity: int) -> None:
        """Goods arrive. Those that are there before the order comes are not told of."""
        receive(self.world, sku, location, quantity)
        if not self.name:
            self.world.handled.clear()
        self._tell()

    def described(self, sku: str, *components: KitComponent) -> None:
        """Somebody said of what a kit is made, long ago."""
        item = stream("item", aggregate_id(TENANT, "item", sku))
        self.world.tell("inventory", item, DescribeItem(sku=sku, unit="each", components=components))
        self.world.handled.clear()

    def placed(self, order: ChannelOrder) -> None:
        """The channel sends the order; nobody outside does anything about it yet."""
        self.name = place(self.world, order)
        self.world.run()
        self._tell()

    def says(self, message: Message, subject: str | None = None) -> None:
        """Somebody says something to the order by its door, who may be known to it."""
        actor = None if subject is None else Actor(kind="person", subject=subject)
        self.world.tell("order", self.name, message, actor=actor)
        self._tell()

    def reports(self, *facts: Message) -> None:
        """The node of the only fulfillment order reports what it did, itself and not the floor's people."""
        [work] = self.world.of(ReleasedToFulfillment)
        self.floor.only = ()
        for fact in facts:
            self.world.tell("fulfillment", stream("fulfillment_order", work.fulfillment_order), fact)
        self._tell()

    def comes_back(self, return_id: str, *facts: Message) -> None:
        """A node says what became of a return."""
        for fact in facts:
            self.world.tell("fulfillment", stream("return", return_id), fact)
        self._tell()

    def missing(self, sku: str, location: str, quantity: int) -> None:
        """So many units are not where the book says, which only who picks them will find out."""
        self.floor.missing[location, sku] = quantity

    def worked(self) -> None:
        """Nodes, counter, carrier and the worker of notices do all that they have to."""
        self.floor.work()
        self._tell()

    def charged(self) -> None:
        """The provider does what it is asked for, as often as something follows of that."""
        while self.provider.act(Chance(0)):
            self.world.run()
        self._tell()

    def waits(self) -> None:
        """What `oms order why` says now."""
        found = waiting(self.name, [(event, "", DAWN) for name, event in self.world.events if name == self.name])
        assert found is not None
        self.told.append(re.sub(r" since .* UTC", "", found.sentence.replace(found.number, "1001", 1)))

    def _tell(self) -> None:
        self.told += self.world.handled
        self.world.handled.clear()

    @property
    def order(self) -> OrderState:
        """The order as it is now."""
        found: OrderState = self.world.state("order", self.name).order
        return found

    @property
    def refunded(self) -> int:
        """What went back of it, in minor units."""
        return int(self.world.state("order", self.name).refunds.refunded)


@dataclass(frozen=True)
class Kind:
    """A kind of life: what happens in it, and to what the reader should look."""

    title: str
    look: str
    play: Callable[[Life], None]


# The lives


def _shipped_whole(life: Life) -> None:
    life.stock("TEAPOT", "north", 5)
    life.placed(channel_order("1001", ("TEAPOT", 2, 4998)))
    life.waits()
    life.worked()


def _split(life: Life) -> None:
    life.stock("TEAPOT", "north", 2)
    life.stock("TEAPOT", "south", 1)
    life.placed(channel_order("1001", ("TEAPOT", 3, 1000)))
    life.worked()


def _backordered(life: Life) -> None:
    life.stock("TEAPOT", "north", 1)
    life.placed(channel_order("1001", ("TEAPOT", 2, 4998), ways=[WHOLE]))
    life.worked()
    life.waits()
    life.stock("TEAPOT", "north", 4)
    life.worked()


def _in_two_parcels(life: Life) -> None:
    life.stock("TEAPOT", "north", 1)
    life.placed(channel_order("1001", ("TEAPOT", 2, 4999)))
    life.worked()
    life.waits()
    life.stock("TEAPOT", "north", 4)
    life.worked()


def _collected(life: Life) -> None:
    life.stock("TEAPOT", "north", 2)
    life.stock("TEAPOT", "south", 9)
    life.placed(channel_order("1001", ("TEAPOT", 2, 4998), ways=[COUNTER]))
    life.worked()


def _carried_out(life: Life) -> None:
    life.stock("TEAPOT", "north", 1)
    life.placed(channel_order("1001", ("TEAPOT", 2, 4998), ways=[TILL]))


def _kit(life: Life) -> None:
    life.described("TEA-SET", KitComponent(sku="TEAPOT", quantity=1, weight=3), KitComponent(sku="CUP", quantity=2))
    life.stock("TEAPOT", "north", 2)
    life.stock("CUP", "north", 6)
    life.placed(channel_order("1001", ("TEA-SET", 2, 1000)))
    life.worked()


def _short_pick(life: Life) -> None:
    life.stock("TEAPOT", "north", 5)
    life.stock("TEAPOT", "south", 4)
    life.missing("TEAPOT", "north", 1)
    life.placed(channel_order("1001", ("TEAPOT", 2, 4998)))
    life.worked()


def _cancelled(life: Life) -> None:
    life.stock("TEAPOT", "north", 5)
    life.placed(channel_order("1001", ("TEAPOT", 2, 4998)))
    life.says(CancelOrder(cause=CancelReason.CUSTOMER))


def _cancelled_in_part(life: Life) -> None:
    life.stock("TEAPOT", "north", 5)
    life.placed(channel_order("1001", ("TEAPOT", 2, 4998)))
    both = PickLine(line="1", sequence=0, quantity=2)
    life.reports(RecordAcceptance(document="a"), RecordPick(document="p", lines=(both,)))
    life.says(CancelOrder(cause=CancelReason.CUSTOMER))
    life.waits()
    one = CancelAnswer(line="1", sequence=0, granted=1, reason="one is wrapped as a gift already")
    life.reports(RecordCancelDecision(document="d", lines=(one,)))
    content = PackedContent(line="1", sequence=0, quantity=1)
    package = PackedPackage(number=1, contents=(content,), weight_grams=900)
    life.reports(RecordPack(document="k", packages=(package,)))
    life.worked()


def _changed(life: Life) -> None:
    life.stock("TEAPOT", "north", 1)
    life.stock("CUP", "north", 9)
    life.placed(channel_order("1001", ("TEAPOT", 2, 4000)))
    cups = OrderLine(
        line="", sku="CUP", quantity=2, unit="each", amount=Money(amount=3000, currency="EUR"), ship_group="1"
    )
    wish = ProposeChange(lines=(LineQuantity(line="1", quantity=1),), added=(cups,))
    life.says(wish, "anna")
    life.says(ConfirmChange(change="1"), "anna")
    told = list(life.told)
    life.worked()
    life.told = told


def _sent_back(life: Life) -> None:
    life.stock("TEAPOT", "north", 3)
    life.placed(channel_order("1001", ("TEAPOT", 3, 1000)))
    life.worked()
    life.told.clear()
    life.says(
        RequestReturn(lines=(ReturnWish(line="1", quantity=2, reason=ReturnReason.DID_NOT_FIT),)),
    )
    life.waits()
    [asked] = life.world.of(ReturnRequested)
    life.comes_back(
        asked.return_id,
        RecordReturnReceipt(document="b", location="south", items=(ReturnedItem(sku="TEAPOT", quantity=2),)),
        RecordInspection(
            document="i",
            location="south",
            items=(
                InspectedItem(sku="TEAPOT", quantity=1, disposition=Disposition.RESTOCK),
                InspectedItem(sku="TEAPOT", quantity=1, disposition=Disposition.SCRAP),
            ),
        ),
    )
    life.worked()


def _held(life: Life) -> None:
    life.stock("TEAPOT", "north", 5)
    tenders = [ChannelTender(method=TenderMethod.INVOICE, amount=5998)]
    life.placed(channel_order("1001", ("TEAPOT", 2, 4998), total=5998, tenders=tenders))
    life.waits()
    life.says(ReleaseHold(hold="1"))
    life.says(ReleaseHold(hold="2"))
    life.worked()


def _paid_back(life: Life) -> None:
    life.stock("TEAPOT", "north", 3)
    life.placed(channel_order("1001", ("TEAPOT", 3, 50_000)))
    life.worked()
    one = (RefundUnits(line="1", quantity=1),)
    life.says(GrantRefund(cause=RefundCause.DAMAGED, lines=one, reason="the spout is broken"), "anna")
    life.waits()
    life.says(ApproveRefund(refund="1", approver=RefundApprover.FINANCE), "ben")
    off = Money(amount=1_000, currency="EUR")
    life.says(GrantRefund(cause=RefundCause.APPEASEMENT, amount=off, reason="for the trouble"), "anna")


def _charged_when_due(life: Life) -> None:
    seller = series_stream(TENANT, "acme")
    life.world.tell("payments", seller, DescribeSeller(seller="acme", particulars=SELLER))
    life.stock("TEAPOT", "north", 5)
    on_file = ChannelTender(method=TenderMethod.INVOICE, amount=4998, reference="PO 7", card_on_file="tok_1")
    life.placed(channel_order("1001", ("TEAPOT", 2, 4998), tenders=[on_file]))
    life.worked()
    life.told.clear()
    life.world.wait(timedelta(days=SELLER.payment_days))
    life.charged()
    off = Money(amount=500, currency="EUR")
    life.says(GrantRefund(cause=RefundCause.APPEASEMENT, amount=off, reason="for the trouble"), "anna")
    life.charged()


def _exchanged(life: Life) -> None:
    life.stock("TEAPOT", "north", 2)
    life.stock("TEAPOT-L", "north", 3)
    life.placed(channel_order("1001", ("TEAPOT", 2, 5000)))
    life.worked()
    life.told.clear()
    larger = OrderLine(
        line="", sku="TEAPOT-L", quantity=1, unit="each", amount=Money(amount=3200, currency="EUR"), ship_group="1"
    )
    one = ExchangeWish(line="1", quantity=1, reason=ReturnReason.DID_NOT_FIT)
    life.says(ProposeChange(added=(larger,), returns=(one,), send=ExchangeSend.ON_RECEIPT), "anna")
    life.says(ConfirmChange(change="1"), "anna")
    life.waits()
    [asked] = life.world.of(ReturnRequested)
    life.comes_back(
        asked.return_id,
        RecordReturnReceipt(document="b", location="south", items=(ReturnedItem(sku="TEAPOT", quantity=1),)),
        RecordInspection(
            document="i",
            location="south",
            items=(InspectedItem(sku="TEAPOT", quantity=1, disposition=Disposition.RESTOCK),),
        ),
    )
    life.worked()


def _replaced(life: Life) -> None:
    life.stock("TEAPOT", "north", 3)
    life.placed(channel_order("1001", ("TEAPOT", 2, 4998)))
    life.worked()
    life.told.clear()
    one = (RefundUnits(line="1", quantity=1),)
    wish = GrantRefund(cause=RefundCause.DAMAGED, lines=one, to=RefundTo.REPLACEMENT, reason="the spout is broken")
    life.says(wish, "anna")
    life.waits()
    life.worked()


LIVES = (
    Kind(
        "Shipped whole",
        "Two teapots from the one location that has them. Each handling of the order service does all that follows at "
        "once: the last answer that it waited for is recorded, and the next step asked for, in one transaction.",
        _shipped_whole,
    ),
    Kind(
        "Split over two locations",
        "No location has all three, so the plan has two parts, and from the release on there are two of everything: two "
        "nodes, two shipments, two captures. 10.00 over three units is 3.33, 3.33 and 3.34; each capture takes the share "
        "of the units that left, in the order in which they did, and together they are 10.00.",
        _split,
    ),
    Kind(
        "A backorder that arrives later, sent complete",
        "One of two is there, and the ship group says `complete`. The order is confirmed with a unit `backordered`: all "
        "that is owed is secured, and nothing goes to a node. The receipt serves the claim that waits, in the handling "
        "that books it; that answer reaches the order long after it was asked for, and lets both leave in one parcel.",
        _backordered,
    ),
    Kind(
        "A partial ship group in two parcels",
        "The same, but the group may leave in parts: the unit that is there leaves at once and is paid for, the other "
        "follows as work, shipment and capture of its own. The cent that does not divide goes with the second.",
        _in_two_parcels,
    ),
    Kind(
        "Collected at a counter",
        "South has more, but the customer comes to north. Shipping hears nothing; the goods lie ready with a deadline of "
        "seven days, and are fulfilled when they are handed over the counter.",
        _collected,
    ),
    Kind(
        "Carried out from a till",
        "The goods were gone before the order came: it is placed and fulfilled in one handling. One of the two was in no "
        "book, so inventory posts it as found and asks for a count, and refuses nothing.",
        _carried_out,
    ),
    Kind(
        "A kit",
        "The channel's line 1 is a kit and has no units; lines 1.1 and 1.2, which are ours, have them, with the kit's "
        "price shared 3 to 1. The channel hears of line 1 alone.",
        _kit,
    ),
    Kind(
        "A short pick, sourced again",
        "North finds one of two. Inventory puts what is missing under suspicion, breaks the claim for it and asks for a "
        "count; the order bars north for this line, and finds the other unit in the south. What north has leaves "
        "meanwhile: nobody waits for the rest.",
        _short_pick,
    ),
    Kind(
        "Cancelled before a node accepted it",
        "The work is on the list of the node, so the node is asked, and lets go at once since it has not begun. "
        "Then every step that was requested is taken back, answered or not: claims released, money voided. Nobody waits "
        "for those answers.",
        _cancelled,
    ),
    Kind(
        "Cancelled in part by the node",
        "The node has accepted and picked both, so the cancel is a request with a deadline. It lets go of one, which goes "
        "back on the shelf, and keeps the other with a reason; of that the work goes on as if nothing had been asked. "
        "Captured is what leaves, and the rest of what was secured is given back.",
        _cancelled_in_part,
    ),
    Kind(
        "Changed before all of it left",
        "One of two teapots is there and goes to its node; the other waits. Anna is shown what it comes to when the customer "
        "wants two cups instead of that one: 10.00 more. Confirmed, nothing is changed yet: payments is asked first to "
        "secure the difference. Its answer does the whole change in one handling: the unit that waited is cancelled, a line "
        "comes to the order and is sourced, and the customer and the channel hear what the order is now. How both leave "
        "is left out.",
        _changed,
    ),
    Kind(
        "Sent back",
        "The order was delivered and is complete; what led there is left out. Two of its three teapots do not fit. The "
        "rules approve that at once, and north and south alike may receive them. In the south one can be sold again, the "
        "other is thrown away, for which the rules keep 30 per cent of its 3.33. Nothing more is to come, so the return "
        "is over. The order stays complete: what came back is told by its units.",
        _sent_back,
    ),
    Kind(
        "Held, and released by a person",
        "The channel's total and tender are ten euros higher than the lines, charges and taxes. The order is placed "
        "nevertheless, with the differences shown, and claims nothing. A person accepts both; what the customer agreed "
        "to pay is then what is owed, by an adjustment, and the order goes on in the handling that releases the last hold.",
        _held,
    ),
    Kind(
        "Paid back in part after it was complete",
        "One of three teapots for 500.00 came broken, and need not come back. Its share (the highest unit's, 166.67) is more "
        "than anna may give alone, so nothing is owed until ben, another subject, approves it; then payments give it back, "
        "and the channel and the customer hear of it. The appeasement of 10.00 is for no units, and granted at once.",
        _paid_back,
    ),
    Kind(
        "On account, charged when it is due",
        "The buyer pays later, and left a card with the provider: goods left, the invoice was issued, and the order is complete; "
        "what led there is left out. As the due date begins, the invoice asks the payment to charge what is open of it; the "
        "provider secures the amount and takes it, and the invoice is paid. Of the appeasement that comes later the order "
        "knows what it knows of any: payments credit it on account. The credit note makes the invoice owe less than was paid, "
        "so that much goes back to the card.",
        _charged_when_due,
    ),
    Kind(
        "Exchanged for a larger one",
        "The order was delivered and is complete; what led there is left out. One of two teapots is too small: it is to come "
        "back, and a larger one to go out for it, once it is here. Confirmed, the order goes on, and payments secure the "
        "difference of 7.00 before anything else is done; its answer asks for the return, adds line 2 and claims its goods. "
        "They are kept while the first teapot is on its way. Looked at, it is credited (25.00, owed to the exchange and not "
        "paid out), and line 2 is released in the same handling. What leaves is worth 32.00: the credit pays 25.00 of it, "
        "and no more than 7.00 is taken.",
        _exchanged,
    ),
    Kind(
        "Sent again",
        "The same beginning, but one of two teapots came broken, and the customer gets another instead of money. Nothing has "
        "to come back. The decision reopens the order and adds line 2, which is owed nothing: when it leaves no capture is "
        "needed, no invoice is written, and the order is complete again.",
        _replaced,
    ),
)


# Drawing


def drawn() -> str:
    """The page."""
    return "\n".join([HEAD, *(_life(kind) for kind in LIVES)])


HEAD = """\
# The lives of orders, message by message

One order of each kind, drawn from runs of the deciders of all five services in one process: `make lives` writes this page, and
a test fails when it no longer shows what happens. [architecture.md](architecture.md) explains the machinery, the
[glossary](glossary.md) the words, and the [order service's page](../services/order/README.md) the steps of the sagas.

A row is one message that one stream handled; nothing overtakes anything here, while in earnest answers of different streams
cross. *From* is the service that sent it (an answer is an event, copied to whoever asked), a door, or the worker that sends
notices; *to* is the service, and which of its streams. What is written, is written in one transaction: `=>` an event, `->` a
message to a service. Prices are in euros, all orders are on account, and what `oms order why` would say stands in italics.
"""


def _life(kind: Kind) -> str:
    life = Life()
    kind.play(life)
    return "\n".join([f"## {kind.title}\n", f"{kind.look}\n", *_table(life), f"\n{_end(life)}"])


def _table(life: Life) -> Iterator[str]:
    yield "| # | from | to | message | what is written |"
    yield "|---|---|---|---|---|"
    number = 0
    for each in life.told:
        if isinstance(each, str):
            yield f"| | | | | *{each}* |"
        else:
            number += 1
            yield f"| {number} | {each.sender} | {_whom(life, each)} | {said(each.message)} | {_written(each)} |"


def _whom(life: Life, each: Handled) -> str:
    """The service, and what tells its streams apart."""
    kind = each.stream.partition("/")[0]
    view = life.world.state(each.service, each.stream)
    match kind:
        case "stock_item":
            return f"{each.service} ({each.message.sku})"  # type: ignore[attr-defined]
        case "fulfillment_order":
            return f"{each.service} ({view.asked.location})"
        case "return":
            return f"{each.service} (return)"
        case "shipment":
            return f"{each.service} (from {view.asked.location})"
        case "sscc_series":
            return f"{each.service} (numbers)"
    return each.service


def _written(each: Handled) -> str:
    lines = [f"=> {said(event)}" for event in each.events] + [
        f"-> {said(message)} to {service}" for service, message in each.sent
    ]
    return "<br>".join(lines) or "nothing"


def _end(life: Life) -> str:
    """How it ended: status, money, and where the units of each line are."""
    order = life.order
    lines = []
    for name, line in sorted(order.lines.items()):
        units = ", ".join(f"{count} {bucket}" for bucket in BUCKETS if (count := line_units(line, bucket)))
        lines.append(f"line {name}: {units}")
    captured = Money(amount=order.captured, currency=order.terms.currency).to_decimal()
    refunded = Money(amount=life.refunded, currency=order.terms.currency)
    back = f" and {refunded.to_decimal()} paid back" if refunded.amount else ""
    return f"In the end it is **{status(order)}**, with {captured} {order.terms.currency} captured{back}; {'; '.join(lines)}.\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the page, or say whether it is stale; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation.order_lives", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 when the page is stale")
    page = drawn()
    if not parser.parse_args(arguments).check:
        PAGE.write_text(page, encoding="utf-8")
        return 0
    if PAGE.read_text(encoding="utf-8") == page:
        return 0
    print(f"{PAGE.name} is stale; run `make lives` and read what changed", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
