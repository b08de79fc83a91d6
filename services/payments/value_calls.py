"""What was asked of ledgers of stored value for a payment, and the holds that came of it.

State and evolve of a part of the payment; what is asked when is in value_asking.py, what answers lead to in
value_answers.py.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from chassis.maps import HashTrieMap
from chassis.states import replace
from contracts.message import Event
from contracts.payments import CallStep, StoredValueDeclined, StoredValueMoved, StoredValueRequested, ValuePart

__all__ = ["Standing", "ValueCall", "ValueHold", "Values", "call_key", "evolve", "give_up"]


class Standing(StrEnum):
    """Where a request stands: asked; done; declined; a hold that nobody waits for, as it is being released."""

    ASKED = "asked"
    DONE = "done"
    DECLINED = "declined"
    LET_GO = "let_go"


@dataclass(frozen=True, slots=True)
class ValueCall:
    """A request to a ledger."""

    asked: ValuePart
    standing: Standing = Standing.ASKED

    @property
    def open(self) -> bool:
        """Its answer is waited for."""
        return self.standing is Standing.ASKED


@dataclass(frozen=True, slots=True)
class ValueHold:
    """A hold, held already or only asked for; `left` of it nobody asked to spend (minor units). `unwanted` ones are
    released."""

    asked: ValuePart
    left: int
    unwanted: bool = False


@dataclass(frozen=True, slots=True)
class Values:
    """`calls` by `call_key`, `holds` by the id of the authorisation."""

    calls: HashTrieMap[str, ValueCall] = field(default_factory=HashTrieMap)
    holds: HashTrieMap[str, ValueHold] = field(default_factory=HashTrieMap)

    def call(self, step: CallStep, about: str) -> ValueCall | None:
        """The request of a step for a hold or a part."""
        return self.calls.get(call_key(step, about))

    def wants(self, step: CallStep, about: str) -> bool:
        """Whether a ledger has still to be asked: it never was, or refused, and it is wanted once more."""
        known = self.call(step, about)
        return known is None or known.standing is Standing.DECLINED

    def usable(self, tender: int) -> list[ValueHold]:
        """The holds of a tender that have something left, those that came with the order first."""
        holds = (
            hold for hold in self.holds.values() if hold.asked.tender == tender and hold.left and not hold.unwanted
        )
        return sorted(holds, key=lambda hold: (hold.asked.increase or "", hold.asked.authorization))

    def spending(self, authorization: str) -> bool:
        """Whether a part of a hold is being spent, which must not cross its release."""
        calls = (each for each in self.calls.values() if each.open and each.asked.step is CallStep.CAPTURE)
        return any(each.asked.authorization == authorization for each in calls)


def call_key(step: CallStep, about: str) -> str:
    """What a request is known by: its step, and the hold or the part that it is for."""
    return f"{step}:{about}"


def _key(asked: ValuePart) -> str:
    return call_key(asked.step, asked.part or asked.authorization)


def evolve(values: Values, event: Event) -> Values:
    """The requests and holds after one more event of the payment."""
    match event:
        case StoredValueRequested():
            return _requested(values, event.asked)
        case StoredValueMoved():
            return _stands(values, event.asked, Standing.DONE)
        case StoredValueDeclined():
            values = _stands(values, event.asked, Standing.DECLINED)
            return _left(values, event.asked, 0) if event.asked.step is CallStep.AUTHORIZE else values
    return values


def _requested(values: Values, asked: ValuePart) -> Values:
    before, values = values, _stands(values, asked, Standing.ASKED)
    match asked.step:
        case CallStep.AUTHORIZE:
            hold = ValueHold(asked, asked.amount.amount)
            return replace(values, holds=values.holds.insert(asked.authorization, hold))
        case CallStep.CAPTURE if _key(asked) not in before.calls:
            return _left(values, asked, values.holds[asked.authorization].left - asked.amount.amount)
        case CallStep.VOID:
            held = values.calls[call_key(CallStep.AUTHORIZE, asked.authorization)]
            values = _stands(values, held.asked, Standing.LET_GO) if held.open else values
            return _left(values, asked, 0)
    return values


def _stands(values: Values, asked: ValuePart, standing: Standing) -> Values:
    return replace(values, calls=values.calls.insert(_key(asked), ValueCall(asked, standing)))


def _left(values: Values, asked: ValuePart, left: int) -> Values:
    hold = replace(values.holds[asked.authorization], left=left)
    return replace(values, holds=values.holds.insert(asked.authorization, hold))


def give_up(values: Values, increase: str | None = None) -> Values:
    """Nobody wants what is held and not spent; or no more than what is held for this increase."""
    holds = values.holds
    for name, hold in values.holds.items():
        if hold.left and increase in (None, hold.asked.increase):
            holds = holds.insert(name, replace(hold, unwanted=True))
    return replace(values, holds=holds)
