"""What there is to choose in forms about an order: its holds, refunds, returns, lines, packages, as people call them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from services.console.showing import money

__all__ = ["Choices", "Order", "holds", "lines", "named", "notices", "packages", "refunds", "returns"]

Order = Mapping[str, Any]
"""An order as the doors show it."""

ON_THEIR_WAY = ("asked", "delayed")
"""Statuses of notices whose outcome is not known yet."""

Choices = Sequence[tuple[str, str]]
"""What may be chosen, and how it is called."""


def named(*pairs: tuple[str, str]) -> Callable[[Order], Choices]:
    """The same of every order."""
    return lambda order: pairs


def holds(order: Order) -> Choices:
    """Those that stand."""
    return [(hold["hold"], f"{hold['kind']} ({hold['hold']})") for hold in order["holds"]]


def refunds(*stages: str) -> Callable[[Order], Choices]:
    """Refunds at these stages."""
    return lambda order: [
        (str(each["refund"]), f"{money(each['amount'], order['currency'])}, {each.get('reason') or each['cause']}")
        for each in order["refunds"]
        if each["stage"] in stages
    ]


def returns(*states: str) -> Callable[[Order], Choices]:
    """Returns in these states."""
    return lambda order: [
        (str(each["number"]), f"return {each['number']}: {_counted(each['lines'])}")
        for each in order["returns"]
        if each["state"] in states
    ]


def _counted(lines: Sequence[Mapping[str, Any]]) -> str:
    return ", ".join(f"{line['quantity']} of {line['sku']}" for line in lines)


def notices(order: Order) -> Choices:
    """Those that have their outcome, the last first."""
    return [
        (each["notice"], f"{each['notice']}: {each['kind']}, {each['status']}".replace("_", " "))
        for each in reversed(order.get("notices", ()))
        if each["status"] not in ON_THEIR_WAY
    ]


def lines(order: Order) -> Choices:
    """Every line."""
    return [(line["line"], f"{line['line']}: {line['sku']}") for line in order["lines"]]


def packages(order: Order) -> Choices:
    """Packages that went astray and are not settled."""
    return [(each["package"], f"{each['fate']}, {each['carrier']} ({each['package'][:8]})") for each in order["astray"]]
