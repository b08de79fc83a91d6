"""What some orders of a run live through beside the ordinary: one turn an order, by lot among those that it fits.

The table says what an order needs for its turn, and what it changes in the order that the channel sends. What people
do about it stands in `floor.py`, `shelves.py` and `desk.py`; what came of it is counted in `mix.py`, from the topics.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from contracts.channel import ChannelLine, ChannelOrder, ChannelShipGroup, ChannelTender
from contracts.money import TenderMethod
from contracts.order import ShipMethod, ShortagePolicy
from oms.demo.baskets import SHIP_GROUP, STORES_WITH_STOCK, by_card
from oms.demo.people import draw
from oms.demo.values import by_gift_card, by_store_credit

__all__ = ["Candidate", "Part", "Turn", "cast", "counter_of", "other_size", "played"]

ORDERS_A_TURN = 100
"""Of so many orders one takes each turn."""
TURNS_MIN = 3
"""Orders that take each turn, however short the run."""

COUNTER = "counter"

APPEASED_MIN, APPEASED_MAX = 100, 50_000
"""Totals, in minor units, of orders of which a part is given back."""
RETURNED_MIN = 10
"""What a unit that comes back cost at least, in minor units."""
SENT_AGAIN_MAX = 5_000
"""What a unit that is sent again cost at most, in minor units: in each currency the desk may send that alone."""


class Turn(StrEnum):
    """What an order lives through.

    `in_parts`: a line leaves in parts, since most of it comes late. `never_supplied`: a line waits for goods that come
    after the run. `lapsed`: the same, and the customer does not wait that long. `all_or_nothing`: the same, and the customer wants the whole order or none of it. `broken`: everything
    must leave together, one line waits, and of another what is kept for it turns out to be damaged. `split`: no location
    has enough of a line. `short_pick`: a line is not on the shelf where it should lie. `in_cart`: goods were kept for a
    cart before. `two_groups`: a line is collected at a store. `carried_out`: bought at a till. `too_late`: cancelled once
    it is picked. `partly_cancelled`: what is missing of a line is cancelled, the rest is wanted. `appeased`: once all has left,
    a part of the money is given back. `returned`: once it is delivered, a unit comes back. `exchanged`: the same,
    and the article goes out in another size, which costs more. `exchanged_for_less`: in one that costs half. `replaced`: a unit came broken, and is sent again. `declined`: the
    card is refused for good. `soft_declined`: it is refused, and a while later it is not. `unknown`: nobody can tell at first
    whether the card was charged. `gift_card`, `store_credit`: the customer pays by these. `two_tenders`: half by a gift
    card, half by a card. `charged_once`: a line leaves in parts, and what holds the money is used up by the first; `charged_in_parts`: and
    it is not. `rounded`: the channel's total differs. `no_address`: it has none. `sent_twice`, `revised`: it comes again.
    """

    NEVER_SUPPLIED = "never_supplied"
    IN_PARTS = "in_parts"
    LAPSED = "lapsed"
    ALL_OR_NOTHING = "all_or_nothing"
    BROKEN = "broken"
    SPLIT = "split"
    SHORT_PICK = "short_pick"
    IN_CART = "in_cart"
    TWO_GROUPS = "two_groups"
    CARRIED_OUT = "carried_out"
    TOO_LATE = "too_late"
    PARTLY_CANCELLED = "partly_cancelled"
    APPEASED = "appeased"
    RETURNED = "returned"
    EXCHANGED = "exchanged"
    EXCHANGED_FOR_LESS = "exchanged_for_less"
    REPLACED = "replaced"
    DECLINED = "declined"
    SOFT_DECLINED = "soft_declined"
    UNKNOWN = "unknown"
    GIFT_CARD = "gift_card"
    STORE_CREDIT = "store_credit"
    TWO_TENDERS = "two_tenders"
    CHARGED_ONCE = "charged_once"
    CHARGED_IN_PARTS = "charged_in_parts"
    ROUNDED = "rounded"
    NO_ADDRESS = "no_address"
    SENT_TWICE = "sent_twice"
    REVISED = "revised"


EXCHANGES = frozenset({Turn.EXCHANGED, Turn.EXCHANGED_FOR_LESS})
"""Turns in which another size goes out for what comes back."""


@dataclass(frozen=True, slots=True)
class Part:
    """An order's turn, and the SKUs of the lines that it is about: nobody else of the run orders these."""

    turn: Turn
    skus: tuple[str, ...] = ()


