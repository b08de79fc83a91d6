"""I-05: money moves once for each part of a capture or refund, and once more only where the provider took it back."""

from __future__ import annotations

from dataclasses import replace

from contracts.payments import RefundReversed
from oms.verify.findings import State
from oms.verify.records import Record
from tests.verify.installations import MemoryInstallation
from tests.verify.lives import clean
from tests.verify.order_mutations import first, rename, value_of
from tests.verify.outside_mutations import OTHER

STEPS = "I-05 steps"


def refunded_again() -> tuple[MemoryInstallation, Record]:
    """An installation in which a refund was asked for and made under a second key, and the first time it was asked for."""
    here = clean()
    made = next(entry for entry in here.books.kept if entry.kind == "refund")
    asked = here.log.all("payments.events", "CardRefundRequested")
    [first_asked] = [record for record in asked if value_of(record)["call"]["key"] == made.key]
    again = {**value_of(first_asked), "call": {**value_of(first_asked)["call"], "key": OTHER}}
    rename(here.log, first(here.log, "payments.events", "CardRefunded", key=made.key), "CardRefundRequested", **again)
    here.books.kept.append(replace(made, id="again", key=OTHER))
    return here, first_asked


def test_a_refund_that_stands_twice_is_named_with_both_keys() -> None:
    here, asked = refunded_again()
    call = value_of(asked)["call"]

    found = here.checked()

    assert found.violated[STEPS] == 1
    what = found.first[STEPS].what
    assert all(name in what for name in (call["part"], call["key"], OTHER))


def test_a_refund_that_the_provider_took_back_may_be_made_once_more() -> None:
    # Given the same, and that the provider took the first back
    here, asked = refunded_again()
    call, order = value_of(asked)["call"], value_of(asked)["order_id"]
    part = {"refund": call["part"], "tender": call["tender"], "capture": "c", "amount": call["amount"]}
    taken_back = RefundReversed.model_validate(
        {
            "order_id": order,
            "refund": "r",
            "key": call["key"],
            "reversed": part,
            "refunded": call["amount"],
            "provider": "sandbox",
        }
    )
    other = here.log.all("payments.events", "CardAuthorized")[-1]
    rename(here.log, other, "RefundReversed", **taken_back.model_dump(mode="json", exclude_none=True))

    # When it is checked, then money moved once
    assert here.checked().states[STEPS] == State.HOLDS


def test_a_call_that_was_declined_moved_nothing() -> None:
    here, _ = refunded_again()
    here.books.kept[-1] = replace(here.books.kept[-1], declined=True)
    assert here.checked().states[STEPS] == State.HOLDS
