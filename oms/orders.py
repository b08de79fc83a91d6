"""`oms order …` and `oms stock …`: clients of the HTTP doors, for people and for scripts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from oms.calls import AsJson, call, fail, part, print_json
from oms.changes import change_commands
from oms.cut import cut_of, show_cut
from oms.lists import list_claims, list_orders, list_stock
from oms.outcomes import outcome as _outcome

__all__ = ["find_order", "order_commands", "stock_commands"]

order_commands = typer.Typer(help="Place, list, look at, hold and cancel orders.", no_args_is_help=True)
stock_commands = typer.Typer(help="Receive and look at stock.", no_args_is_help=True)
order_commands.command("list")(list_orders)
order_commands.add_typer(change_commands, name="change")
stock_commands.command("list")(list_stock)
stock_commands.command("claims")(list_claims)
console = Console()

Key = Annotated[str | None, typer.Option("--key", help="The Idempotency-Key: the same one is done once.")]


@order_commands.command("place")
def place(
    file: Annotated[Path, typer.Argument(help="An order as JSON.")], key: Key = None, as_json: AsJson = False
) -> None:
    """Place the order in FILE and say what became of it."""
    try:
        order = json.loads(file.read_text("utf-8"))
    except OSError as error:
        fail(f"{file} cannot be read: {error.strerror}")
    except ValueError as error:
        fail(f"{file} is not JSON: {error}")
    _outcome(call("POST", "/orders", order, key), as_json)


@order_commands.command("show")
def show(
    name: Annotated[str, typer.Argument(help="The order's id, number or external id.")],
    at: Annotated[
        str | None, typer.Option(help="As it was recorded then: 2026-01-05T09:00:00Z, or an offset of its partition.")
    ] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="With --at: also its stock, payment, work and shipments, as known then.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show an order and everything that happened to it."""
    if everything:
        if at is None:
            raise typer.BadParameter("--all shows one moment of all services: say which, with --at")
        show_cut(cut_of(name, at), as_json)
        return
    order = call("GET", f"/orders/{part(name)}", parameters={"at": at} if at else None)
    history = call("GET", f"/orders/{part(name)}/timeline")
    history["events"] = [event for event in history["events"] if event["version"] <= order["version"]]
    if as_json:
        print_json({**order, "timeline": history["events"]})
        return
    console.print(f"[bold]{order['number']}[/]  {order['status']}  {escape(order['external_id'])}", highlight=False)
    console.print(f"{order['total']} {order['currency']} (minor units), captured {order['captured']}", highlight=False)
    _show_looked_after(order)
    ways = {group["group"]: _way(group) for group in order["ship_groups"]}
    lines = Table("line", "sku", "quantity", "way", "where its units stand", box=None, pad_edge=False)
    for line in order["lines"]:
        stands = ", ".join(f"{count} {bucket}" for bucket, count in line["units"].items())
        way = escape(ways.get(line["ship_group"], "none"))
        lines.add_row(line["line"], escape(line["sku"]), f"{line['quantity']} {line['unit']}", way, stands)
    console.print(lines)
    for held in order["holds"]:
        alone = f", lines {', '.join(held['lines'])} alone" if "lines" in held else ""
        console.print(f"[yellow]held[/] {held['hold']}: {held['kind']}{escape(alone)}", highlight=False)
    for gone in order["astray"]:
        units = sum(line["quantity"] for line in gone["lines"])
        said = f"package {gone['package']}: {gone['fate']} by {gone['carrier']}, {units} units; {gone['owner']}"
        console.print(f"[yellow]astray[/] {escape(said)}", highlight=False)
    if order["refunds"]:
        said = f"refunded {order['refunded']}, owed {order['credit']} {order['currency']} (minor units)"
        console.print(said, highlight=False)
    for refund in order["refunds"]:
        asked = f", approved by {refund['approved_by']}" if "approved_by" in refund else ""
        said = f"{refund['number']}: {refund['amount']} for {refund['cause']}, {refund['stage']}{asked}"
        failed = f"; {refund['owner']}: {refund['detail'] or refund['why']}" if "owner" in refund else ""
        console.print(f"refund {escape(said + failed)}", highlight=False)
    for back in order["returns"]:
        wanted = ", ".join(f"{line['quantity']} of line {line['line']}" for line in back["lines"])
        said = f"return {back['number']}: {back['state']}, {wanted}; {back['id']}"
        console.print(escape(said), highlight=False)
    for notice in order["notices"]:
        console.print(f"notice {notice['notice']}: {notice['kind']}, {notice['status']}", highlight=False)
    events = Table("when", "what", "who", "why", box=None, pad_edge=False)
    for event in history["events"]:
        who = f"{event['who']['kind']}:{event['who']['subject']}"
        events.add_row(event["when"], event["what"], escape(who), escape(event["why"] or ""))
    console.print(events)


