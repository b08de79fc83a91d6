"""The exchanges of an order: which lines go out for what comes back, and the account of each. State and `evolve` alone.

A fold of the order's stream that outlives the order. What is still to come back is in the return, what left in
fulfillment_state.py; how the account is kept is in exchange_money.py, what is done about it in exchange_advance.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from chassis.decider import Fold
from chassis.maps import HashTrieMap
from chassis.states import replace
from contracts.message import Event
from contracts.order import (
    CreditApplied,
    CreditCharged,
    CreditPaidOut,
    ExchangeAgreed,
    ExchangeSend,
    IncreaseRequested,
    RefundGranted,
    RefundTo,
    ReturnReckoned,
)

__all__ = ["FOLD", "Exchange", "ExchangesState", "asked_for"]

MORE = "."
"""Between an exchange's change and the number of a wish for more money for it, in the name of that wish."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """An exchange as it was `agreed`, and its account in minor units: `earned` is the credit for what came back, `applied`
    what of it pays for what left, `paid_out` what went to the customer. `charges` counts captures of what did not come
    back after all, `asks` the wishes for more money."""

    agreed: ExchangeAgreed
    earned: int = 0
    applied: int = 0
    paid_out: int = 0
    charges: int = 0
    asks: int = 0

    @property
    def change(self) -> str:
        """The change that it was agreed with, which names it."""
        return self.agreed.change

    @property
    def number(self) -> int:
        """Of its return."""
        return self.agreed.number

    @property
    def lines(self) -> tuple[str, ...]:
        """The lines that go out."""
        return self.agreed.lines

    @property
    def send(self) -> ExchangeSend:
        """When they leave."""
        return self.agreed.send


@dataclass(frozen=True, slots=True)
class ExchangesState:
    """The exchanges by their change; `granted` are credits that no return has reckoned yet, by refund."""

    exchanges: HashTrieMap[str, Exchange] = HashTrieMap()
    granted: HashTrieMap[str, int] = HashTrieMap()


def asked_for(increase: str) -> str:
    """The exchange that money is asked for by this name, if it is of one."""
    return increase.partition(MORE)[0]


def _with(state: ExchangesState, change: str, **more: int) -> ExchangesState:
    each = state.exchanges[change]
    changed = replace(each, **{name: getattr(each, name) + value for name, value in more.items()})
    return replace(state, exchanges=state.exchanges.insert(change, changed))


def _agreed(state: ExchangesState, event: ExchangeAgreed) -> ExchangesState:
    return replace(state, exchanges=state.exchanges.insert(event.change, Exchange(event)))


def _granted(state: ExchangesState, event: RefundGranted) -> ExchangesState:
    if event.to is not RefundTo.EXCHANGE:
        return state
    return replace(state, granted=state.granted.insert(event.refund, event.amount.amount))


def _reckoned(state: ExchangesState, event: ReturnReckoned) -> ExchangesState:
    refund = event.refund or ""
    amount = state.granted.get(refund)
    each = next((each for each in state.exchanges.values() if each.number == event.number), None)
    if amount is None or each is None:
        return state
    return _with(replace(state, granted=state.granted.discard(refund)), each.change, earned=amount)


def _asked(state: ExchangesState, event: IncreaseRequested) -> ExchangesState:
    return _with(state, asked_for(event.change), asks=1) if MORE in event.change else state


_EVOLVERS: Mapping[type[Event], Any] = {
    ExchangeAgreed: _agreed,
    RefundGranted: _granted,
    ReturnReckoned: _reckoned,
    CreditApplied: lambda state, event: _with(state, event.change, applied=event.amount.amount),
    CreditCharged: lambda state, event: _with(state, event.change, applied=-event.amount.amount, charges=1),
    CreditPaidOut: lambda state, event: _with(state, event.change, paid_out=event.amount.amount),
    IncreaseRequested: _asked,
}


def evolve(state: ExchangesState, event: Event) -> ExchangesState:
    """The exchanges after one more event of the order's stream."""
    evolver = _EVOLVERS.get(type(event))
    return state if evolver is None else evolver(state, event)


FOLD = Fold("exchanges", 2, ExchangesState(), evolve)
