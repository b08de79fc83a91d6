"""I-04: an order's money, event by event: what the order says, what payments say, and that both say the same.

Everything about which event moves how much is in this module. Amounts in minor units.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from oms.verify.findings import Findings
from oms.verify.stories import Story, Told

__all__ = ["OrderMoney", "check_money"]


HOLDS = {"ValueHeld": 1, "ValueRedeemed": -1, "ValueReleased": -1}
"""How events of stored value change what is held for an order."""


@dataclass
class OrderMoney:
    """Accounts of an order by its own events. `kept` is what was captured and not granted back; a grant moves it into
    the customer's `credit`, a refund out of there. `owed` and `paid` are of each refund. Of an exchange the credit for
    what comes back pays for what goes out: `set_against` so far, of `exchanged` that was granted for that."""

    secured: int = 0
    fulfilled: int = 0
    captured: int = 0
    not_needed: int = 0
    kept: int = 0
    credit: int = 0
    refunded: int = 0
    as_credit: int = 0
    exchanged: int = 0
    set_against: Counter[str] = field(default_factory=Counter)
    at_once: bool = False
    failed: set[str] = field(default_factory=set)
    owed: Counter[str] = field(default_factory=Counter)
    paid: Counter[str] = field(default_factory=Counter)

    def post(self, event: Told) -> bool:
        """Book an event; whether it moved anything between captured, kept, credit and refunded."""
        value = event.value
        match event.name:
            case "OrderImported":
                self.secured += value.get("authorized", value["captured"])["amount"]
            case "AuthorizationRecorded" | "IncreaseRecorded":
                self.secured += value["amount"]["amount"]
            case "LinesFulfilled":
                self.fulfilled += value["amount"]["amount"]
            case "CaptureNotNeeded":
                self.not_needed += value["amount"]["amount"] - self.set_against[value["fulfillment"]]
            case "ExchangeAgreed":
                self.at_once = self.at_once or value["send"] == "at_once"
            case _:
                return self._moved(event)
        return False

    def _moved(self, event: Told) -> bool:
        value = event.value
        if event.name == "RefundFailed":
            self.failed.add(value["refund"])
        match event.name:
            case "CaptureRecorded":
                self.captured += value["amount"]["amount"]
                self.kept += value["amount"]["amount"]
            case "RefundGranted":
                self._grant(value["refund"], value["amount"]["amount"])
                self.exchanged += value["amount"]["amount"] if value.get("to") == "exchange" else 0
            case "CreditApplied" | "CreditCharged" | "CreditPaidOut":
                self._use(event.name, value)
            case "Refunded":
                amount = value["amount"]["amount"]
                self._grant(value["refund"], amount)
                self._pay(value["refund"], amount)
                self.as_credit += amount if value.get("to") == "store_credit" else 0
            case "RefundFailed" if "taken_back" in value:
                self._take_back(value["refund"], value.get("refunded_part", {"amount": 0})["amount"])
            case "RefundFailed" if "refunded_part" in value:
                self._pay(value["refund"], value["refunded_part"]["amount"])
            case "RefundWithdrawn":
                self._grant(value["refund"], self.paid[value["refund"]])
            case _:
                return False
        return True

    def _grant(self, refund: str, owed: int) -> None:
        more = owed - self.owed[refund]
        self.owed[refund] = owed
        self.kept -= more
        self.credit += more

    def _pay(self, refund: str, paid: int) -> None:
        more = max(0, paid - self.paid[refund])
        self.paid[refund] += more
        self.credit -= more
        self.refunded += more

    def _take_back(self, refund: str, left: int) -> None:
        less = self.paid[refund] - left
        self.paid[refund] = left
        self.credit += less
        self.refunded -= less

    def _use(self, name: str, value: Mapping[str, Any]) -> None:
        """Credit pays for goods, or does so no more; what is paid out is granted again by a refund of its own."""
        used = value["amount"]["amount"] * (-1 if name == "CreditCharged" else 1)
        self.kept += used
        self.credit -= used
        if name != "CreditPaidOut":
            self.set_against[value["fulfillment"]] += used

    @property
    def applied(self) -> int:
        """What credit pays for in place of money."""
        return sum(self.set_against.values())

    @property
    def owed_by_failure(self) -> int:
        """What refunds that failed, and were not paid since, still owe."""
        return sum(self.owed[refund] - self.paid[refund] for refund in self.failed)

    @property
    def balanced(self) -> bool:
        """captured - refunded = kept + credit, and neither of these is below zero, but for the credit while goods of an
        exchange leave before the others come."""
        if self.captured - self.refunded != self.kept + self.credit or self.kept < 0:
            return False
        return self.credit >= 0 or self.at_once


@dataclass
class _PaymentMoney:
    """The same by the payment's events."""

    authorized: int = 0
    captured: int = 0
    refunded: int = 0
    given_back: int = 0
    whole: dict[str, int] = field(default_factory=dict)
    by_fulfillment: Counter[str] = field(default_factory=Counter)


def check_money(story: Story, over: bool, resting: bool, findings: Findings) -> OrderMoney:
    """Both accounts at every prefix; at rest what one says against what the other says."""
    money = OrderMoney()
    for event in story.events["order"]:
        if money.post(event):
            what = f"captured {money.captured}, refunded {money.refunded}, kept {money.kept}, credit {money.credit}"
            findings.expect("I-04 equation", money.balanced, what, event.place)
        if event.name == "CaptureRecorded":
            said = event.value["captured"]["amount"]
            what = f"it says {said} are captured, the events come to {money.captured}"
            findings.expect("I-04 sums", said == money.captured, what, event.place)
    payment = _check_payment(story, findings)
    if resting and story.events["order"]:
        _check_both(story, money, payment, over, findings)
    return money


