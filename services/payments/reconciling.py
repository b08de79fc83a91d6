"""A provider's books against our events, both ways: every difference with its cause and the next step.

Entries and calls meet by the key of the call; where the provider does not tell it, by its name of the thing and the
amount. A day there and a day here may differ by the moments around midnight, so what is compared of one side's day is
looked for in the other's neighbouring days too.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum

from contracts.money import Money
from services.payments.provider_ledger import Entry, EntryKind, Payout

__all__ = ["CAUSES", "Cause", "Difference", "OurCall", "Stage", "compare", "compare_settled"]


class Stage(StrEnum):
    """Where one of our calls stands by our events: nobody knows yet, it happened, the provider refused it, or it was
    given up; of an authorisation also that it was given back."""

    OPEN = "open"
    DONE = "done"
    DECLINED = "declined"
    GIVEN_BACK = "given_back"


@dataclass(frozen=True, slots=True)
class OurCall:
    """A call as our events tell it. `ended` is the day (UTC) of its outcome; `settled` and `fee` what the provider told
    with it; `disputed` and `won` the days on which its dispute was opened, and won; `taken_back` that on which a refund
    was."""

    kind: EntryKind
    key: str
    order_id: str
    amount: Money
    stage: Stage
    asked: date
    ended: date | None = None
    reference: str | None = None
    settled: Money | None = None
    fee: Money | None = None
    disputed: date | None = None
    won: date | None = None
    taken_back: date | None = None


class Cause(StrEnum):
    """What is wrong. The meaning and the next step of each: CAUSES."""

    UNKNOWN_HERE = "unknown_here"
    OPEN_HERE = "open_here"
    REFUSED_HERE = "refused_here"
    TWICE_THERE = "twice_there"
    MISSING_THERE = "missing_there"
    OTHER_AMOUNT = "other_amount"
    OTHER_REFERENCE = "other_reference"
    HELD_FOR_NOTHING = "held_for_nothing"
    DISPUTE_UNKNOWN_HERE = "dispute_unknown_here"
    DISPUTE_MISSING_THERE = "dispute_missing_there"
    TAKEN_BACK_UNKNOWN_HERE = "taken_back_unknown_here"
    TAKEN_BACK_MISSING_THERE = "taken_back_missing_there"
    OTHER_SETTLED = "other_settled"
    OTHER_FEE = "other_fee"
    PAYOUT_DIFFERS = "payout_differs"
    OTHER_MOVEMENT = "other_movement"


CAUSES: dict[Cause, tuple[str, str]] = {
    Cause.UNKNOWN_HERE: (
        "the provider did what we never asked for: the key was used elsewhere, or somebody worked at the provider's site",
        "find out there who did it; give the money back there, or enter it by hand",
    ),
    Cause.OPEN_HERE: (
        "the provider did it, and neither its answer nor its notice has reached us",
        "wait for the next question to the provider, or say that it happened: oms payment resolve",
    ),
    Cause.REFUSED_HERE: (
        "the provider did it, and our events say that it refused or that we gave it up",
        "give the money back at the provider; look at its notices of that call",
    ),
    Cause.TWICE_THERE: (
        "the provider did the same call twice: it had forgotten the key, or ignored it",
        "give one of them back at the provider",
    ),
    Cause.MISSING_THERE: (
        "our events say that it happened, and the provider's books have nothing of it",
        "ask the provider by the reference; if it did not happen, the money is owed",
    ),
    Cause.OTHER_AMOUNT: (
        "amount or currency differ",
        "compare both with the provider's page of it and correct the rest",
    ),
    Cause.OTHER_REFERENCE: (
        "the provider calls it otherwise than it told us",
        "look at both references there: one of them may be a second charge",
    ),
    Cause.HELD_FOR_NOTHING: (
        "the provider still holds money that we gave back or never knew of",
        "give it back at the provider, or wait until it lapses",
    ),
    Cause.DISPUTE_UNKNOWN_HERE: (
        "the payer disputed a charge, or the bank decided, and its notice has not reached us",
        "let the provider send the notice again; answer the dispute in time",
    ),
    Cause.DISPUTE_MISSING_THERE: (
        "our events tell of a dispute that is not in the provider's books",
        "look at the provider's page of the charge",
    ),
    Cause.TAKEN_BACK_UNKNOWN_HERE: (
        "a refund failed after it was done, and its notice has not reached us: the customer is owed the money",
        "let the provider send the notice again; then have the refund tried again",
    ),
    Cause.TAKEN_BACK_MISSING_THERE: (
        "our events tell of a refund that was taken back, and the provider's books have nothing of it",
        "look at the provider's page of the refund before it is tried again",
    ),
    Cause.OTHER_SETTLED: (
        "what reaches the account is not what was told with the charge: another rate, or another day's",
        "take the file's amount; ask the provider when the rate is not that of its source",
    ),
    Cause.OTHER_FEE: ("the fee is not the one told with the charge", "compare it with the provider's price list"),
    Cause.PAYOUT_DIFFERS: (
        "what was paid out is not the sum of the entries less fees",
        "ask the provider for what it withheld",
    ),
    Cause.OTHER_MOVEMENT: (
        "the provider moved money that belongs to no call of ours, such as a fee or a correction",
        "book it by hand with the provider's document",
    ),
}
"""What has most likely happened, and what to do next."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One that was found, with what each side says; `order_id`, `key` and `reference` as far as they are known."""

    cause: Cause
    there: str
    here: str
    order_id: str | None = None
    key: str | None = None
    reference: str | None = None

    @property
    def meaning(self) -> str:
        """What has most likely happened."""
        return CAUSES[self.cause][0]

    @property
    def next_step(self) -> str:
        """What to do about it."""
        return CAUSES[self.cause][1]


