"""What happens to money outside: the provider's worker and what it meets, the provider's own word, payers, ledgers of stored
value, and the worker that sends notices."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from contracts.envelope import Actor
from contracts.ids import stream
from contracts.money import Money
from contracts.order import NoticeRequested, NotSentReason, RecordNoticeNotSent, RecordNoticeRefused, RecordNoticeSent
from contracts.payments import (
    BlockValue,
    CallStep,
    DisputeStage,
    IssueCause,
    IssueValue,
    RecordTransferReceived,
    RecordTransferReturned,
    ResolveProviderOutcome,
    UnblockValue,
    ValueKind,
)
from contracts.payments.gift_codes import STORED_VALUE, store_credit_id
from services.payments.card_calls import CallStage
from tests.simulation.day import FINANCE, LEDGER, Day, Deed
from tests.simulation.provider import Mood
from tests.simulation.schedule import Chance
from tests.simulation.world import TENANT

__all__ = ["MONEY", "NoticeDesk", "provider_declines"]


def provider(day: Day, chance: Chance) -> None:
    """The worker asks the provider, which does it."""
    for _ in range(chance.between(1, 3)):
        day.desk.act(chance)


def provider_fails(day: Day, chance: Chance) -> None:
    """The worker asks, and the provider declines, is busy, or says nothing."""
    mood = chance.choice(tuple(Mood))
    if day.desk.act(chance, (mood,)):
        day.faults[f"provider {mood.value.replace('_', ' ')}"] += 1
        day.tell(f"the provider {mood.value.replace('_', ' ')}")


def provider_declines(day: Day, chance: Chance) -> None:
    """The provider declines whatever it is asked, for a while."""
    mood = chance.choice((Mood.DECLINES, Mood.DECLINES_SOFTLY))
    for _ in range(4):
        day.world.run()
        if day.desk.act(chance, (mood,)):
            day.faults[f"provider {mood.value.replace('_', ' ')}"] += 1


def worker_dies(day: Day, chance: Chance) -> None:
    """The worker asks the provider, and dies before it has recorded what came of it."""
    if day.desk.act(chance, dies=100):
        day.tell("the worker dies after it asked the provider")
        day.faults["worker dies after the call"] += 1


def provider_tells(day: Day, chance: Chance) -> None:
    """A notice: early, late, again, in any order."""
    if day.desk.tell(chance.below(64)):
        day.faults["notice, in any order and again"] += 1


def payer(day: Day, chance: Chance) -> None:
    """A payer confirms or does not, or the provider does what it had taken, or does not; or a charge is disputed."""
    waits = day.bank.waiting()
    if waits:
        day.bank.finish(chance.choice(waits), not chance.happens(40))
        return
    charges = day.bank.done(CallStep.CAPTURE)
    if charges and chance.happens(30):
        charge = chance.choice(charges)
        opened = (charge.call.key, DisputeStage.OPENED) in day.bank.disputes
        day.bank.dispute(
            charge, chance.choice((DisputeStage.WON, DisputeStage.LOST)) if opened else DisputeStage.OPENED
        )
        day.desk.tell(len(day.bank.notices) - 1)


def resolve(day: Day, chance: Chance) -> None:
    """Finance finds out what became of a call that nobody can tell of, and says what the provider's books say."""
    for name, view in day.views("payments", "payment"):
        for key, known in sorted(view.cards.calls.items()):
            if known.stage is CallStage.UNRESOLVED:
                resolved(day, name, key)


def resolved(day: Day, name: str, key: str) -> None:
    """A person says of a call what the provider's books say; what is to be given back they give back there."""
    call = day.state("payments", name).cards.calls[key].call
    if call.step is CallStep.VOID and key not in day.bank.entries:
        day.bank.by_hand(call, name.partition("/")[2])
    entry = day.bank.entries.get(key)
    happened = entry is not None and entry.effects > 0
    reference = entry.outcome.reference if entry is not None and happened else None
    order_id = name.partition("/")[2]
    said = ResolveProviderOutcome(order_id=order_id, key=key, happened=happened, reference=reference)
    day.say("payments", name, said, FINANCE)


def transfer(day: Day, chance: Chance) -> None:
    """Money comes in for an order, whole or in part; what nobody needs is sent back."""
    for name, view in day.views("payments", "payment"):
        order_id = name.partition("/")[2]
        if view.transfers.unmatched and chance.happens(50):
            back = Money(amount=view.transfers.unmatched, currency=view.transfers.currency)
            day.say("payments", name, RecordTransferReturned(order_id=order_id, transfer="back", amount=back), FINANCE)
        elif view.transfers.awaited or chance.happens(5):
            amount = Money(amount=chance.choice((100, 1000, 2501)), currency="EUR")
            came = RecordTransferReceived(order_id=order_id, transfer=f"t{chance.below(4)}", amount=amount)
            day.say("payments", name, came, FINANCE)


def ledgers(day: Day, chance: Chance) -> None:
    """A gift card is blocked and let go, or a customer gets goodwill."""
    credit = stream(STORED_VALUE, store_credit_id(TENANT, "webshop", "ada", "EUR"))
    worth = Money(amount=chance.choice((1000, 300)), currency="EUR")
    goodwill = IssueValue(
        kind=ValueKind.STORE_CREDIT,
        entry=f"g{chance.below(3)}",
        amount=worth,
        cause=IssueCause.GOODWILL,
        issuer="webshop",
        customer="ada",
        expires_at=day.world.now + timedelta(days=30) if chance.happens(30) else None,
    )
    ledger = chance.choice((LEDGER, credit))
    said = chance.choice((goodwill, BlockValue(detail="stolen"), UnblockValue(detail="found")))
    day.say("payments", credit if said is goodwill else ledger, said, FINANCE)


class NoticeDesk:
    """The worker that sends notices: those that are wanted and not sent."""

    @staticmethod
    def waiting(day: Day) -> list[tuple[str, Any]]:
        """The streams of orders with notices that were asked for and have no outcome, nor a later moment."""
        return [
            (name, notice)
            for name, view in day.views("order", "order")
            for _, notice in sorted(view.notices.notices.items())
            if notice.asked is not None and notice.again_at is None
        ]


def notices(day: Day, chance: Chance) -> None:
    """The worker of notices sends some, or a mail server refuses."""
    for name, notice in NoticeDesk.waiting(day):
        asked = notice.asked
        assert isinstance(asked, NoticeRequested)
        number = asked.notice
        sent = RecordNoticeSent(notice=number, name=f"{asked.key}.eml")
        refused = RecordNoticeRefused(notice=number, for_now=chance.happens(70), said="450 later")
        nobody = RecordNoticeNotSent(notice=number, reason=NotSentReason.NO_ADDRESS)
        said = chance.choice((sent, sent, sent, refused, nobody))
        actor = Actor(kind="worker", subject="notices")
        key = (name, number, str(asked.tries), type(said).__name__)
        day.world.post("order", name, said, "notices", actor, key=key)


MONEY: Mapping[str, Deed] = {
    "provider": Deed(10, provider),
    "provider fails": Deed(6, provider_fails, fault=True),
    "provider declines": Deed(2, provider_declines, fault=True),
    "worker dies": Deed(3, worker_dies, fault=True),
    "provider tells": Deed(4, provider_tells, fault=True),
    "payer": Deed(4, payer),
    "resolve": Deed(1, resolve),
    "transfer": Deed(2, transfer),
    "ledgers": Deed(2, ledgers),
    "notices": Deed(3, notices),
}
"""By name."""
