"""How an order is shown: its status, its lines by bucket, its holds, what the customer was told, and who
works on it. Never personal data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from chassis.stream import Stream
from contracts.message import format_instant
from contracts.order import ChangeProposed, PackageWentAstray, ShipGroup
from services.order.exchange_money import exchanges, open_units, to_leave, to_pay
from services.order.exchange_state import Exchange
from services.order.notices import Notice
from services.order.order import BUCKETS, Hold, LineState, OrderState, due, line_of, status
from services.order.promising import Promise, promise
from services.order.refund_state import Refund, given_back, in_order
from services.order.return_state import Returning
from services.order.stream import ORDER, OrderStream
from services.order.unit_ranges import count
from services.order.value import parts_of_kits
from services.order.waiting import Waiting

__all__ = ["order_view", "waiting_view"]


def order_view(stream: Stream) -> dict[str, Any]:
    """An order as of a version; one that was never placed has no terms."""
    state = stream.view(ORDER)
    order: OrderState = state.order
    if order.placed is None:
        return {"version": stream.version, "status": None}
    placed = order.placed
    return {
        "order_id": placed.order_id,
        "number": placed.number,
        "status": status(order),
        "version": stream.version,
        "changed_at": None if stream.time is None else format_instant(stream.time),
        "placed_at": format_instant(placed.placed_at),
        "seller": placed.seller,
        "channel": placed.channel,
        "channel_account": placed.channel_account,
        "external_id": placed.external_id,
        "channel_number": placed.channel_number,
        "revision": order.revision,
        **({"masked": list(placed.masked)} if placed.masked else {}),
        "currency": placed.currency,
        "total": placed.totals.total.amount,
        "due": due(order),
        "to_pay": to_pay(state),
        "captured": order.captured,
        "refunded": state.refunds.refunded,
        "credit": state.refunds.credit,
        "confirmed": order.confirmed,
        "changes": state.changes.version,
        "change": _proposed(state.changes.proposed),
        "ship_groups": [_way(group) for group in placed.ship_groups],
        "owner": state.looked_after.owner,
        "notes": state.looked_after.notes,
        "holds": [_hold(held) for _, held in sorted(order.holds.items())],
        "kits": [_kit(order, kit) for kit in dict.fromkeys(part.kit for part in parts_of_kits(placed))],
        "lines": [_line(state, name) for name in sorted(order.lines, key=lambda name: order.lines[name].index)],
        "astray": [_astray(found) for _, found in sorted(state.astray.packages.items())],
        "refunds": [_refund(refund) for _, refund in in_order(state.refunds)],
        "exchanges": [_exchange(state, each) for each in exchanges(state)],
        "returns": [_return(each) for each in _returns_in_order(state)],
        "notices": [_notice(number, notice) for number, notice in _in_order(state.notices.notices)],
        "fulfillment_orders": [_work(name, work) for name, work in sorted(state.fulfillment.works.items())],
    }


def _proposed(change: ChangeProposed | None) -> dict[str, Any] | None:
    """The change that waits to be confirmed, or for its money, and what it comes to; amounts in minor units."""
    if change is None:
        return None
    lines = (line for line in change.lines if line.relates_to is None or line.channel_line is not None)
    return {
        "change": change.change,
        "source": change.source,
        "cancelled": [{"line": each.line, "quantity": each.quantity} for each in change.cancelled],
        "lines": [
            {"line": line.line, "sku": line.sku, "quantity": line.quantity, "amount": line.amount.amount}
            for line in lines
        ],
        "groups": [group.group for group in change.groups],
        "before": change.before.amount,
        "after": change.after.amount,
        "difference": change.difference.amount,
        **_coming_back(change),
        "currency": change.before.currency,
        "expires": format_instant(change.expires),
        "hold": change.hold,
    }


def _coming_back(change: ChangeProposed) -> dict[str, Any]:
    """Of an exchange: what comes back, what is credited for it, and when the other goods leave."""
    if not change.returns or change.credit is None:
        return {}
    returns = [{"line": line.line, "quantity": line.quantity} for line in change.returns]
    exception = {} if change.exception is None else {"exception": change.exception}
    return {"returns": returns, "credit": change.credit.amount, "send": change.send, **exception}


def _way(group: ShipGroup) -> dict[str, Any]:
    """How the goods of a group go, and to which counter or from which till."""
    return {
        "group": group.group,
        "method": group.method,
        **({} if group.location is None else {"location": group.location}),
    }


def _hold(held: Hold) -> dict[str, Any]:
    """`lines` where these alone are held."""
    lines = {"lines": list(held.lines)} if held.lines else {}
    return {"hold": held.hold, "kind": held.kind, "blocks": list(held.blocks), **lines}


def _astray(found: PackageWentAstray) -> dict[str, Any]:
    return found.model_dump(mode="json", include={"shipment", "package", "number", "fate", "carrier", "lines", "owner"})


def _refund(refund: Refund) -> dict[str, Any]:
    """What somebody decided, how far it is, and why it failed."""
    contents, failed = refund.contents, refund.failed
    people = {"by": refund.by, "approved_by": refund.approved_by}
    return {
        **contents.model_dump(mode="json", exclude_none=True),
        **{name: who for name, who in people.items() if who is not None},
        "amount": contents.amount.amount,
        "stage": refund.stage,
        "refunded": refund.refunded,
        **({} if failed is None else {"owner": failed.owner, "why": failed.why, "detail": failed.detail}),
    }


def _exchange(state: OrderStream, each: Exchange) -> dict[str, Any]:
    """What goes out for which return, what still comes and goes, and the account in minor units."""
    return {
        "change": each.change,
        "return": each.number,
        "lines": list(each.lines),
        "send": each.send,
        "agreed": each.agreed.worth.amount - each.agreed.credit.amount,
        "to_come": open_units(state, each),
        "to_leave": to_leave(state, each),
        "earned": each.earned,
        "applied": each.applied,
        "paid_out": each.paid_out,
    }


def _returns_in_order(state: OrderStream) -> list[Returning]:
    return sorted(state.returns.returns.values(), key=lambda each: each.number)


def _return(each: Returning) -> dict[str, Any]:
    """A return: its units by line, and what became of those that came."""
    lines = [each.lines[asked.line] for asked in each.requested.lines]
    return {
        "number": each.number,
        "id": each.return_id,
        "state": each.state,
        "postage": each.requested.postage,
        **({} if each.decide_by is None else {"decide_by": format_instant(each.decide_by)}),
        **({} if each.goods_by is None else {"goods_by": format_instant(each.goods_by)}),
        "lines": [
            {
                "line": line.asked.line,
                "sku": line.asked.sku,
                "quantity": line.asked.quantity,
                "reason": line.asked.reason,
                "waited_for": count(line.waited),
                "not_inspected": count(line.received),
                "inspected": {said: count(ranges) for said, ranges in sorted(line.inspected.items())},
            }
            for line in lines
        ],
    }


def _in_order(notices: Mapping[str, Notice]) -> list[tuple[str, Notice]]:
    return sorted(notices.items(), key=lambda item: int(item[0]))


def _notice(number: str, notice: Notice) -> dict[str, Any]:
    again = {} if notice.again_of is None else {"again_of": notice.again_of}
    return {"notice": number, "kind": notice.kind, "status": notice.status, **again}


def _work(name: str, work: Any) -> dict[str, Any]:
    return {
        "id": name,
        "location": work.location,
        "sequence": work.sequence,
        "method": work.method,
        "ready": work.ready,
        "shipment": work.shipment,
    }


def _kit(order: OrderState, name: str) -> dict[str, Any]:
    """A kit as it was ordered; its units are those of the lines that relate to it."""
    line = next(line for line in order.terms.lines if line.line == name)
    return {
        "line": name,
        "channel_line": line.channel_line,
        "sku": line.sku,
        "description": line.description,
        "quantity": line.quantity,
        "unit": line.unit,
        "amount": line.amount.amount,
        "ship_group": line.ship_group,
    }


def _line(stream: OrderStream, name: str) -> dict[str, Any]:
    order, promised = stream.order, promise(stream, name)
    line, state = line_of(order, name), order.lines[name]
    requested = line.requested or order.terms.requested
    return {
        "line": name,
        "channel_line": line.channel_line,
        **({} if line.relates_to is None else {"relates_to": line.relates_to.model_dump(mode="json")}),
        "sku": line.sku,
        "description": line.description,
        "quantity": line.quantity,
        "unit": line.unit,
        "amount": line.amount.amount,
        "ship_group": line.ship_group,
        **({} if requested is None else {"requested": requested.model_dump(mode="json", exclude_none=True)}),
        **({} if promised is None else {"promise": _promise(promised)}),
        "units": _units(state),
        **_paid_back(stream, name),
    }


def _paid_back(stream: OrderStream, name: str) -> dict[str, int]:
    """How many units of a line a refund was granted for, wherever they are."""
    count = sum(end - start for start, end in given_back(stream.refunds, name))
    return {"paid_back": count} if count else {}


def _promise(promised: Promise) -> dict[str, Any]:
    """What was first promised of a line, and what is now: `until` is left out where nobody knows."""
    return {
        **({} if promised.first is None else {"first": format_instant(promised.first)}),
        **({} if promised.until is None else {"until": format_instant(promised.until)}),
        "because": promised.reason,
        **({} if promised.awaits is None else {"awaits": promised.awaits}),
    }


def _units(state: LineState) -> dict[str, int]:
    return {bucket.value: count for bucket, count in zip(BUCKETS, state.units, strict=True) if count}


def waiting_view(found: Waiting) -> dict[str, Any]:
    """What an order waits for; `until` is left out where Orderlog itself will never act."""
    return {
        "number": found.number,
        "status": found.status,
        "sentence": found.sentence,
        "waits": [
            {
                "for": wait.what,
                "since": format_instant(since),
                **({} if wait.until is None else {"until": format_instant(wait.until)}),
                "who": wait.mover,
            }
            for wait, since in found.waits
        ],
    }
