"""`oms invoice …`: look through documents, print them, and say who issues them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from oms.calls import AsJson, call, download, fail, part, print_json
from oms.lists import After, Limit, Order, show_list
from oms.statements import StatementRefused, read_statement

__all__ = ["invoice_commands"]

invoice_commands = typer.Typer(help="Invoices and credit notes.", no_args_is_help=True)
console = Console()

REFUSED = 1
"""The exit code when an entry of a statement was refused."""

Name = Annotated[str, typer.Argument(help="A document's number or id.")]
Seller = Annotated[str | None, typer.Option(help="Whose it is, where several sellers have the number.")]
Output = Annotated[Path | None, typer.Option("--output", "-o", help="A file; else one named by the number, here.")]


@invoice_commands.command("list")
def list_invoices(
    limit: Limit = None,
    after: After = None,
    state: Annotated[
        list[str] | None, typer.Option("--state", help="open, overdue, paid and so on; may be given several times.")
    ] = None,
    order: Order = None,
    seller: Annotated[str | None, typer.Option(help="A seller by the name that orders give.")] = None,
    as_json: AsJson = False,
) -> None:
    """List invoices and credit notes, the last drafted first; amounts in minor units."""
    names = ("number", "kind", "state", "seller", "currency", "gross", "open", "issued_on", "due_on", "order_id")
    columns = [(name.replace("_", " "), lambda row, name=name: row.get(name, "")) for name in names]
    asked = {"limit": limit, "after": after, "state": state, "order": order, "seller": seller}
    show_list("/invoices", "invoices", "invoice list", columns, as_json, **asked)


@invoice_commands.command("show")
def show(name: Name, seller: Seller = None, as_json: AsJson = False) -> None:
    """Show what a document says, and what of it is open."""
    found = call("GET", f"/invoices/{part(name)}", parameters=_of(seller))
    if as_json:
        print_json(found)
        return
    number = found.get("number", found["id"])
    console.print(f"[bold]{number}[/]  {found['kind']}  {found['state']}  order {found['order_id']}", highlight=False)
    console.print(
        f"{found['gross']} {found['currency']} (minor units), open {found['open']}"
        + (f", due on {found['due_on']}" if "due_on" in found else ""),
        highlight=False,
    )
    if "waits_for" in found:
        console.print(f"[yellow]waits[/] {found['waits_for']}", highlight=False)
    document = found.get("document", {"lines": (), "charges": ()})
    table = Table("line", "what", "quantity", "net", "gross", box=None, pad_edge=False)
    for line in document["lines"]:
        quantity = f"{line['quantity']} {line['unit']}"
        what = line.get("description") or line["sku"]
        table.add_row(line["line"], escape(what), quantity, *(str(line[name]["amount"]) for name in ("net", "gross")))
    for charge in document["charges"]:
        what = " ".join(word for word in (charge["kind"], charge.get("code")) if word)
        amounts = (str(charge[name]["amount"]) for name in ("net", "gross"))
        table.add_row(charge.get("line", ""), escape(what), "", *amounts)
    console.print(table)


@invoice_commands.command("pdf")
def pdf(name: Name, seller: Seller = None, output: Output = None) -> None:
    """Write a document as PDF, with its XML attached."""
    _write(name, "pdf", seller, output)


@invoice_commands.command("xml")
def xml(name: Name, seller: Seller = None, output: Output = None) -> None:
    """Write a document as XML (Factur-X, EN 16931)."""
    _write(name, "xml", seller, output)


@invoice_commands.command("retry")
def retry(
    identifier: Annotated[str, typer.Argument(help="A document's id.")],
    key: Annotated[str | None, typer.Option("--key", help="The Idempotency-Key: the same one is done once.")] = None,
) -> None:
    """Have a document issued that waits, once what it waits for is there; or an invoice charged once more whose card was
    declined."""
    print_json(call("POST", f"/invoices/{part(identifier)}/retry", {}, key))


@invoice_commands.command("seller")
def describe(
    seller: Annotated[str, typer.Argument(help="A seller by the name that orders give.")],
    file: Annotated[Path | None, typer.Argument(help="Who they are, as JSON; else they are shown.")] = None,
    key: Annotated[str | None, typer.Option("--key", help="The Idempotency-Key: the same one is done once.")] = None,
) -> None:
    """Say who a seller is on documents from now on, or show it."""
    if file is None:
        print_json(call("GET", f"/sellers/{part(seller)}"))
        return
    try:
        particulars: Any = json.loads(file.read_text("utf-8"))
    except OSError as error:
        fail(f"{file} cannot be read: {error.strerror}")
    except ValueError as error:
        fail(f"{file} is not JSON: {error}")
    print_json(call("POST", "/sellers", {"seller": seller, "particulars": particulars}, key))


@invoice_commands.command("statement")
def statement(
    file: Annotated[Path, typer.Argument(help="A bank statement: CSV with named columns, or camt.053.")],
) -> None:
    """Send the credits of a statement; one that was sent before changes nothing, and one that was booked too long ago to be
    known again is refused. Says what became of each. Exit code 1 when any was refused."""
    try:
        entries = read_statement(file)
    except StatementRefused as error:
        fail(f"{error}")
    table, refused = Table("entry", "booked on", "amount", "what became of it", box=None, pad_edge=False), False
    for entry in entries:
        answer = call("POST", "/bank-entries", dict(entry))
        amount = f"{entry['amount']} {entry['currency']}"
        table.add_row(escape(entry["entry"]), str(entry["booked_on"]), amount, escape(_became(answer)))
        refused = refused or any(event["type"] == "EntryRefused" for event in answer.get("events", ()))
    console.print(table)
    if refused:
        raise typer.Exit(REFUSED)


def _became(answer: dict[str, Any]) -> str:
    """What the account made of an entry, as far as it is known."""
    for event in answer.get("events", ()):
        if event["type"] == "EntryMatched":
            return f"invoice {event['invoice']}"
        if event["type"] == "EntryUnmatched":
            return f"unmatched: {event['reason']}"
        if event["type"] == "EntryRepeated":
            return "known already"
        if event["type"] == "EntryRefused":
            return f"refused: entries that were booked up to {event['forgotten']} are not known any more"
    return "sent"


@invoice_commands.command("unmatched")
def unmatched(limit: Limit = None, after: After = None, as_json: AsJson = False) -> None:
    """List money that came and that is no invoice's."""
    names = ("account", "entry", "amount", "currency", "booked_on", "reason", "invoice", "owner")
    columns = [(name.replace("_", " "), lambda row, name=name: row.get(name, "")) for name in names]
    asked = {"limit": limit, "after": after, "state": ["unmatched"]}
    show_list("/bank-entries", "bank_entries", "invoice unmatched", columns, as_json, **asked)


