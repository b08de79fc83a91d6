"""From what a channel published to what the order service is asked: plain personal data in, sealed data out.

Pure, given a `seal`; for doors. Nothing is refused here: what does not add up is found by the decider.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from hashlib import sha256

from chassis.card_numbers import mask_texts
from contracts.address import Area, ShipTo
from contracts.canonical import canonical_json
from contracts.channel import (
    ChannelCancel,
    ChannelCharge,
    ChannelCustomer,
    ChannelLine,
    ChannelOrder,
    ChannelParty,
    ChannelReference,
    ChannelShipGroup,
    ChannelTax,
    ChannelTender,
    OpenOrder,
)
from contracts.ids import aggregate_id, guest_subject_id, subject_id
from contracts.money import Charge, Money, Quantity, TaxLine, Tender, TenderMethod
from contracts.order import (
    CancelByChannel,
    ChannelUnits,
    Customer,
    ImportOrder,
    LineProgress,
    OrderLine,
    OrderTerms,
    PlaceOrder,
    Reference,
    RelatesTo,
    ShipGroup,
)
from contracts.payments.gift_codes import gift_card_id, store_credit_id
from contracts.personal import Personal, PersonalContent
from services.order.checks import CURRENCIES

__all__ = [
    "NO_CURRENCY",
    "Intake",
    "Seal",
    "cancel_by_channel",
    "charges_of",
    "fingerprint",
    "import_order",
    "missing_of",
    "naming_ledger",
    "order_id",
    "order_line",
    "place_order",
    "ship_to_of",
    "tender_of",
]

_WORD = re.compile(r"[^\W\d_]+")

Seal = Callable[[str, PersonalContent], Personal]
"""Seals what belongs to a subject (its id), under that subject's key."""

NO_CURRENCY = "XXX"
"""ISO 4217's code for no currency: stands where the channel's is no code at all."""

NO_COUNTRY = "ZZ"
"""Stands for an unknown country, as in the CLDR."""

POSTCODE_PREFIX = 3
"""Characters of a postcode that stay readable: enough to tell regions apart, too few to find a house."""

DEFAULT_GROUP = "1"


@dataclass(frozen=True, slots=True)
class Intake:
    """What every part of one order is made with."""

    channel: str
    customer: ChannelCustomer | None
    tenant: str
    order_id: str
    currency: str
    seal: Seal

    def money(self, amount: int) -> Money:
        return Money(amount=amount, currency=self.currency)

    def buyer_subject(self) -> str:
        if self.customer is None:
            return guest_subject_id(self.tenant, self.order_id, "buyer")
        return subject_id(self.tenant, self.customer.issuer, self.customer.id)

    def recipient_subject(self, number: int) -> str:
        """A recipient is a person of their own, whom forgetting the buyer must not blank."""
        return guest_subject_id(self.tenant, self.order_id, f"ship_to:{number}")

    def collector_subject(self, number: int) -> str:
        """So is who collects."""
        return guest_subject_id(self.tenant, self.order_id, f"pickup_person:{number}")


def order_id(tenant: str, channel_account: str, external_id: str) -> str:
    """The id of an order, from its natural key."""
    return aggregate_id(tenant, "order", channel_account, external_id)


def place_order(order: ChannelOrder, tenant: str, seal: Seal) -> PlaceOrder:
    """The request that an order of a channel becomes, with card numbers masked, personal data sealed and its fingerprint
    taken."""
    order, masked = mask_texts(_by_ledger(order, tenant, seal))
    code = order.currency.strip().upper()
    known = len(code) == 3 and code.isascii() and code.isalpha()
    identifier = order_id(tenant, order.channel_account, order.external_id)
    currency = code if known else NO_CURRENCY
    intake = Intake(order.channel, order.customer, tenant, identifier, currency, seal)
    groups = order.ship_groups or (ChannelShipGroup(group=DEFAULT_GROUP),)
    request = PlaceOrder(
        seller=order.seller,
        brand=order.brand,
        channel=order.channel,
        channel_account=order.channel_account,
        external_id=order.external_id,
        channel_number=order.number,
        revision=order.revision,
        fingerprint="",
        customer=Customer(issuer=order.customer.issuer, id=order.customer.id) if order.customer else None,
        buyer=_sealed(order.buyer, intake.buyer_subject(), intake) if order.buyer else None,
        bill_to=ship_to_of(order.bill_to, guest_subject_id(tenant, intake.order_id, "bill_to"), intake),
        locale=order.locale,
        currency=intake.currency,
        stated_currency=None if known else order.currency,
        stated_total=None if order.total is None else intake.money(order.total),
        lines=_lines(order, groups[0].group, intake),
        ship_groups=tuple(_group(group, number, intake) for number, group in enumerate(groups, start=1)),
        charges=charges_of(order.charges, intake),
        tenders=tuple(tender_of(tender, intake) for tender in order.tenders),
        shortage=order.shortage_policy,
        priority=order.priority,
        requested=order.requested,
        promised=order.promised,
        ship_not_before=order.ship_not_before,
        cancel_after=order.cancel_after,
        placed_at=order.placed_at,
        notes=_note(order.notes, intake),
        references=_references(order.references),
        masked=masked,
    )
    # The fingerprint is of what was sent: another currency is another body, also where both are masked alike.
    kept = {"fingerprint": fingerprint(request), "stated_currency": None if known else _nameless(order.currency)}
    return request.model_copy(update=kept)