MOVES = frozenset({EntryKind.CHARGE, EntryKind.REFUND})
DISPUTES = frozenset({EntryKind.DISPUTE, EntryKind.DISPUTE_WON})
LATER = {
    EntryKind.DISPUTE: EntryKind.CHARGE,
    EntryKind.DISPUTE_WON: EntryKind.CHARGE,
    EntryKind.REFUND_TAKEN_BACK: EntryKind.REFUND,
}
"""What comes of a call later, and what that made."""


@dataclass
class _Index:
    """Our calls by key and by what the provider calls them."""

    calls: Sequence[OurCall]
    by_key: dict[tuple[EntryKind, str], OurCall] = field(default_factory=dict)
    by_reference: dict[tuple[EntryKind, str], list[OurCall]] = field(default_factory=lambda: defaultdict(list))

    def __post_init__(self) -> None:
        for call in self.calls:
            self.by_key[call.kind, call.key] = call
            if call.reference is not None:
                self.by_reference[call.kind, call.reference].append(call)

    def of(self, entry: Entry, kind: EntryKind | None = None) -> OurCall | None:
        """The call that an entry is of."""
        wanted = kind or entry.kind
        if entry.key is not None and (found := self.by_key.get((wanted, entry.key))):
            return found
        named = self.by_reference.get((wanted, entry.reference), [])
        return next((call for call in named if call.amount == entry.amount), named[0] if named else None)


def compare(day: date, calls: Sequence[OurCall], entries: Iterable[Entry]) -> list[Difference]:
    """The differences of a day. `calls` are all that our events tell of this provider, `entries` those of the day and
    of its neighbours there."""
    index, rows = _Index(calls), list(entries)
    found = [difference for entry in rows if entry.day == day for difference in _there(entry, index)]
    found += _twice(day, rows)
    seen = {(call.kind, call.key) for entry in rows if (call := index.of(entry)) is not None}
    later = {
        (entry.kind, call.key)
        for entry in rows
        if entry.kind in LATER and (call := index.of(entry, LATER[entry.kind])) is not None
    }
    return [*found, *_here(day, calls, seen, later)]


def _there(entry: Entry, index: _Index) -> Iterator[Difference]:
    """What is wrong with an entry of theirs, seen from our events."""
    if entry.kind is EntryKind.OTHER:
        yield _difference(Cause.OTHER_MOVEMENT, entry, None)
    elif entry.kind in DISPUTES:
        call = index.of(entry, EntryKind.CHARGE)
        told = None if call is None else call.disputed if entry.kind is EntryKind.DISPUTE else call.won
        if told is None:
            yield _difference(Cause.DISPUTE_UNKNOWN_HERE, entry, call)
    elif entry.kind is EntryKind.REFUND_TAKEN_BACK:
        call = index.of(entry, EntryKind.REFUND)
        if call is None or call.taken_back is None:
            yield _difference(Cause.TAKEN_BACK_UNKNOWN_HERE, entry, call)
    elif entry.kind is EntryKind.AUTHORIZATION:
        call = index.of(entry)
        if entry.held and (call is None or call.stage in (Stage.DECLINED, Stage.GIVEN_BACK)):
            yield _difference(Cause.HELD_FOR_NOTHING, entry, call)
        elif entry.held and call is not None and call.stage is Stage.OPEN:
            yield _difference(Cause.OPEN_HERE, entry, call)
    else:
        yield from _moved(entry, index.of(entry))