class Candidate(NamedTuple):
    """An order that may get a turn, and the location that serves its customer."""

    order: ChannelOrder
    home: str


class _Own(NamedTuple):
    """Lines of articles that nobody else of the run orders, in pieces: all of them, and those of several pieces."""

    all: tuple[ChannelLine, ...]
    several: tuple[ChannelLine, ...]


_Choice = Callable[[Candidate, _Own], tuple[str, ...] | None]
"""The SKUs that a turn of this order would be about; None where the order cannot take the turn."""


def _one_of_several(_: Candidate, own: _Own) -> tuple[str, ...] | None:
    return (own.several[0].sku,) if own.several else None


def _waiting_and_damaged(_: Candidate, own: _Own) -> tuple[str, ...] | None:
    if not own.several:
        return None
    waiting = own.several[0].sku
    return next(((waiting, line.sku) for line in own.all if line.sku != waiting), None)


def _one(_: Candidate, own: _Own) -> tuple[str, ...] | None:
    return (own.all[0].sku,) if own.all else None


def _one_beside_others(candidate: Candidate, own: _Own) -> tuple[str, ...] | None:
    return _one(candidate, own) if len(candidate.order.lines) > 1 else None


def _at_a_till(candidate: Candidate, _: _Own) -> tuple[str, ...] | None:
    in_pieces = all(line.unit == "each" for line in candidate.order.lines)
    return () if in_pieces and candidate.home in STORES_WITH_STOCK.values() else None


def _with_money_to_round(candidate: Candidate, _: _Own) -> tuple[str, ...] | None:
    return () if candidate.order.tenders and candidate.order.tenders[-1].amount > 1 else None


def _one_that_cost_something(_: Candidate, own: _Own) -> tuple[str, ...] | None:
    """So much for each unit that the customer gets something back."""
    return next(((line.sku,) for line in own.all if _paid(line) >= RETURNED_MIN * line.quantity), None)


def _one_that_a_card_pays(candidate: Candidate, own: _Own) -> tuple[str, ...] | None:
    """The customer's card takes the difference, or gets it back. Nothing but the unit's own price is credited: no charge of the order."""
    if candidate.order.charges or len(candidate.order.tenders) > 1 or _by_one_customer(candidate, own) is None:
        return None
    return _one_that_cost_something(candidate, own)


