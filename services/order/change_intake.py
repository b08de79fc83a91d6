"""From what somebody at a door wishes to change to what the order service is asked: personal data sealed, card numbers
masked. Nothing is refused here."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from chassis.card_numbers import mask_texts
from contracts.channel import (
    CHARGES_MAX,
    LINES_MAX,
    NUMBER_MAX,
    SHIP_GROUPS_MAX,
    TENDERS_MAX,
    ChannelCharge,
    ChannelLine,
    ChannelParty,
    ChannelTender,
    Key,
    Text,
)
from contracts.fulfillment import ReturnReason
from contracts.ids import guest_subject_id
from contracts.message import Value
from contracts.order import (
    ExchangeSend,
    ExchangeWish,
    GroupChange,
    LineQuantity,
    OrderPlaced,
    ProposeChange,
    ReturnTerms,
    ShipMethod,
)
from services.order.intake import Intake, Seal, charges_of, missing_of, naming_ledger, order_line, ship_to_of, tender_of

__all__ = ["NewChange", "propose_change"]

Whole = Annotated[int, Field(ge=0, le=NUMBER_MAX)]


class WantedQuantity(Value):
    """How many units of a line (our id) there are to be; what is added costs `amount` together, in minor units, taxes
    included."""

    line: Key
    quantity: Whole
    amount: Whole | None = None


class WantedWay(Value):
    """How a ship group is to go instead; what is absent stays."""

    group: Key
    ship_to: ChannelParty | None = None
    service_level: Key | None = None
    method: ShipMethod | None = None
    location: Key | None = None
    charges: Annotated[tuple[ChannelCharge, ...], Field(max_length=CHARGES_MAX)] | None = None


class WantedExchange(Value):
    """So many units of a line (our id; of a kit's line whole kits) are to come back, and why. With `sku` as many of that
    article go out for them, at what was paid for these."""

    line: Key
    quantity: Annotated[int, Field(gt=0, le=NUMBER_MAX)]
    reason: ReturnReason = ReturnReason.CHANGED_MIND
    sku: Key | None = None


class NewChange(Value):
    """A change of an order: other quantities of `lines`, lines that are `added` (their `line_id` is yours, and told in
    what you hear of them), other ways of ship `groups`, and `tenders` that pay what more it costs. `returns` are to come back for what is added: an
    exchange, also of a complete order, whose goods leave as `send` says and come back on our label with `label`; `exception` is why you
    let units come back that the rules leave to a person. No name of a person in `detail` or `exception`."""

    lines: Annotated[tuple[WantedQuantity, ...], Field(max_length=LINES_MAX)] = ()
    added: Annotated[tuple[ChannelLine, ...], Field(max_length=LINES_MAX)] = ()
    groups: Annotated[tuple[WantedWay, ...], Field(max_length=SHIP_GROUPS_MAX)] = ()
    tenders: Annotated[tuple[ChannelTender, ...], Field(max_length=TENDERS_MAX)] = ()
    detail: Text | None = None
    returns: Annotated[tuple[WantedExchange, ...], Field(max_length=LINES_MAX)] = ()
    send: ExchangeSend | None = None
    label: bool = False
    exception: Text | None = None


def propose_change(
    wish: NewChange, placed: OrderPlaced, key: str, seal: Seal, terms: ReturnTerms | None
) -> ProposeChange:
    """The request that a wish becomes; `key` tells whoever goods go to now from whoever they went to before, `terms` is
    what the seller says of returns."""
    tenders = (naming_ledger(each, placed.customer, placed.currency, placed.tenant, seal) for each in wish.tenders)
    wish, _ = mask_texts(wish.model_copy(update={"tenders": tuple(tenders)}))
    intake = Intake(placed.channel, None, placed.tenant, placed.order_id, placed.currency, seal)
    first = placed.ship_groups[0].group if placed.ship_groups else ""
    ours = {line.channel_line: line.line for line in reversed(placed.lines) if line.channel_line is not None}
    return ProposeChange(
        lines=tuple(
            LineQuantity(
                line=each.line,
                quantity=each.quantity,
                amount=None if each.amount is None else intake.money(each.amount),
            )
            for each in wish.lines
        ),
        added=tuple(order_line(line, "", line.ship_group or first, ours, intake) for line in wish.added),
        groups=tuple(_way(each, key, intake) for each in wish.groups),
        tenders=tuple(tender_of(tender, intake) for tender in wish.tenders),
        detail=wish.detail,
        returns=tuple(ExchangeWish(**dict(each)) for each in wish.returns) or None,
        send=wish.send,
        label=wish.label or None,
        exception=wish.exception,
        terms=terms,
    )


def _way(wish: WantedWay, key: str, intake: Intake) -> GroupChange:
    subject = guest_subject_id(intake.tenant, intake.order_id, f"ship_to:{wish.group}:{key}")
    return GroupChange(
        group=wish.group,
        ship_to=ship_to_of(wish.ship_to, subject, intake),
        address_missing=missing_of(wish.ship_to) if wish.ship_to is not None else (),
        service_level=wish.service_level,
        method=wish.method,
        location=wish.location,
        charges=None if wish.charges is None else charges_of(wish.charges, intake),
    )