def _check_payment(story: Story, findings: Findings) -> _PaymentMoney:
    payment, expect = _PaymentMoney(), findings.expect
    for event in story.events["payments"]:
        value = event.value
        match event.name:
            case "PaymentAuthorized":
                payment.authorized += value["amount"]["amount"]
            case "PaymentIncreased" if not value.get("repeated"):
                payment.authorized += value["amount"]["amount"]
            case "PaymentVoided":
                payment.given_back += value.get("amount", {"amount": 0})["amount"]
            case "PaymentCaptured":
                amount = value["amount"]["amount"]
                payment.captured += amount
                payment.by_fulfillment[value["fulfillment"]] += amount
                parts = sum(capture["amount"]["amount"] for capture in value["captures"])
                whole = parts == amount and value["captured"]["amount"] == payment.captured
                expect(
                    "I-04 sums", whole, f"its parts come to {parts}, all captures to {payment.captured}", event.place
                )
                what = f"captured {payment.captured} of {payment.authorized} authorised"
                expect("I-04 authorised", payment.captured <= payment.authorized, what, event.place)
            case "PaymentRefunded":
                payment.refunded += value["amount"]["amount"]
                payment.whole[value["refund"]] = value["amount"]["amount"]
                what = f"it says {value['refunded']['amount']} are refunded, the events come to {payment.refunded}"
                expect("I-04 sums", value["refunded"]["amount"] == payment.refunded, what, event.place)
                what = f"refunded {payment.refunded} of {payment.captured} captured"
                expect("I-04 refunded", payment.refunded <= payment.captured, what, event.place)
            case "RefundReversed":
                payment.refunded -= payment.whole.pop(value["refund"], 0)
                what = f"it says {value['refunded']['amount']} are refunded, the events come to {payment.refunded}"
                expect("I-04 sums", value["refunded"]["amount"] == payment.refunded, what, event.place)
    return payment


def _check_both(story: Story, money: OrderMoney, payment: _PaymentMoney, over: bool, findings: Findings) -> None:
    place, expect = story.last.place, findings.expect
    what = f"captured {money.captured} by the order, {payment.captured} by payments"
    expect("I-04 both", money.captured == payment.captured, what, place)
    back = money.refunded - money.as_credit
    if not money.credit:
        what = f"refunded {back} by the order, {payment.refunded} by payments"
        expect("I-04 both", back == payment.refunded, what, place)
    if over:
        what = f"{money.credit} are owed, {money.owed_by_failure} of that by refunds that failed"
        expect("I-04 owed", money.credit == money.owed_by_failure, what, place)
        _check_invoiced(story, money, findings)
        covered = money.captured + money.applied + money.not_needed
        what = f"fulfilled {money.fulfilled}, captured {money.captured}, by credit {money.applied}, neither {money.not_needed}"
        expect("I-04 worth", money.fulfilled == covered and money.credit >= 0, what, place)
        left = payment.authorized - payment.captured - payment.given_back
        what = f"{left} of {payment.authorized} are neither captured nor given back, and the order is over"
        lapsed = any(story.named("payments", "AuthorizationExpired", "CardAuthorizationLapsed"))
        expect("I-10 secured", left <= 0 or lapsed, what, place)
        _check_holds(story, findings)
        _check_prepaid(story, findings)


def _check_holds(story: Story, findings: Findings) -> None:
    held: Counter[tuple[str, str]] = Counter()
    for event in story.named("payments", *HOLDS):
        value = event.value
        held[value["value"], value["hold"]] += HOLDS[event.name] * value.get("amount", {"amount": 0})["amount"]
    for (ledger, hold), amount in held.items():
        what = f"{amount} of {ledger} are still held as {hold}, and the order is over"
        findings.expect("I-10 secured", amount == 0, what, story.last.place)


def _check_prepaid(story: Story, findings: Findings) -> None:
    """What a card was charged at the order paid for what left, and for an invoice what was open of it, or is asked back:
    what became of that is for the rules of calls to a provider. What the invoice needs less of it later, it says itself."""
    left = 0
    back: dict[str, int] = {}
    for event in story.events["payments"]:
        value = event.value
        match event.name:
            case "CardCaptured" if value.get("prepaid"):
                left += value["amount"]["amount"]
            case "PaymentCaptured":
                left -= sum(part["amount"]["amount"] for part in value["captures"] if part.get("prepaid"))
            case "ChargeMatched":
                left -= value["amount"]["amount"]
            case "InvoiceOverpaid":
                left += value["amount"]["amount"]
            case "CardRefundRequested" if value["call"].get("prepaid"):
                back[value["call"]["key"]] = value["call"]["amount"]["amount"]
            case "CardDeclined":
                back.pop(value["key"], None)
    kept = left - sum(back.values())
    what = f"{kept} of what was charged beside captures are kept for nothing, and the order is over"
    findings.expect("I-10 secured", kept == 0, what, story.last.place)


def _check_invoiced(story: Story, money: OrderMoney, findings: Findings) -> None:
    """Where a seller issues no invoices, or was not described yet, there are none; while one of several waits for its
    number, what they come to is not known yet."""
    drafted = [event for event in story.named("payments", "InvoiceDrafted") if event.value["kind"] == "invoice"]
    invoices = [event.value["gross"]["amount"] for event in story.named("payments", "InvoiceIssued")]
    if invoices and len(invoices) == len(drafted):
        paid = money.captured + money.applied
        what = f"invoiced {sum(invoices)}, captured {money.captured}, by credit {money.applied}"
        findings.expect("I-04 invoiced", sum(invoices) == paid, what, story.last.place)