def _one_that_cost_little(_: Candidate, own: _Own) -> tuple[str, ...] | None:
    """Something, and no more than the desk may send again alone."""
    return next(
        ((line.sku,) for line in own.all if RETURNED_MIN <= _paid(line) // line.quantity <= SENT_AGAIN_MAX), None
    )


def _paid(line: ChannelLine) -> int:
    return line.amount + sum(charge.amount for charge in line.charges)


def _by_one_customer(candidate: Candidate, _: _Own) -> tuple[str, ...] | None:
    """Somebody pays, and by more than coupons."""
    tenders = candidate.order.tenders
    return () if tenders and tenders[-1].method is not TenderMethod.COUPON and tenders[-1].amount > 0 else None


def _halves(candidate: Candidate, own: _Own) -> tuple[str, ...] | None:
    """The same, of which two can pay a part."""
    return _by_one_customer(candidate, own) if candidate.order.tenders[-1:] and _last(candidate).amount > 1 else None


def _last(candidate: Candidate) -> ChannelTender:
    return candidate.order.tenders[-1]


def _several_that_cost_something(candidate: Candidate, own: _Own) -> tuple[str, ...] | None:
    """Paid by the customer alone, so that each part that leaves is charged."""
    if len(candidate.order.tenders) > 1 or _by_one_customer(candidate, own) is None:
        return None
    return next(((line.sku,) for line in own.several if _paid(line) >= RETURNED_MIN * line.quantity), None)


def _with_money_to_give_back(candidate: Candidate, _: _Own) -> tuple[str, ...] | None:
    """A tenth of it is a minor unit at least, and no more than the desk may give alone."""
    return () if APPEASED_MIN <= (candidate.order.total or 0) <= APPEASED_MAX else None


def _any(_: Candidate, __: _Own) -> tuple[str, ...] | None:
    return ()


_CHOICES: dict[Turn, _Choice] = {
    Turn.CARRIED_OUT: _at_a_till,
    Turn.BROKEN: _waiting_and_damaged,
    Turn.IN_PARTS: _one_of_several,
    Turn.NEVER_SUPPLIED: _one_of_several,
    Turn.LAPSED: _one_of_several,
    Turn.ALL_OR_NOTHING: _one_of_several,
    Turn.SPLIT: _one_of_several,
    Turn.CHARGED_ONCE: _several_that_cost_something,
    Turn.CHARGED_IN_PARTS: _several_that_cost_something,
    Turn.PARTLY_CANCELLED: _one_of_several,
    Turn.TWO_GROUPS: _one_beside_others,
    Turn.EXCHANGED: _one_that_a_card_pays,
    Turn.EXCHANGED_FOR_LESS: _one_that_a_card_pays,
    Turn.RETURNED: _one_that_cost_something,
    Turn.REPLACED: _one_that_cost_little,
    Turn.SHORT_PICK: _one,
    Turn.IN_CART: _one,
    Turn.ROUNDED: _with_money_to_round,
    Turn.APPEASED: _with_money_to_give_back,
    Turn.DECLINED: _by_one_customer,
    Turn.SOFT_DECLINED: _by_one_customer,
    Turn.UNKNOWN: _by_one_customer,
    Turn.GIFT_CARD: _by_one_customer,
    Turn.STORE_CREDIT: _by_one_customer,
    Turn.TWO_TENDERS: _halves,
    Turn.TOO_LATE: _any,
    Turn.NO_ADDRESS: _any,
    Turn.SENT_TWICE: _any,
    Turn.REVISED: _any,
}
"""What each turn needs; those that few orders can take choose first."""


def cast(candidates: Sequence[Candidate], wanted: Mapping[str, int]) -> dict[str, Part]:
    """Who takes which turn, by the channel's ids; `wanted` is how many lines ask for an article. The same orders give
    the same."""
    parts: dict[str, Part] = {}
    for turn, choice in _CHOICES.items():
        left = max(TURNS_MIN, len(candidates) // ORDERS_A_TURN)
        for each in sorted(candidates, key=lambda each: draw(2**32, turn, each.order.external_id)):
            if not left:
                break
            skus = None if each.order.external_id in parts else choice(each, _own(each.order, wanted))
            if skus is not None:
                parts[each.order.external_id] = Part(turn, skus)
                left -= 1
    return parts


def _own(order: ChannelOrder, wanted: Mapping[str, int]) -> _Own:
    found = tuple(line for line in order.lines if wanted.get(line.sku) == 1 and line.unit == "each")
    return _Own(found, tuple(line for line in found if line.quantity > 1))


def played(candidate: Candidate, part: Part | None) -> ChannelOrder:
    """The order as it is sent for its turn."""
    changes = _CHANGES.get(part.turn) if part else None
    return changes(candidate, part.skus) if changes and part else candidate.order


def _waits(candidate: Candidate, _: Sequence[str]) -> ChannelOrder:
    return candidate.order.model_copy(update={"shortage_policy": ShortagePolicy.BACKORDER})


def _whole_or_not(candidate: Candidate, _: Sequence[str]) -> ChannelOrder:
    return candidate.order.model_copy(update={"shortage_policy": ShortagePolicy.CANCEL_ORDER})


def _together(candidate: Candidate, skus: Sequence[str]) -> ChannelOrder:
    order = _waits(candidate, skus)
    groups = tuple(group.model_copy(update={"complete": True}) for group in order.ship_groups)
    return order.model_copy(update={"ship_groups": groups})


def _collected(candidate: Candidate, skus: Sequence[str]) -> ChannelOrder:
    order = candidate.order
    group = ChannelShipGroup(group=COUNTER, method=ShipMethod.PICKUP, location=counter_of(order))
    lines = tuple(
        line.model_copy(update={"ship_group": COUNTER if line.sku in skus else SHIP_GROUP}) for line in order.lines
    )
    return order.model_copy(update={"lines": lines, "ship_groups": (*order.ship_groups, group)})


def counter_of(order: ChannelOrder) -> str:
    """The store where what is collected lies."""
    stores = sorted(STORES_WITH_STOCK.values())
    return stores[draw(len(stores), "counter", order.external_id)]


def other_size(sku: str) -> str:
    """What an article is called in another size, which nobody orders at first."""
    return f"{sku}-LARGE"


def _carried_out(candidate: Candidate, _: Sequence[str]) -> ChannelOrder:
    group = ChannelShipGroup(group=SHIP_GROUP, method=ShipMethod.CARRY_OUT, location=candidate.home)
    return candidate.order.model_copy(update={"channel": "till", "ship_groups": (group,)})


def _rounded(candidate: Candidate, _: Sequence[str]) -> ChannelOrder:
    """The channel rounded down by a minor unit, and took that."""
    order = candidate.order
    *others, last = order.tenders
    tenders = (*others, last.model_copy(update={"amount": last.amount - 1}))
    return order.model_copy(update={"tenders": tenders, "total": (order.total or 0) - 1})


def _with_card(*tokens: str) -> Callable[[Candidate, Sequence[str]], ChannelOrder]:
    """The last tender is a card that the sandbox treats as one of these tokens says, by lot."""

    def changed(candidate: Candidate, _: Sequence[str]) -> ChannelOrder:
        order = candidate.order
        *others, last = order.tenders
        token = tokens[draw(len(tokens), "card", order.external_id)]
        return order.model_copy(update={"tenders": (*others, by_card(last.amount, token, order.external_id))})

    return changed


def _paid_by(*tenders: ChannelTender, of: Candidate) -> ChannelOrder:
    """These pay what the last tender would."""
    return of.order.model_copy(update={"tenders": (*of.order.tenders[:-1], *tenders)})


def _gift_card(candidate: Candidate, _: Sequence[str]) -> ChannelOrder:
    return _paid_by(by_gift_card(_last(candidate).amount, candidate.order.external_id), of=candidate)


def _store_credit(candidate: Candidate, _: Sequence[str]) -> ChannelOrder:
    return _paid_by(by_store_credit(_last(candidate).amount), of=candidate)


def _two_tenders(candidate: Candidate, _: Sequence[str]) -> ChannelOrder:
    """The gift card is used first."""
    order, whole = candidate.order.external_id, _last(candidate).amount
    card = by_card(whole - whole // 2, "tok_ok", order).model_copy(update={"rank": 2})
    return _paid_by(by_gift_card(whole // 2, order), card, of=candidate)


def _card_of(account: str) -> Callable[[Candidate, Sequence[str]], ChannelOrder]:
    """The customer waits for what is missing, and pays by a card at this account of the sandbox."""

    def changed(candidate: Candidate, skus: Sequence[str]) -> ChannelOrder:
        card = by_card(_last(candidate).amount, "tok_ok", candidate.order.external_id)
        waits = candidate._replace(order=_waits(candidate, skus))
        return _paid_by(card.model_copy(update={"provider": account}), of=waits)

    return changed


def _nowhere(candidate: Candidate, _: Sequence[str]) -> ChannelOrder:
    order = candidate.order
    groups = tuple(group.model_copy(update={"ship_to": None}) for group in order.ship_groups)
    return order.model_copy(update={"ship_groups": groups})


def _first_revision(candidate: Candidate, _: Sequence[str]) -> ChannelOrder:
    return candidate.order.model_copy(update={"revision": 1})


_CHANGES: dict[Turn, Callable[[Candidate, Sequence[str]], ChannelOrder]] = {
    Turn.IN_PARTS: _waits,
    Turn.NEVER_SUPPLIED: _waits,
    Turn.LAPSED: _waits,
    Turn.PARTLY_CANCELLED: _waits,
    Turn.ALL_OR_NOTHING: _whole_or_not,
    Turn.BROKEN: _together,
    Turn.SPLIT: _waits,
    Turn.SHORT_PICK: _waits,
    Turn.IN_CART: _waits,
    Turn.TWO_GROUPS: _collected,
    Turn.CARRIED_OUT: _carried_out,
    Turn.ROUNDED: _rounded,
    Turn.EXCHANGED: _with_card("tok_ok"),
    Turn.EXCHANGED_FOR_LESS: _with_card("tok_ok"),
    Turn.DECLINED: _with_card("tok_decline_expired_card", "tok_decline_stolen_card"),
    Turn.SOFT_DECLINED: _with_card("tok_soft_decline_then_ok"),
    Turn.UNKNOWN: _with_card("tok_timeout_after", "tok_error_after"),
    Turn.GIFT_CARD: _gift_card,
    Turn.STORE_CREDIT: _store_credit,
    Turn.TWO_TENDERS: _two_tenders,
    Turn.CHARGED_ONCE: _card_of("sandbox-single"),
    Turn.CHARGED_IN_PARTS: _card_of("sandbox-incremental"),
    Turn.NO_ADDRESS: _nowhere,
    Turn.REVISED: _first_revision,
}