def _nameless(currency: str) -> str:
    """A currency as a channel wrote it, to be kept in the clear: an `x` for each letter of a word that is no code of ISO
    4217, since somebody's name may have been typed there."""
    return _WORD.sub(lambda word: word[0] if word[0].upper() in CURRENCIES else "x" * len(word[0]), currency)


def cancel_by_channel(cancel: ChannelCancel) -> CancelByChannel:
    """The request that a cancel of a channel becomes."""
    lines = (ChannelUnits(channel_line=line.line_id, quantity=line.quantity) for line in cancel.lines)
    return CancelByChannel(cancel=cancel.cancel, cause=cancel.cause, lines=tuple(lines))


def _by_ledger(order: ChannelOrder, tenant: str, seal: Seal) -> ChannelOrder:
    currency = order.currency.strip().upper()
    tenders = tuple(naming_ledger(tender, order.customer, currency, tenant, seal) for tender in order.tenders)
    return order.model_copy(update={"tenders": tenders})


def naming_ledger(
    tender: ChannelTender, customer: ChannelCustomer | Customer | None, currency: str, tenant: str, seal: Seal
) -> ChannelTender:
    """A tender of stored value naming its ledger: a gift card's code is money, and goes no further."""
    ledger = tender.reference
    if tender.method is TenderMethod.GIFT_CARD and ledger is not None:
        ledger = gift_card_id(tenant, seal, ledger)
    if tender.method is TenderMethod.STORE_CREDIT:
        ledger = None if customer is None else store_credit_id(tenant, customer.issuer, customer.id, currency)
    return tender.model_copy(update={"reference": ledger})


def import_order(order: ChannelOrder, state: OpenOrder, tenant: str, seal: Seal) -> ImportOrder:
    """The request to take over an order from another system: as a channel's, with what became of it there."""
    placed = place_order(order, tenant, seal)
    return ImportOrder(
        **{name: getattr(placed, name) for name in OrderTerms.model_fields},
        system=state.system,
        progress=tuple(
            # By place, since both were read from one body: a channel may give two lines one id.
            LineProgress(line=ours.line, fulfilled=line.fulfilled, cancelled=line.cancelled)
            for ours, line in zip(placed.lines, state.lines, strict=True)
            if line.fulfilled or line.cancelled
        ),
        captured=Money(amount=state.captured, currency=placed.currency),
        authorized=None if state.authorized is None else Money(amount=state.authorized, currency=placed.currency),
    )


def fingerprint(request: PlaceOrder) -> str:
    """SHA-256 (hex) of the commercial fields: lines, quantities, amounts, addresses and dates. What only describes
    (names of goods, references, notes, the revision itself) is left out."""
    lines = {"description", "references", "unit_price", "price_basis"}
    groups = {"references", "instructions", "gift_message"}
    chosen = request.model_dump(
        mode="json",
        exclude_none=True,
        include={
            "seller",
            "customer",
            "bill_to",
            "currency",
            "stated_currency",
            "stated_total",
            "lines",
            "ship_groups",
            "charges_of",
            "tenders",
            "shortage",
            "requested",
            "promised",
            "ship_not_before",
            "cancel_after",
            "placed_at",
        },
        exclude={"lines": {"__all__": lines}, "ship_groups": {"__all__": groups}},
    )
    return sha256(canonical_json(chosen)).hexdigest()


def _lines(order: ChannelOrder, first_group: str, intake: Intake) -> tuple[OrderLine, ...]:
    """Our line ids count from 1, in the channel's order; a parent that is not there is left out."""
    ours = {line.line_id: str(number) for number, line in reversed(list(enumerate(order.lines, start=1)))}
    return tuple(
        order_line(line, str(number), line.ship_group or first_group, ours, intake)
        for number, line in enumerate(order.lines, start=1)
    )


