"""`oms return …`: goods that come back, for those who serve customers and those who open boxes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from oms.calls import WAIT_SECONDS, AsJson, call, download, fail, part, print_json
from oms.lists import list_returns

__all__ = ["return_commands"]

return_commands = typer.Typer(help="Ask for returns, receive and inspect what comes back.", no_args_is_help=True)
return_commands.command("list")(list_returns)
console = Console()

Key = Annotated[str | None, typer.Option("--key", help="The Idempotency-Key: the same one is done once.")]
Order = Annotated[str, typer.Argument(metavar="ORDER", help="The order's id, number or external id.")]
Number = Annotated[int, typer.Argument(metavar="NUMBER", help="The return's number within the order.")]
Return = Annotated[str, typer.Argument(metavar="RETURN", help="The return's id.")]
Items = Annotated[list[str], typer.Option("--item", help="SKU=QUANTITY; may be repeated.")]
Document = Annotated[str, typer.Option(help="The node's own paper: the same one counts once.")]
Location = Annotated[str, typer.Option(help="Where it came to.")]


def _counted(text: str) -> tuple[str, int]:
    """`NAME=QUANTITY`, such as `SKU-1=2`."""
    name, _, number = text.rpartition("=")
    if not name or not number.isdigit() or int(number) < 1:
        fail(f"{text} is no NAME=QUANTITY, such as SKU-1=2")
    return name, int(number)


@return_commands.command("request")
def request(
    order: Order,
    line: Annotated[list[str], typer.Option("--line", help="LINE=QUANTITY; may be repeated.")],
    reason: Annotated[str, typer.Option(help="Why, such as did_not_fit or defective.")] = "changed_mind",
    label: Annotated[bool, typer.Option("--label", help="On our label.")] = False,
    matches: Annotated[str | None, typer.Option(help="The id of a return that came without an order.")] = None,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Ask whether units of an order may come back."""
    lines = [{"line": name, "quantity": quantity, "reason": reason} for name, quantity in map(_counted, line)]
    body: dict[str, Any] = {"lines": lines, "label": label}
    if matches is not None:
        body["matches"] = matches
    _outcome(call("POST", f"/orders/{part(order)}/returns", body, key), as_json)


@return_commands.command("approve")
def approve(
    order: Order,
    number: Number,
    detail: Annotated[str | None, typer.Option(help="Why, in words.")] = None,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Agree to a return that the rules leave to a person."""
    _outcome(call("POST", f"/orders/{part(order)}/returns/{number}/approve", {"detail": detail}, key), as_json)


@return_commands.command("decline")
def decline(
    order: Order,
    number: Number,
    detail: Annotated[str, typer.Option(help="Why, in words.")],
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Do not agree to a return that the rules leave to a person."""
    _outcome(call("POST", f"/orders/{part(order)}/returns/{number}/decline", {"detail": detail}, key), as_json)


@return_commands.command("withdraw")
def withdraw(order: Order, number: Number, key: Key = None, as_json: AsJson = False) -> None:
    """The customer keeps the goods after all."""
    _outcome(call("POST", f"/orders/{part(order)}/returns/{number}/withdraw", {}, key), as_json)


@return_commands.command("receive")
def receive(
    location: Location,
    document: Document,
    item: Items,
    return_id: Annotated[str | None, typer.Option("--return", help="The return's id, if anybody announced it.")] = None,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Say what came back, whatever was announced."""
    items = [{"sku": sku, "quantity": quantity} for sku, quantity in map(_counted, item)]
    path = "/returns" if return_id is None else f"/returns/{part(return_id)}/receipts"
    _outcome(call("POST", path, {"document": document, "location": location, "items": items}, key), as_json)


@return_commands.command("inspect")
def inspect(
    identifier: Return,
    location: Location,
    document: Document,
    item: Items,
    disposition: Annotated[str, typer.Option(help="What becomes of it, such as restock or scrap.")],
    instead_of: Annotated[str | None, typer.Option(help="What was said of it before.")] = None,
    reason: Annotated[str | None, typer.Option(help="Why that is changed.")] = None,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Say what becomes of units that came back, or change it."""
    said = {"disposition": disposition, "instead_of": instead_of, "reason": reason}
    told = {name: value for name, value in said.items() if value is not None}
    items = [{"sku": sku, "quantity": quantity, **told} for sku, quantity in map(_counted, item)]
    body = {"document": document, "location": location, "items": items}
    _outcome(call("POST", f"/returns/{part(identifier)}/inspections", body, key), as_json)


@return_commands.command("close")
def close(
    identifier: Return,
    detail: Annotated[str | None, typer.Option(help="Why, in words.")] = None,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Nothing more is to come."""
    _outcome(call("POST", f"/returns/{part(identifier)}/close", {"detail": detail}, key), as_json)


@return_commands.command("reopen")
def reopen(
    identifier: Return,
    detail: Annotated[str, typer.Option(help="What more there is to say.")],
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """There is more to say about a return that was closed."""
    _outcome(call("POST", f"/returns/{part(identifier)}/reopen", {"detail": detail}, key), as_json)


@return_commands.command("label")
def label(
    identifier: Return,
    location: Annotated[str, typer.Option(help="Where it is to be sent to; a location with an address.")],
    output: Annotated[Path | None, typer.Option("--output", "-o", help="The file to write.")] = None,
) -> None:
    """Write the label that the customer sticks on what they send back, as PDF."""
    target = output or Path(f"return-{identifier}.pdf")
    content = download(f"/returns/{part(identifier)}/label", {"location": location, "format": "pdf"})
    try:
        target.write_bytes(content)
    except OSError as error:
        fail(f"{target} cannot be written: {error.strerror}")
    console.print(f"{target}", highlight=False)


@return_commands.command("show")
def show(identifier: Return, as_json: AsJson = False) -> None:
    """Show a return: what was announced, what came, and what became of it."""
    found = call("GET", f"/returns/{part(identifier)}")
    if as_json:
        print_json(found)
        return
    order = f"order {found['order_id']}" if "order_id" in found else "no order"
    console.print(f"[bold]{found['id']}[/]  {found['stage']}  {order}", highlight=False)
    for line in found["lines"]:
        said = f"line {line['line']}: {line['quantity']} {line['unit']} of {line['sku']}, {line['reason']}"
        console.print(escape(said), highlight=False)
    units = Table("location", "line", "sku", "quantity", "what becomes of it", box=None, pad_edge=False)
    for pile in found["units"]:
        fate = pile.get("disposition", "not looked at")
        units.add_row(escape(pile["location"]), pile.get("line", ""), escape(pile["sku"]), str(pile["quantity"]), fate)
    console.print(units)
    console.print(f"{found['expected']} units have still to come", highlight=False)


def _outcome(document: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(document)
        return
    for event in document.get("events", ()):
        detail = event.get("return_id") or event.get("detail") or ""
        console.print(f"{event['type']} {escape(str(detail))}".rstrip(), highlight=False)
    if "events" not in document:
        console.print(f"Taken, and not yet decided after {WAIT_SECONDS} s.", highlight=False)
    console.print(document["location"], highlight=False, soft_wrap=True)
