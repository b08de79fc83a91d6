"""`oms … list`: what an operator looks through, page by page, at the HTTP doors."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from oms.calls import AsJson, call, print_json
from oms.typed import typed

__all__ = [
    "After",
    "Limit",
    "Order",
    "fulfillment_commands",
    "item_commands",
    "list_claims",
    "list_orders",
    "list_payments",
    "list_refunds",
    "list_returns",
    "list_stock",
    "list_stored_values",
    "location_commands",
    "shipment_commands",
    "show_list",
]

fulfillment_commands = typer.Typer(help="Look through the work of locations.", no_args_is_help=True)
shipment_commands = typer.Typer(help="Look through shipments.", no_args_is_help=True)
item_commands = typer.Typer(help="Look through what items are.", no_args_is_help=True)
location_commands = typer.Typer(help="Look through what locations are.", no_args_is_help=True)
console = Console()

Limit = Annotated[int | None, typer.Option(min=1, help="Rows of a page.")]
After = Annotated[str | None, typer.Option(help="The `next` of the page before.")]
Location = Annotated[str | None, typer.Option(help="A location by its name.")]
Order = Annotated[str | None, typer.Option(help="An order's id.")]
Stages = Annotated[list[str] | None, typer.Option("--stage", help="How far they are; may be given several times.")]
Column = tuple[str, Callable[[Mapping[str, Any]], Any]]
"""A heading, and what of a row stands below it."""


def _field(name: str) -> Column:
    return name.replace("_", " "), lambda row: row.get(name, "")


def _show(path: str, name: str, command: str, columns: Sequence[Column], as_json: bool, **asked: Any) -> None:
    """Print a page of a list, and how to type the next one."""
    wanted = {key: value for key, value in asked.items() if value is not None and value is not False and value != []}
    page = call("GET", path, parameters=wanted)
    if as_json:
        print_json(page)
        return
    table = Table(box=None, pad_edge=False)
    for number, (heading, _) in enumerate(columns):
        table.add_column(heading, no_wrap=number == 0)  # what it is called is for typing again
    for row in page[name]:
        table.add_row(*(escape(str(shown(row))) for _, shown in columns))
    console.print(table)
    if "next" in page:
        again = _typed_again(wanted)
        console.print(f"more: {typed()} {command}{again} --after {page['next']}", highlight=False, soft_wrap=True)


show_list = _show
"""For lists whose commands are elsewhere."""


def _typed_again(asked: Mapping[str, Any]) -> str:
    """The options as they were typed, but for the place in the list."""
    parts = []
    for name, value in asked.items():
        if name == "after":
            continue
        option = f" --{name.replace('_', '-')}"
        values = value if isinstance(value, list) else [value]
        parts += [option if one is True else f"{option} {shlex.quote(str(one))}" for one in values]
    return "".join(parts)


def list_orders(
    limit: Limit = None,
    after: After = None,
    stage: Stages = None,
    channel_account: Annotated[str | None, typer.Option(help="A channel account by its name.")] = None,
    held: Annotated[bool, typer.Option("--held", help="Those on hold.")] = False,
    notice_failed: Annotated[
        bool, typer.Option("--notice-failed", help="Those whose customer could not be told something.")
    ] = False,
    astray: Annotated[bool, typer.Option("--astray", help="Those of which a package was lost or comes back.")] = False,
    customer: Annotated[str | None, typer.Option(help="A person by their subject: `oms customer list`.")] = None,
    as_json: AsJson = False,
) -> None:
    """List orders, the last placed first."""
    columns = [_field(name) for name in ("number", "external_id", "stage", "holds", "placed_at", "changed_at")]
    asked = {
        "limit": limit,
        "after": after,
        "stage": stage,
        "channel_account": channel_account,
        "held": held,
        "notice_failed": notice_failed,
        "astray": astray,
        "customer": customer,
    }
    _show("/orders", "orders", "order list", columns, as_json, **asked)


def list_refunds(
    limit: Limit = None,
    after: After = None,
    state: Annotated[
        list[str] | None,
        typer.Option(help="proposed, declined, granted, refunded, failed or withdrawn; may be given several times."),
    ] = None,
    order: Order = None,
    as_json: AsJson = False,
) -> None:
    """List refunds, the last first: whom they wait for, and what became of them."""
    names = ("order_number", "number", "cause", "amount", "currency", "stage", "owner", "proposed_at")
    asked = {"limit": limit, "after": after, "state": state, "order": order}
    _show("/refunds", "refunds", "refund list", [_field(name) for name in names], as_json, **asked)


def list_stock(
    limit: Limit = None,
    after: After = None,
    location: Location = None,
    waiting: Annotated[bool, typer.Option("--waiting", help="Those that demand waits for.")] = False,
    suspect: Annotated[bool, typer.Option("--suspect", help="Those of which a picker did not find some.")] = False,
    as_json: AsJson = False,
) -> None:
    """List items by SKU, with what each location has available of what is on hand."""

    def levels(row: Mapping[str, Any]) -> str:
        return ", ".join(f"{one['location']} {one['available']}/{one['on_hand']}" for one in row["levels"])

    columns = [_field("sku"), _field("unit"), _field("waiting"), ("available/on hand", levels)]
    asked = {"limit": limit, "after": after, "location": location, "waiting": waiting, "suspect": suspect}
    _show("/stock-items", "stock_items", "stock list", columns, as_json, **asked)


def list_claims(
    limit: Limit = None,
    after: After = None,
    sku: Annotated[str | None, typer.Option(help="Of one item.")] = None,
    location: Location = None,
    order: Order = None,
    state: Annotated[str | None, typer.Option(help="held, waiting or soft.")] = None,
    as_json: AsJson = False,
) -> None:
    """List open claims: who has goods, and who waits for some."""

    def demand(row: Mapping[str, Any]) -> str:
        return " ".join(row["demand"][name] for name in ("kind", "id", "line"))

    def held(row: Mapping[str, Any]) -> str:
        return ", ".join(f"{one['quantity']} at {one['location']}" for one in row["held"])

    columns = [_field("sku"), ("for", demand), _field("quantity"), ("held", held), _field("waiting")]
    columns += [_field("need_by"), _field("soft_until")]
    asked = {"limit": limit, "after": after, "sku": sku, "location": location, "order": order, "state": state}
    _show("/claims", "claims", "stock claims", columns, as_json, **asked)


@fulfillment_commands.command("list")
def list_work(
    limit: Limit = None,
    after: After = None,
    location: Location = None,
    stage: Stages = None,
    order: Order = None,
    cancel_asked: Annotated[
        bool, typer.Option("--cancel-asked", help="Those whose cancel waits for an answer.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """List fulfillment orders, the oldest first."""
    columns = [_field(name) for name in ("id", "location", "order_id", "method", "quantity", "stage", "changed_at")]
    asked = {"limit": limit, "after": after, "location": location, "stage": stage, "order": order}
    path = "/fulfillment-orders"
    _show(path, "fulfillment_orders", "fulfillment list", columns, as_json, **asked, cancel_asked=cancel_asked)


def list_returns(
    limit: Limit = None,
    after: After = None,
    location: Location = None,
    stage: Stages = None,
    order: Order = None,
    unmatched: Annotated[bool, typer.Option("--unmatched", help="Those that came and are of no order yet.")] = False,
    as_json: AsJson = False,
) -> None:
    """List returns, the newest first."""
    columns = [_field(name) for name in ("id", "order_id", "number", "stage", "expected", "answer_by", "changed_at")]
    asked = {"limit": limit, "after": after, "location": location, "stage": stage, "order": order}
    _show("/returns", "returns", "return list", columns, as_json, **asked, unmatched=unmatched)


@shipment_commands.command("list")
def list_shipments(
    limit: Limit = None,
    after: After = None,
    location: Location = None,
    carrier: Annotated[str | None, typer.Option(help="A carrier by its name.")] = None,
    stage: Stages = None,
    order: Order = None,
    under_way: Annotated[
        bool, typer.Option("--under-way", help="Those that left, and of some packages nobody knows yet.")
    ] = False,
    astray: Annotated[bool, typer.Option("--astray", help="Those of which a package was lost or comes back.")] = False,
    as_json: AsJson = False,
) -> None:
    """List shipments, the last created first."""

    def arrived(row: Mapping[str, Any]) -> str:
        return f"{row['delivered']} of {row['packages']}"

    columns = [_field(name) for name in ("id", "order_id", "location", "carrier", "stage")]
    columns += [("delivered", arrived), _field("changed_at")]
    asked = {"limit": limit, "after": after, "location": location, "carrier": carrier, "stage": stage, "order": order}
    _show("/shipments", "shipments", "shipment list", columns, as_json, **asked, under_way=under_way, astray=astray)


def list_payments(
    limit: Limit = None,
    after: After = None,
    stage: Stages = None,
    currency: Annotated[str | None, typer.Option(help="Three letters, such as EUR.")] = None,
    as_json: AsJson = False,
) -> None:
    """List payments of orders, the last asked for first; amounts in minor units."""
    columns = [
        _field(name) for name in ("order_id", "stage", "currency", "authorized", "captured", "remaining", "changed_at")
    ]
    asked = {"limit": limit, "after": after, "stage": stage, "currency": currency}
    _show("/payments", "payments", "payment list", columns, as_json, **asked)


def list_stored_values(
    limit: Limit = None,
    after: After = None,
    kind: Annotated[str | None, typer.Option(help="gift_card or store_credit.")] = None,
    stage: Stages = None,
    customer: Annotated[str | None, typer.Option(help="A customer's id.")] = None,
    as_json: AsJson = False,
) -> None:
    """List gift cards and store credit, the last opened first; amounts in minor units."""
    columns = [_field(name) for name in ("id", "kind", "customer", "ending", "currency", "available", "held", "stage")]
    asked = {"limit": limit, "after": after, "kind": kind, "stage": stage, "customer": customer}
    _show("/stored-values", "stored_values", "credit list", columns, as_json, **asked)


@item_commands.command("list")
def list_items(
    limit: Limit = None,
    after: After = None,
    category: Annotated[str | None, typer.Option(help="Of one category.")] = None,
    kit: Annotated[bool, typer.Option("--kit", help="Kits alone.")] = False,
    as_json: AsJson = False,
) -> None:
    """List items that somebody described, by SKU."""
    columns = [_field(name) for name in ("sku", "unit", "description", "category", "kit")]
    asked = {"limit": limit, "after": after, "category": category, "kit": kit}
    _show("/items", "items", "item list", columns, as_json, **asked)


@location_commands.command("list")
def list_locations(
    limit: Limit = None,
    after: After = None,
    kind: Annotated[str | None, typer.Option(help="own, store, third_party or vendor.")] = None,
    country: Annotated[str | None, typer.Option(help="Two letters, such as DE.")] = None,
    as_json: AsJson = False,
) -> None:
    """List locations that somebody described, by name."""
    columns = [_field(name) for name in ("location", "kind", "name", "country", "postcode", "priority")]
    asked = {"limit": limit, "after": after, "kind": kind, "country": country}
    _show("/locations", "locations", "location list", columns, as_json, **asked)
