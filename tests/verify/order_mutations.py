"""Breaks of what orders, stock and money say. The chain is made anew, so that only the rule of the trade can notice."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import orjson

from oms.verify.records import Record
from tests.simulation.people import order_stream
from tests.verify.breaking import Breaks
from tests.verify.installations import MemoryInstallation
from tests.verify.logs import MemorySource, with_value

__all__ = ["BREAKS", "first", "more", "rename", "say", "value_of"]

BREAKS = Breaks(sealed=True)


def value_of(record: Record) -> Any:
    """What a record says."""
    return orjson.loads(record.value)


def say(log: MemorySource, record: Record, **fields: Any) -> None:
    """The event says something else; so does every copy of it."""
    said = with_value(record, **fields)
    for records in log.logs.values():
        for other in list(records):
            if dict(other.headers).get("ce_id") == dict(record.headers)["ce_id"]:
                log.put(other, replace(other, value=said.value))


def first(log: MemorySource, topic: str, name: str, **fields: Any) -> Record:
    """The first event of a type that says this."""
    found = log.all(topic, name)
    return next(r for r in found if all(value_of(r).get(field) == wanted for field, wanted in fields.items()))


def _last(log: MemorySource, topic: str, name: str) -> Record:
    return log.all(topic, name)[-1]


def of_order(log: MemorySource, external_id: str, name: str) -> Record:
    """The first event of a type in the stream of an order."""
    key = order_stream(external_id).encode()
    return next(record for record in log.all("order.events", name) if record.key == key)


def _level(record: Record, **changes: int) -> list[dict[str, Any]]:
    levels: list[dict[str, Any]] = value_of(record)["levels"]
    return [{**level, **{name: level[name] + change for name, change in changes.items()}} for level in levels]


def more(money: dict[str, Any], change: int) -> dict[str, Any]:
    """So much more money."""
    return {**money, "amount": money["amount"] + change}


# -- stock


@BREAKS.of("I-01 oversold")
def more_is_available_than_is_free(here: MemoryInstallation) -> None:
    log = here.log
    event = first(log, "inventory.events", "StockReserved")
    say(log, event, levels=_level(event, available=1))


@BREAKS.of("I-01 oversold", "I-02 claims")
def more_is_reserved_than_is_there(here: MemoryInstallation) -> None:
    log = here.log
    event = first(log, "inventory.events", "StockReserved")
    free = value_of(event)["levels"][0]["available"]
    say(
        log,
        event,
        quantity=value_of(event)["quantity"] + free + 1,
        levels=_level(event, reserved=free + 1, available=-free - 1),
    )


@BREAKS.of("I-02 stock")
def a_level_states_a_unit_more_than_came(here: MemoryInstallation) -> None:
    log = here.log
    event = first(log, "inventory.events", "StockPicked")
    say(log, event, levels=_level(event, on_hand=1, sellable=1))


@BREAKS.of("I-02 stock")
def a_receipt_books_a_unit_less(here: MemoryInstallation) -> None:
    log = here.log
    event = first(log, "inventory.events", "StockReceived")
    movements = [{**part, "quantity": part["quantity"] - 1} for part in value_of(event)["movements"]]
    say(log, event, movements=movements)


@BREAKS.of("I-02 stock")
def picked_goods_vanish(here: MemoryInstallation) -> None:
    log = here.log
    event = first(log, "inventory.events", "StockFulfilled")
    say(log, event, movements=[], levels=_level(event, picked=-value_of(event)["quantity"]))


@BREAKS.of("I-02 claims")
def a_level_states_another_sum_of_claims(here: MemoryInstallation) -> None:
    log = here.log
    event = first(log, "inventory.events", "StockReserved")
    say(log, event, levels=_level(event, reserved=1, available=-1))


@BREAKS.of("I-03 units")
def more_is_picked_from_a_claim_than_it_holds(here: MemoryInstallation) -> None:
    log = here.log
    event = first(log, "inventory.events", "StockPicked")
    say(log, event, from_claim=value_of(event)["from_claim"] + 1)


@BREAKS.of("I-03 units")
def a_release_frees_more_than_was_held(here: MemoryInstallation) -> None:
    log = here.log
    event = first(log, "inventory.events", "ClaimReleased", seen=True)
    say(log, event, quantity=value_of(event)["quantity"] + 1)


@BREAKS.of("I-03 closed")
def a_pick_leaves_a_unit_in_its_claim(here: MemoryInstallation) -> None:
    log = here.log
    event = _last(log, "inventory.events", "StockPicked")
    say(log, event, from_claim=value_of(event)["from_claim"] - 1)


@BREAKS.of("I-03 kept")
def an_order_believes_in_a_unit_that_no_claim_holds(here: MemoryInstallation) -> None:
    log = here.log
    event = first(log, "inventory.events", "StockReserved", demand=_waiting_demand(log))
    say(log, event, quantity=value_of(event)["quantity"] - 1)


def _waiting_demand(log: MemorySource) -> Any:
    """What is reserved for the order that is not to leave for a long time."""
    order = order_stream("12").removeprefix("order/")
    reserved = (value_of(record) for record in log.all("inventory.events", "StockReserved"))
    return next(value["demand"] for value in reserved if value["demand"]["id"] == order)


# -- money


@BREAKS.of("I-04 equation")
def more_is_granted_back_than_was_captured(here: MemoryInstallation) -> None:
    log = here.log
    event = first(log, "order.events", "RefundGranted")
    say(log, event, amount=more(value_of(event)["amount"], 1_000_000))


@BREAKS.of("I-04 equation")
def more_is_paid_back_than_was_granted(here: MemoryInstallation) -> None:
    log = here.log
    granted = first(log, "order.events", "RefundGranted")
    event = first(log, "order.events", "Refunded")
    say(log, granted, amount=more(value_of(granted)["amount"], 0))
    say(log, event, amount=more(value_of(event)["amount"], 1_000_000))


@BREAKS.of("I-04 sums")
def a_capture_states_another_total(here: MemoryInstallation) -> None:
    log = here.log
    event = first(log, "order.events", "CaptureRecorded")
    say(log, event, captured=more(value_of(event)["captured"], 1))


@BREAKS.of("I-04 sums")
def the_parts_of_a_capture_lack_a_cent(here: MemoryInstallation) -> None:
    log = here.log
    event = first(log, "payments.events", "PaymentCaptured")
    captures = [{**part, "amount": more(part["amount"], -1)} for part in value_of(event)["captures"]]
    say(log, event, captures=captures)


@BREAKS.of("I-04 authorised")
def more_is_captured_than_was_authorised(here: MemoryInstallation) -> None:
    log = here.log
    event = first(log, "payments.events", "PaymentAuthorized")
    say(log, event, amount=more(value_of(event)["amount"], -1))


@BREAKS.of("I-04 refunded")
def more_is_refunded_than_was_captured(here: MemoryInstallation) -> None:
    log = here.log
    event = first(log, "payments.events", "PaymentRefunded")
    more = {"amount": 1_000_000, "currency": "EUR"}
    say(log, event, amount=more, refunded=more)


@BREAKS.of("I-04 both")
def the_order_records_a_cent_more_than_payments_captured(here: MemoryInstallation) -> None:
    log = here.log
    event = first(log, "order.events", "CaptureRecorded")
    value = value_of(event)
    say(log, event, amount=more(value["amount"], 1), captured=more(value["captured"], 1))


@BREAKS.of("I-04 both")
def payments_refund_a_cent_that_the_order_does_not_know(here: MemoryInstallation) -> None:
    log = here.log
    event = first(log, "payments.events", "PaymentRefunded")
    value = value_of(event)
    say(log, event, amount=more(value["amount"], 1), refunded=more(value["refunded"], 1))


@BREAKS.of("I-04 worth")
def goods_leave_for_a_cent_more_than_is_captured(here: MemoryInstallation) -> None:
    log = here.log
    event = first(log, "order.events", "LinesFulfilled")
    say(log, event, amount=more(value_of(event)["amount"], 1))


@BREAKS.of("I-04 owed")
def nobody_says_that_money_went_back(here: MemoryInstallation) -> None:
    log = here.log
    rename(log, first(log, "order.events", "Refunded"), "StepUnanswered", step="none", key="none", asks=1)


@BREAKS.of("I-04 invoiced")
def an_invoice_is_of_a_cent_more_than_was_paid(here: MemoryInstallation) -> None:
    log = here.log
    event = first(log, "payments.events", "InvoiceIssued")
    say(log, event, gross=more(value_of(event)["gross"], 1))


# -- units


@BREAKS.of("I-06 buckets")
def more_units_move_than_are_there(here: MemoryInstallation) -> None:
    log = here.log
    event = first(log, "order.events", "LinesPicked")
    say(log, event, moves=[{**move, "quantity": move["quantity"] + 1} for move in value_of(event)["moves"]])


@BREAKS.of("I-06 buckets")
def units_of_an_unknown_line_move(here: MemoryInstallation) -> None:
    log = here.log
    event = first(log, "order.events", "LinesPicked")
    say(log, event, moves=[{**move, "line": "99"} for move in value_of(event)["moves"]])


@BREAKS.of("I-06 shipped")
def a_unit_more_is_shipped_than_was_ordered(here: MemoryInstallation) -> None:
    log = here.log
    event = first(log, "shipping.events", "Shipped")
    [package] = value_of(event)["packages"]
    contents = [{**content, "quantity": content["quantity"] + 1} for content in package["contents"]]
    say(log, event, packages=[{**package, "contents": contents}])


@BREAKS.of("I-06 packages")
def a_package_is_in_two_shipments(here: MemoryInstallation) -> None:
    log = here.log
    one, other = _of_one_order(log, "ShipmentCreated")
    say(log, other, packages=value_of(one)["packages"])


@BREAKS.of("I-06 labels")
def a_package_has_two_labels(here: MemoryInstallation) -> None:
    log = here.log
    one, other = _of_one_order(log, "LabelIssued")
    say(log, other, labels=value_of(one)["labels"])


def _of_one_order(log: MemorySource, name: str) -> tuple[Record, Record]:
    found = log.all("shipping.events", name)
    return next(
        (one, other)
        for one in found
        for other in found
        if one.key != other.key and value_of(one)["order_id"] == value_of(other)["order_id"]
    )


@BREAKS.of("I-06 gone")
def the_stock_lets_go_of_a_unit_less_than_the_order_says(here: MemoryInstallation) -> None:
    log = here.log
    event = first(log, "inventory.events", "StockFulfilled")
    say(log, event, quantity=value_of(event)["quantity"] - 1)


# -- funds, ends, steps


@BREAKS.of("I-07 funds")
def goods_are_released_before_anything_is_secured(here: MemoryInstallation) -> None:
    log = here.log
    event = of_order(log, "1", "AuthorizationRecorded")
    say(log, event, amount={"amount": 0, "currency": "EUR"})


@BREAKS.of("I-07 funds")
def goods_leave_that_are_worth_more_than_is_secured(here: MemoryInstallation) -> None:
    log = here.log
    event = of_order(log, "1", "AuthorizationRecorded")
    say(log, event, amount={"amount": 1, "currency": "EUR"})


@BREAKS.of("I-09 ends")
def an_order_is_left_alone_without_an_end(here: MemoryInstallation) -> None:
    log = here.log
    rename(log, first(log, "order.events", "OrderCompleted"), "StepUnanswered", step="none", key="none", asks=1)


@BREAKS.of("I-10 steps")
def a_capture_is_never_answered(here: MemoryInstallation) -> None:
    log = here.log
    event = first(log, "order.events", "CaptureRecorded")
    say(log, event, fulfillment="0f7e6c5b-4a39-4287-9165-043210fedcba")


@BREAKS.of("I-10 shipments")
def a_shipment_never_leaves(here: MemoryInstallation) -> None:
    log = here.log
    event = first(log, "shipping.events", "Shipped")
    fields = {"carrier": "own-fleet", "event_id": "e", "package": "p", "reason": "unknown"}
    rename(log, event, "TrackingIgnored", **fields)


@BREAKS.of("I-10 work")
def nobody_ends_a_fulfillment_order(here: MemoryInstallation) -> None:
    log = here.log
    [key] = {record.key for record in log.all("fulfillment.events", "HandedOver")[:1]}
    for record in log.all("fulfillment.events"):
        if record.key == key and b"Created" not in dict(record.headers)["ce_type"]:
            rename(log, record, "NodeDocumentRepeated", document="d", step="s")


@BREAKS.of("I-10 secured")
def a_cancelled_order_keeps_its_money_secured(here: MemoryInstallation) -> None:
    log = here.log
    event = first(log, "payments.events", "PaymentVoided", seen=True)
    say(log, event, amount={"amount": 0, "currency": "EUR"})


@BREAKS.of("I-10 secured")
def a_gift_card_holds_a_cent_for_an_order_that_is_over(here: MemoryInstallation) -> None:
    log = here.log
    event = first(log, "payments.events", "ValueRedeemed")
    say(log, event, amount=more(value_of(event)["amount"], -1))


@BREAKS.of("I-10 secured")
def what_was_charged_at_the_order_is_kept_and_pays_for_nothing(here: MemoryInstallation) -> None:
    log = here.log
    captured = [record for record in log.all("payments.events", "PaymentCaptured") if b'"prepaid":true' in record.value]
    captures = [{**part, "prepaid": False} for part in value_of(captured[0])["captures"]]
    say(log, captured[0], captures=captures)


@BREAKS.of("I-10 secured")
def what_was_charged_for_an_invoice_is_kept_and_pays_for_nothing(here: MemoryInstallation) -> None:
    matched = first(here.log, "payments.events", "ChargeMatched")
    say(here.log, matched, amount=more(value_of(matched)["amount"], -1))


@BREAKS.of("I-10 secured")
def what_an_invoice_needs_less_of_its_charge_is_not_asked_back(here: MemoryInstallation) -> None:
    overpaid = first(here.log, "payments.events", "InvoiceOverpaid")
    say(here.log, overpaid, amount=more(value_of(overpaid)["amount"], 1))


def rename(log: MemorySource, record: Record, name: str, owner: str | None = None, **fields: Any) -> None:
    """Another event stands in its place, in its topic alone."""
    owner = owner or dict(record.headers)["ce_type"].decode().split(".")[1]
    headers = [(n, f"orderlog.{owner}.{name}.v1".encode() if n == "ce_type" else v) for n, v in record.headers]
    log.put(record, replace(record, headers=tuple(headers), value=orjson.dumps(fields)))