def order_line(line: ChannelLine, name: str, group: str, ours: dict[str, str], intake: Intake) -> OrderLine:
    """A channel's line as ours, named `name`; `ours` are our names of the channel's lines, for what it relates to."""
    related = None
    if line.relation is not None and line.parent in ours:
        related = RelatesTo(kind=line.relation, line=ours[line.parent], quantity_per=line.quantity_per_parent)
    ordered = None
    if line.ordered_quantity is not None and line.ordered_unit is not None:
        ordered = Quantity(amount=line.ordered_quantity, unit=line.ordered_unit)
    return OrderLine(
        line=name,
        channel_line=line.line_id,
        sku=line.sku,
        description=line.description,
        quantity=line.quantity,
        unit=line.unit,
        ordered=ordered,
        unit_price=line.unit_price,
        price_basis=line.price_basis,
        amount=intake.money(line.amount),
        tax_included=line.tax_included,
        taxes=_taxes(line.taxes, intake),
        charges=charges_of(line.charges, intake),
        ship_group=group,
        shortage=line.shortage_policy,
        requested=line.requested,
        promised=line.promised,
        ship_not_before=line.ship_not_before,
        cancel_after=line.cancel_after,
        relates_to=related,
        final_sale=line.final_sale,
        return_policy=line.return_policy,
        references=_references(line.references),
    )


def _group(group: ChannelShipGroup, number: int, intake: Intake) -> ShipGroup:
    subject, collector = intake.recipient_subject(number), group.pickup_person
    return ShipGroup(
        group=group.group,
        method=group.method,
        location=group.location,
        pickup_person=_sealed(collector, intake.collector_subject(number), intake) if collector else None,
        ship_to=ship_to_of(group.ship_to, subject, intake),
        address_missing=missing_of(group.ship_to),
        service_level=group.service_level,
        requested=group.requested,
        complete=group.complete,
        charges=charges_of(group.charges, intake),
        instructions=intake.seal(subject, PersonalContent(notes=group.instructions)) if group.instructions else None,
        gift_message=(
            intake.seal(subject, PersonalContent(gift_message=group.gift_message)) if group.gift_message else None
        ),
        references=_references(group.references),
    )


def missing_of(party: ChannelParty | None) -> tuple[str, ...]:
    """What a label cannot do without, by the channel's names."""
    if party is None:
        return ("address",)
    needed = {
        "name": party.name or party.company,
        "address_lines": "".join(party.address_lines).strip(),
        "city": party.city,
        "country": party.country,
    }
    return tuple(name for name, value in needed.items() if not value)


def ship_to_of(party: ChannelParty | None, subject: str, intake: Intake) -> ShipTo | None:
    if party is None:
        return None
    prefix = party.postcode.replace(" ", "").upper()[:POSTCODE_PREFIX] if party.postcode else None
    country = (party.country or NO_COUNTRY).strip().upper()
    area = Area(country=country, region=party.region, postcode_prefix=prefix or None)
    return ShipTo(area=area, personal=_sealed(party, subject, intake))


def _sealed(party: ChannelParty, subject: str, intake: Intake) -> Personal:
    content = PersonalContent(
        name=party.name,
        company=party.company,
        address_lines=party.address_lines or None,
        city=party.city,
        postcode=party.postcode,
        email=party.email,
        phone=party.phone,
    )
    return intake.seal(subject, content)


def _note(text: str | None, intake: Intake) -> Personal | None:
    return intake.seal(intake.buyer_subject(), PersonalContent(notes=text)) if text else None


def tender_of(tender: ChannelTender, intake: Intake) -> Tender:
    """A channel's tender as ours, its amount in minor units."""
    return Tender(
        method=tender.method,
        amount=intake.money(tender.amount),
        rank=tender.rank,
        capture=tender.capture,
        reference=tender.reference,
        external_state=tender.state,
        expires_at=tender.expires_at,
        refunds_by=tender.refunds_by,
        provider=tender.provider,
        card_on_file=tender.card_on_file,
    )


def charges_of(charges: Iterable[ChannelCharge], intake: Intake) -> tuple[Charge, ...]:
    """A channel's charges as ours, with their taxes, in minor units."""
    return tuple(
        Charge(
            kind=charge.kind,
            amount=intake.money(charge.amount),
            tax_included=charge.tax_included,
            taxes=_taxes(charge.taxes, intake),
            funded_by=charge.funded_by,
            refund_rule=charge.refund_rule,
            code=charge.code,
        )
        for charge in charges
    )


def _taxes(taxes: Iterable[ChannelTax], intake: Intake) -> tuple[TaxLine, ...]:
    return tuple(
        TaxLine(
            jurisdiction=tax.jurisdiction,
            rate=tax.rate,
            base=intake.money(tax.base),
            amount=intake.money(tax.amount),
            computed_by=tax.computed_by or intake.channel,
            remitted_by=tax.remitted_by,
        )
        for tax in taxes
    )


def _references(references: Iterable[ChannelReference]) -> tuple[Reference, ...]:
    return tuple(Reference(system=one.system, type=one.type, id=one.id) for one in references)
