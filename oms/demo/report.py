"""The summary as a person enjoys it, and as a program reads it. Nothing is computed here that is not shown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.panel import Panel
from rich.table import Table

from contracts.money import Money
from oms.demo.kinds import Kind
from oms.demo.promises import Verified
from oms.demo.run import Run
from oms.demo.summary import Summary
from oms.typed import typed

__all__ = ["as_data", "show"]

SHOWN_KINDS = 3
"""Kinds of updates and notices that are counted apart for people: the most frequent."""

BECOMES = {
    Kind.GOODS: "lines of orders, in pieces",
    Kind.MENDED: "lines of one piece (recorded with an amount and no quantity)",
    Kind.FUEL: "lines in millilitres, priced for 1,000",
    Kind.DEPOSIT: "deposit charges of orders",
    Kind.COUPON: "slips without goods: their value is a tender, set aside as lines",
    Kind.KIOSK: "set aside: gift cards, tickets, photos, prepaid fuel",
    Kind.KEYED: "set aside: amounts keyed in without an article",
    Kind.VOID: "set aside: no quantity, no amount",
}


def as_data(run: Run, summary: Summary, verified: Verified | None) -> dict[str, Any]:
    """The summary for a program: plain numbers, money in minor units."""
    tally = run.tally
    return {
        "run": run.name,
        "orders": dict(sorted(summary.states.items())),
        "lines": {
            "all": summary.lines,
            "short": summary.lines_short,
            "reserved": summary.lines_reserved,
            "queued": summary.lines_queued,
            "cancelled": summary.lines_cancelled,
        },
        "money": dict(_sums(summary)),
        "updates": dict(sorted(summary.updates.items())),
        "notices": dict(sorted(summary.notices.items())),
        "orders_per_second": round(summary.orders_per_second, 2),
        "placed_to_confirmed_ms": {f"p{part}": ms for part, ms in summary.confirmed_ms.items()},
        "placed_to_completed_ms": {f"p{part}": ms for part, ms in summary.completed_ms.items()},
        "baskets": {"read": tally.baskets, "ordered": tally.orders, "without_goods": tally.without_goods},
        "mapped_lines": {kind.value: tally.lines[kind] for kind in Kind},
        "mapped_amounts": {kind.value: tally.cents[kind] for kind in Kind},
        "coupons": {"tendered": tally.coupons, "above_the_order": tally.coupons_over},
        "discounts": tally.discounts,
        "holds": dict(sorted(summary.holds.items())),
        "mix": [row._asdict() for row in summary.mix],
        "checks": [
            {"says": check.says, "cases": check.cases, "failures": list(check.failures)} for check in summary.checks
        ],
        "verified": verified and verified.document,
        "clean": summary.clean,
    }


def show(console: Console, run: Run, summary: Summary, verified: Verified | None) -> None:
    """Print the summary, what the outside checker says, and what to do next."""
    console.print(_orders(summary))
    console.print(_mapping(run))
    console.print(_mix(summary))
    console.print(_checks(summary))
    for line in verified.lines if verified else ():
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    console.print(_next(run, summary, verified))


def _grid(title: str) -> Table:
    return Table(title=title, title_justify="left", title_style="bold", show_header=False, box=None, padding=(0, 2))


def _orders(summary: Summary) -> Table:
    table = _grid("What became of the orders")
    for state, count in sorted(summary.states.items()):
        table.add_row(f"orders {state}", f"{count:,}")
    table.add_row("lines", f"{summary.lines:,}")
    table.add_row("  short when ordered", f"{summary.lines_short:,} ({_percent(summary.lines_short, summary.lines)})")
    table.add_row("  reserved", f"{summary.lines_reserved:,}")
    table.add_row("  queued for a time", f"{summary.lines_queued:,}")
    table.add_row("  cancelled, at least in part", f"{summary.lines_cancelled:,}")
    for what, sums in _sums(summary):
        for currency, amount in sorted(sums.items()):
            table.add_row(f"money {what}", _money(amount, currency))
    table.add_row("updates to the channel", _counted(summary.updates))
    table.add_row("notices to customers", _counted(summary.notices))
    table.add_row("orders a second", f"{summary.orders_per_second:.1f}")
    table.add_row("placed to confirmed", _latency(summary.confirmed_ms))
    table.add_row("placed to completed", _latency(summary.completed_ms))
    return table


def _mapping(run: Run) -> Table:
    tally = run.tally
    table = _grid("What the tills recorded, and what it was mapped to")
    table.add_row(
        "baskets read", f"{tally.baskets:,}", "", f"{tally.orders:,} orders, {tally.without_goods:,} no goods"
    )
    for kind in Kind:
        table.add_row(f"{kind.value} lines", f"{tally.lines[kind]:,}", _dollars(tally.cents[kind]), BECOMES[kind])
    table.add_row("discounts", "", _dollars(tally.discounts), "of the merchant: loyalty card, matched coupons")
    table.add_row("coupons", "", _dollars(tally.coupons), "a tender, paid by the manufacturers")
    table.add_row("coupons above the order", "", _dollars(tally.coupons_over), "set aside")
    return table


def _mix(summary: Summary) -> Table:
    table = _grid("The mix: what the topics show of it, and how much is asked for")
    for row in summary.mix:
        mark = "[green]yes[/]" if row.holds else "[red]NO[/]"
        table.add_row(mark, row.says, f"{row.shown:,}", f"at least {row.least:,}" if row.least else "")
    return table


def _checks(summary: Summary) -> Table:
    table = _grid("What must be true of this run, computed from the topics")
    for check in summary.checks:
        mark = "[green]yes[/]" if check.holds else "[red]NO[/]"
        table.add_row(mark, check.says, f"{check.cases:,} cases")
        for failure in check.failures:
            table.add_row("", f"[red]{escape(failure)}[/]", "")
    for kind, count in sorted(summary.holds.items()):
        table.add_row("[yellow]held[/]", kind, f"{count:,} orders")
    return table


def _next(run: Run, summary: Summary, verified: Verified | None) -> Panel:
    some_order, oms = next(iter(run.orders), ""), escape(typed())
    lines = [
        f"[bold]{oms} order show {some_order}[/]   one order with its timeline",
        f"[bold]{oms} order list[/]   the latest orders",
        f"[bold]{oms} demo --orders {len(run.orders)}[/]   the next baskets of the year",
        f"[bold]{oms} rebuild inventory[/]   build a database again from its topic, and compare",
        f"[bold]{oms} status[/]   the services; everything keeps running",
        f"[bold]{oms} down[/] or [bold]make down[/]   stop it all",
    ]
    return Panel("\n".join(lines), title=_verdict(summary, verified), expand=False)


def _verdict(summary: Summary, verified: Verified | None) -> str:
    if verified is not None and not verified.findings.clean:
        return "A promise is broken"
    if not all(check.holds for check in summary.checks):
        return "Not everything checks"
    missing = [row.says for row in summary.mix if not row.holds]
    if missing:
        return f"Missing of the mix: {', '.join(missing)}"
    return (
        "The mix is whole, and nobody asked whether promises were kept"
        if verified is None
        else "Every promise was kept, and the mix is whole"
    )


def _counted(kinds: Counter[str]) -> str:
    shown = ", ".join(f"{kind} {count:,}" for kind, count in kinds.most_common(SHOWN_KINDS))
    return f"{kinds.total():,} ({shown})" if shown else "none"


def _sums(summary: Summary) -> tuple[tuple[str, Counter[str]], ...]:
    """What became of money, each by currency in minor units."""
    return (
        ("authorised", summary.authorised),
        ("captured", summary.captured),
        ("refunded", summary.refunded),
        ("voided", summary.voided),
    )


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} %" if whole else "none"


def _money(amount: int, currency: str) -> str:
    return f"{Money(amount=amount, currency=currency).to_decimal()} {currency}"


def _dollars(cents: int) -> str:
    return _money(cents, "USD")


def _latency(percentiles: Mapping[int, int]) -> str:
    return "  ".join(f"p{part} {ms / 1_000:.2f} s" for part, ms in percentiles.items()) or "none"
