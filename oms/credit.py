"""`oms credit …`: issue gift cards and store credit, look at their ledgers, block them."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from oms.calls import AsJson, call, part, print_json
from oms.lists import list_stored_values

__all__ = ["credit_commands"]

credit_commands = typer.Typer(help="Gift cards and store credit: issue, look through, block.", no_args_is_help=True)
credit_commands.command("list")(list_stored_values)
console = Console()

Key = Annotated[str | None, typer.Option("--key", help="The Idempotency-Key: the same one is done once.")]
Amount = Annotated[int, typer.Argument(min=1, help="In minor units: 5000 is 50.00 EUR.")]
Currency = Annotated[str, typer.Argument(help="Three letters, such as EUR.")]
Ledger = Annotated[str, typer.Argument(help="The id, as `oms credit list` shows it.")]
Expires = Annotated[str | None, typer.Option(help="When what is left lapses, such as 2029-12-31T23:00:00Z.")]
Cause = Annotated[str, typer.Option(help="sold, refund, goodwill, promotion or imported.")]
Detail = Annotated[str, typer.Option(help="Why, in words, without a name.")]


@credit_commands.command("issue")
def issue(
    issuer: Annotated[str, typer.Argument(help="Who gave the customer their id, such as a shop.")],
    customer: Annotated[str, typer.Argument(help="The customer's id.")],
    amount: Amount,
    currency: Currency,
    cause: Cause = "goodwill",
    expires_at: Expires = None,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Give a customer credit."""
    body = {"issuer": issuer, "customer": customer, "amount": amount, "currency": currency, "cause": cause}
    _issued(call("POST", "/stored-values/store-credits", {**body, "expires_at": expires_at}, key), as_json)


@credit_commands.command("gift-card")
def gift_card(
    amount: Amount,
    currency: Currency,
    cause: Cause = "sold",
    expires_at: Expires = None,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Issue a gift card. Its code is printed once and kept nowhere."""
    body = {"amount": amount, "currency": currency, "cause": cause, "expires_at": expires_at}
    _issued(call("POST", "/stored-values/gift-cards", body, key), as_json)


def _issued(answer: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(answer)
        return
    if "code" in answer:
        console.print(f"code {answer['code']}", highlight=False)
    became = ", ".join(event["type"] for event in answer.get("events", ())) or answer.get("outcome", "")
    console.print(f"{answer['stored_value']}: {became}", highlight=False)


@credit_commands.command("show")
def show(identifier: Ledger, as_json: AsJson = False) -> None:
    """Show what a ledger has, and what came in and went out."""
    ledger = call("GET", f"/stored-values/{part(identifier)}")
    moved = call("GET", f"/stored-values/{part(identifier)}/movements")["movements"]
    if as_json:
        print_json({**ledger, "movements": moved})
        return
    whose = ledger.get("customer") or f"…{ledger.get('ending', '')}"
    blocked = ", blocked" if ledger["blocked"] else ""
    console.print(f"{ledger['kind']} {escape(whose)}: {ledger['available']} {ledger['currency']} available{blocked}")
    table = Table("when", "what", "amount", "order", box=None, pad_edge=False)
    for row in moved:
        table.add_row(row["when"], row["what"], str(row.get("amount", {}).get("amount", "")), row.get("order_id", ""))
    console.print(table)


@credit_commands.command("block")
def block(identifier: Ledger, detail: Detail, key: Key = None, as_json: AsJson = False) -> None:
    """Let nobody spend it any more; what is held for orders stays held."""
    _told(identifier, "block", detail, key, as_json)


@credit_commands.command("unblock")
def unblock(identifier: Ledger, detail: Detail, key: Key = None, as_json: AsJson = False) -> None:
    """Let it be spent again."""
    _told(identifier, "unblock", detail, key, as_json)


def _told(identifier: str, what: str, detail: str, key: str | None, as_json: bool) -> None:
    answer = call("POST", f"/stored-values/{part(identifier)}/{what}", {"detail": detail}, key)
    if as_json:
        print_json(answer)
        return
    became = ", ".join(event["type"] for event in answer.get("events", ())) or answer.get("outcome", "")
    console.print(f"{identifier}: {became}", highlight=False)