def _moved(entry: Entry, call: OurCall | None) -> Iterator[Difference]:
    if call is None:
        yield _difference(Cause.UNKNOWN_HERE, entry, None)
        return
    if call.stage is Stage.OPEN:
        yield _difference(Cause.OPEN_HERE, entry, call)
        return
    if call.stage is not Stage.DONE:
        yield _difference(Cause.REFUSED_HERE, entry, call)
        return
    if call.amount != entry.amount:
        yield _difference(Cause.OTHER_AMOUNT, entry, call)
    if call.reference is not None and call.reference != entry.reference:
        yield _difference(Cause.OTHER_REFERENCE, entry, call)


def _twice(day: date, rows: Sequence[Entry]) -> Iterator[Difference]:
    counts = Counter((entry.kind, entry.key) for entry in rows if entry.kind in MOVES and entry.key)
    for (kind, key), count in counts.items():
        same = [entry for entry in rows if (entry.kind, entry.key) == (kind, key)]
        if count > 1 and any(entry.day == day for entry in same):
            there = ", ".join(_said(entry) for entry in same)
            yield Difference(Cause.TWICE_THERE, there, "asked for once", same[0].order_id, key, same[-1].reference)


def _here(
    day: date, calls: Sequence[OurCall], seen: set[tuple[EntryKind, str]], later: set[tuple[EntryKind, str]]
) -> Iterator[Difference]:
    """What our events of the day say and their books do not."""
    for call in calls:
        if call.kind in MOVES and call.stage is Stage.DONE and call.ended == day and (call.kind, call.key) not in seen:
            yield _missing(Cause.MISSING_THERE, call)
        for told, kind, cause in (
            (call.disputed, EntryKind.DISPUTE, Cause.DISPUTE_MISSING_THERE),
            (call.won, EntryKind.DISPUTE_WON, Cause.DISPUTE_MISSING_THERE),
            (call.taken_back, EntryKind.REFUND_TAKEN_BACK, Cause.TAKEN_BACK_MISSING_THERE),
        ):
            if told == day and (kind, call.key) not in later:
                yield _missing(cause, call)


def compare_settled(calls: Sequence[OurCall], entries: Sequence[Entry], payouts: Sequence[Payout]) -> list[Difference]:
    """What a settlement file tells besides: amounts in the account's currency, fees, and what was paid out."""
    index, found = _Index(calls), []
    for entry in entries:
        call = index.of(entry)
        if entry.kind is not EntryKind.CHARGE or call is None or call.settled is None:
            continue
        if entry.settled is not None and entry.settled != call.settled:
            found.append(_settled(Cause.OTHER_SETTLED, entry, call, entry.settled, call.settled))
        if entry.fee is not None and call.fee is not None and entry.fee != call.fee:
            found.append(_settled(Cause.OTHER_FEE, entry, call, entry.fee, call.fee))
    return [*found, *_paid_out(entries, payouts)]


def _paid_out(entries: Sequence[Entry], payouts: Sequence[Payout]) -> Iterator[Difference]:
    earned: Counter[str] = Counter()
    for entry in entries:
        if entry.settled is not None:
            fee = entry.fee.amount if entry.fee is not None else 0
            earned[entry.settled.currency] += entry.settled.amount - fee
    paid: Counter[str] = Counter()
    for payout in payouts:
        paid[payout.amount.currency] += payout.amount.amount
    for currency in sorted({*earned, *paid}) if payouts else []:
        if earned[currency] != paid[currency]:
            there = Money(amount=paid[currency], currency=currency)
            here = Money(amount=earned[currency], currency=currency)
            names = ", ".join(payout.reference for payout in payouts if payout.amount.currency == currency)
            said, sums = f"paid out {_text(there)}", f"entries less fees {_text(here)}"
            yield Difference(Cause.PAYOUT_DIFFERS, said, sums, reference=names or None)


# In words


def _difference(cause: Cause, entry: Entry, call: OurCall | None) -> Difference:
    order = entry.order_id or (call.order_id if call is not None else None)
    return Difference(cause, _said(entry), _known(call), order, entry.key, entry.reference)


def _missing(cause: Cause, call: OurCall) -> Difference:
    return Difference(cause, "nothing", _known(call), call.order_id, call.key, call.reference)


def _settled(cause: Cause, entry: Entry, call: OurCall, there: Money, here: Money) -> Difference:
    return Difference(cause, _text(there), f"told: {_text(here)}", call.order_id, call.key, entry.reference)


def _said(entry: Entry) -> str:
    return f"{entry.kind.value.replace('_', ' ')} of {_text(entry.amount)} on {entry.day} as {entry.reference}"


def _known(call: OurCall | None) -> str:
    if call is None:
        return "nothing"
    named = f" as {call.reference}" if call.reference else ""
    return f"{call.kind.value} of {_text(call.amount)}, {call.stage.value.replace('_', ' ')}{named}"


def _text(money: Money) -> str:
    return f"{money.to_decimal()} {money.currency}"
