"""The customers' accounts kept once more, from the topics alone: what was captured, what was granted back, what is back.

I-04: at every prefix of an order, captured - refunded = value kept + the customer's credit. A grant takes value that
was kept into the credit, a refund takes it out of there; credit for goods that come back pays for others that leave.
Neither account may go below zero, but the credit of an exchange whose goods are out both ways.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

from oms.demo.tail import Seen

__all__ = ["Account", "MoneyBooks"]


@dataclass(slots=True)
class Account:
    """An order's accounts, in minor units. `as_credit` of what is refunded went to a customer's store credit. `owed` is what each refund is to bring, `paid` what it has brought."""

    captured: int = 0
    kept: int = 0
    credit: int = 0
    refunded: int = 0
    as_credit: int = 0
    paid_there: int = 0
    exchanged: bool = False
    owed: dict[str, int] = field(default_factory=dict)
    paid: dict[str, int] = field(default_factory=dict)


class MoneyBooks:
    """An account for each order. `wrong` says which events break the equation; `postings` is how many were booked."""

    def __init__(self) -> None:
        self.accounts: dict[str, Account] = defaultdict(Account)
        self.wrong: list[str] = []
        self.postings = 0

    def note(self, event: Seen) -> None:
        """Book an event of an order, and look whether the equation holds after it."""
        if not self._post(self.accounts[event.id], event):
            return
        self.postings += 1
        account = self.accounts[event.id]
        balanced = account.captured - account.refunded == account.kept + account.credit
        if not balanced or account.kept < 0 or (account.credit < 0 and not account.exchanged):
            self.wrong.append(f"{event.id} after {event.name}: {account}")

    def note_payment(self, event: Seen) -> None:
        """Book what payments say of refunds."""
        account, value = self.accounts[event.id], event.value
        if event.name in ("PaymentRefunded", "RefundReversed"):
            account.paid_there = value["refunded"]["amount"]

    def unlike(self) -> list[str]:
        """The orders whose money that is back is not what payments gave back, where nothing is on its way."""
        return [
            f"{order}: {account.refunded - account.as_credit} by the order, {account.paid_there} by payments"
            for order, account in self.accounts.items()
            if not account.credit and account.refunded - account.as_credit != account.paid_there
        ]

    def owing(self) -> list[str]:
        """The orders whose customers are still owed something."""
        return [f"{order}: {account.credit} are owed" for order, account in self.accounts.items() if account.credit]

    def _post(self, account: Account, event: Seen) -> bool:
        """Whether the event moved money between the accounts."""
        value = event.value
        match event.name:
            case "CaptureRecorded":
                account.captured += value["amount"]["amount"]
                account.kept += value["amount"]["amount"]
            case "RefundGranted":
                self._grant(account, value["refund"], value["amount"]["amount"])
            case "Refunded":
                amount = value["amount"]["amount"]
                self._grant(account, value["refund"], amount)
                self._pay(account, value["refund"], amount)
                account.as_credit += amount if value["to"] == "store_credit" else 0
            case "RefundFailed" if "taken_back" in value:
                self._take_back(account, value["refund"], value.get("refunded_part", {"amount": 0})["amount"])
            case "RefundFailed" if "refunded_part" in value:
                self._pay(account, value["refund"], value["refunded_part"]["amount"])
            case "CreditApplied" | "CreditPaidOut":
                self._apply(account, value["amount"]["amount"])
            case "CreditCharged":
                self._apply(account, -value["amount"]["amount"])
            case "RefundWithdrawn":
                self._grant(account, value["refund"], account.paid.get(value["refund"], 0))
            case _:
                return False
        return True

    @staticmethod
    def _apply(account: Account, amount: int) -> None:
        """Credit pays for what left, which is kept at its worth then."""
        account.kept += amount
        account.credit -= amount
        account.exchanged = True

    @staticmethod
    def _grant(account: Account, refund: str, owed: int) -> None:
        more = owed - account.owed.get(refund, 0)
        account.owed[refund] = owed
        account.kept -= more
        account.credit += more

    @staticmethod
    def _pay(account: Account, refund: str, paid: int) -> None:
        more = max(0, paid - account.paid.get(refund, 0))
        account.paid[refund] = account.paid.get(refund, 0) + more
        account.credit -= more
        account.refunded += more

    @staticmethod
    def _take_back(account: Account, refund: str, left: int) -> None:
        less = account.paid.get(refund, 0) - left
        account.paid[refund] = left
        account.credit += less
        account.refunded -= less