def _show_looked_after(order: dict[str, Any]) -> None:
    if order.get("owner"):
        console.print(f"looked after by {escape(order['owner'])}", highlight=False)
    if order.get("notes"):
        console.print(f"notes: {order['notes']}; `oms order notes` shows them", highlight=False)


def _way(group: dict[str, Any]) -> str:
    """How goods go, such as `pickup at berlin`."""
    return f"{group['method']} at {group['location']}" if "location" in group else str(group["method"])


@order_commands.command("why")
def why(
    name: Annotated[str, typer.Argument(help="The order's id, number or external id.")], as_json: AsJson = False
) -> None:
    """Say what an order waits for, since when, and who can move it."""
    found = call("GET", f"/orders/{part(name)}/why")
    if as_json:
        print_json(found)
        return
    console.print(escape(found["sentence"]), highlight=False, soft_wrap=True)
    for wait in found["waits"][1:]:
        console.print(f"  also {escape(wait['for'])}, since {wait['since']}; {escape(wait['who'])}", highlight=False)


@order_commands.command("cancel")
def cancel(
    name: Annotated[str, typer.Argument(help="The order's id, number or external id.")],
    detail: Annotated[str | None, typer.Option(help="Why, in words.")] = None,
    line: Annotated[
        list[str] | None,
        typer.Option(metavar="LINE[=QUANTITY]", help="Only so many units of a line, or all of it; may be repeated."),
    ] = None,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Cancel what has not left of an order, or of some lines of it."""
    body = {"detail": detail, "lines": [_units_of_line(each) for each in line or []]}
    _outcome(call("POST", f"/orders/{part(name)}/cancel", body, key), as_json)


def _units_of_line(text: str) -> dict[str, Any]:
    """A line, such as `1`, or so many units of it, such as `1=2`; ends the command when it is neither."""
    line, equals, quantity = text.partition("=")
    if not line or (equals and not (quantity.isdecimal() and int(quantity))):
        fail(f"{text!r} is not a line (1), or a line and a number of its units (1=2)")
    return {"line": line, "quantity": int(quantity)} if equals else {"line": line}


@order_commands.command("hold")
def hold(
    name: Annotated[str, typer.Argument(help="The order's id, number or external id.")],
    detail: Annotated[str, typer.Option(help="Why, in words.")],
    line: Annotated[list[str] | None, typer.Option(help="A line that is to wait alone; may be repeated.")] = None,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Keep an order, or some lines of it, from going on until the hold is released."""
    body = {"detail": detail, "lines": line or []}
    _outcome(call("POST", f"/orders/{part(name)}/holds", body, key), as_json)


@order_commands.command("release")
def release(
    name: Annotated[str, typer.Argument(help="The order's id, number or external id.")],
    held: Annotated[str, typer.Argument(metavar="HOLD", help="The hold's number, as `oms order show` names it.")],
    detail: Annotated[str | None, typer.Option(help="Why, in words.")] = None,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Accept what a hold shows, so that the order goes on."""
    _outcome(call("POST", f"/orders/{part(name)}/holds/{part(held)}/release", {"detail": detail}, key), as_json)


@order_commands.command("note")
def note(
    name: Annotated[str, typer.Argument(help="The order's id, number or external id.")],
    text: Annotated[str, typer.Argument(help="What is to be written down. It is sealed with what is the buyer's.")],
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Write something down about an order."""
    _outcome(call("POST", f"/orders/{part(name)}/notes", {"text": text}, key), as_json)


@order_commands.command("notes")
def notes(
    name: Annotated[str, typer.Argument(help="The order's id, number or external id.")], as_json: AsJson = False
) -> None:
    """Show what was written down about an order."""
    found = call("GET", f"/orders/{part(name)}/notes")
    if as_json:
        print_json(found)
        return
    for each in found["notes"]:
        text = each.get("text") or each.get("unreadable") or "forgotten, with who bought"
        console.print(
            escape(f"{each['when']}  {each['who']['kind']}:{each['who']['subject']}  {text}"), highlight=False
        )
    if not found["notes"]:
        console.print("Nothing was noted.")


@order_commands.command("assign")
def assign(
    name: Annotated[str, typer.Argument(help="The order's id, number or external id.")],
    owner: Annotated[str | None, typer.Argument(help="The account that looks after it; nobody without.")] = None,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Say who looks after an order."""
    _outcome(call("POST", f"/orders/{part(name)}/owner", {"owner": owner}, key), as_json)


@order_commands.command("settle")
def settle(
    name: Annotated[str, typer.Argument(help="The order's id, number or external id.")],
    package: Annotated[str, typer.Argument(help="The package's id, as `oms order show` names it.")],
    detail: Annotated[str, typer.Option(help="What was done, in words.")],
    refund: Annotated[bool, typer.Option("--refund", help="Pay back what was paid for what is in it.")] = False,
    reship: Annotated[bool, typer.Option("--reship", help="Send what is in it again.")] = False,
    if_short: Annotated[
        str | None, typer.Option(help="What becomes of what nobody has: it waits (wait), or is paid back (refund).")
    ] = None,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Say what was done about a package that was lost or came back."""
    path = f"/orders/{part(name)}/packages/{part(package)}/settle"
    body: dict[str, Any] = {"detail": detail, "refund": refund, "reship": reship}
    if if_short is not None:
        body["if_short"] = if_short
    _outcome(call("POST", path, body, key), as_json)


@stock_commands.command("receive")
def receive(
    sku: str,
    location: str,
    quantity: Annotated[int, typer.Argument(min=1, help="Units of the item's base unit.")],
    unit: Annotated[str, typer.Option(help="The item's base unit: each, g, ml, mm.")] = "each",
    document: Annotated[str | None, typer.Option(help="The paper that the goods came with.")] = None,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Receive goods at a location; orders that wait for them are served."""
    body = {"location": location, "quantity": quantity, "unit": unit, "document": document}
    _outcome(call("POST", f"/stock-items/{part(sku)}/receipts", body, key), as_json)


@stock_commands.command("show")
def show_stock(
    sku: str,
    at: Annotated[str | None, typer.Option(help="As it was recorded then: 2026-01-05T09:00:00Z, or an offset.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show an item at all its locations."""
    item = call("GET", f"/stock-items/{part(sku)}", parameters={"at": at} if at else None)
    if as_json:
        print_json(item)
        return
    table = Table("location", "on hand", "reserved", "available", "picked", box=None, pad_edge=False)
    for level in item["levels"]:
        numbers = (str(level[name]) for name in ("on_hand", "reserved", "available", "picked"))
        table.add_row(escape(level["location"]), *numbers)
    console.print(table)
    console.print(f"{item['claims_count']} open claims, {item['claims_waiting']} waiting", highlight=False)


def find_order(name: str) -> str:
    """The id of an order that people name by id, number or external id; ends the command when there is none."""
    return str(call("GET", f"/orders/{part(name)}")["order_id"])