@invoice_commands.command("settle")
def settle(
    account: Annotated[str, typer.Argument(help="The bank account.")],
    entry: Annotated[str, typer.Argument(help="The bank's name of the entry.")],
    detail: Annotated[str, typer.Option(help="What was done about it.")],
    invoice: Annotated[str | None, typer.Option(help="The id of the invoice that it pays.")] = None,
) -> None:
    """Say what an unmatched entry is."""
    body = {"account": account, "entry": entry, "detail": detail} | ({"invoice": invoice} if invoice else {})
    print_json(call("POST", "/bank-entries/settle", body))


@invoice_commands.command("write-off")
def write_off(
    identifier: Annotated[str, typer.Argument(help="An invoice's id.")],
    reason: Annotated[str, typer.Option(help="Why; no name of a person.")],
) -> None:
    """Give up what is open of an invoice."""
    print_json(call("POST", f"/invoices/{part(identifier)}/write-off", {"reason": reason}))


def _of(seller: str | None) -> dict[str, Any] | None:
    return {"seller": seller} if seller else None


def _write(name: str, written: str, seller: str | None, output: Path | None) -> None:
    target = output or Path(f"{name}.{written}")
    content = download(f"/invoices/{part(name)}/{written}", _of(seller))
    try:
        target.write_bytes(content)
    except OSError as error:
        fail(f"{target} cannot be written: {error.strerror}")
    console.print(f"{target}", highlight=False)
