"""`oms payment …`: how orders are paid, and what somebody has to find out about it."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from oms.calls import AsJson, call, print_json
from oms.lists import list_payments
from oms.orders import find_order
from oms.outcomes import outcome

__all__ = ["payment_commands"]

console = Console()
payment_commands = typer.Typer(help="Show and list payments, and say what a provider could not.", no_args_is_help=True)

payment_commands.command("list")(list_payments)

Named = Annotated[str, typer.Argument(metavar="ORDER", help="The order's id, number or external id.")]


@payment_commands.command("show")
def show(name: Named, as_json: AsJson = False) -> None:
    """Show how an order is paid: its tenders, what was taken and given back, and calls to a provider that are open."""
    payment = call("GET", f"/payments/{find_order(name)}")
    if as_json:
        print_json(payment)
        return
    secured, taken = payment["authorization"], payment["charge"]
    console.print(f"secured: {secured}, taken: {taken}{', voided' if payment['voided'] else ''}", highlight=False)
    sums = ", ".join(f"{word} {payment[word]}" for word in ("authorized", "prepaid", "captured", "refunded"))
    console.print(f"{sums} {payment['currency'] or ''} (minor units)", highlight=False)
    tenders = Table("method", "authorized", "remaining", box=None, pad_edge=False)
    for tender in payment["tenders"]:
        tenders.add_row(tender["method"], str(tender["authorized"]), str(tender["remaining"]))
    console.print(tenders)
    for each in payment["calls"]:
        console.print(f"[yellow]open[/] {_open(each)}", highlight=False, soft_wrap=True)
    for dispute in payment["disputes"]:
        console.print(f"[yellow]dispute[/] of {dispute['capture']}: {dispute['stage']}", highlight=False)


def _open(each: dict[str, Any]) -> str:
    due = f", due {each['due']}" if "due" in each else ""
    return escape(f"{each['key']}: {each['step']} of {each['amount']}, {each['stage']}{due}")


@payment_commands.command("resolve")
def resolve(
    name: Named,
    call_key: Annotated[str, typer.Argument(metavar="CALL", help="The call, as `oms payment show` names it.")],
    happened: Annotated[bool, typer.Option("--happened/--never", help="What you found out at the provider.")],
    reference: Annotated[
        str | None, typer.Option(help="What the provider calls the authorisation, charge or refund.")
    ] = None,
    key: Annotated[str | None, typer.Option("--key", help="The Idempotency-Key: the same one is done once.")] = None,
    as_json: AsJson = False,
) -> None:
    """Say what became of a CALL to a provider for ORDER, which nobody could tell."""
    body = {"key": call_key, "happened": happened, "reference": reference}
    wanted = {field: value for field, value in body.items() if value is not None}
    outcome(call("POST", f"/payments/{find_order(name)}/outcomes", wanted, key), as_json)


Transfer = Annotated[str, typer.Argument(metavar="TRANSFER", help="The bank's own id of it.")]
Amount = Annotated[int, typer.Argument(min=1, help="In minor units.")]
Currency = Annotated[str, typer.Argument(help="Three letters, such as EUR.")]


@payment_commands.command("received")
def received(name: Named, transfer: Transfer, amount: Amount, currency: Currency, as_json: AsJson = False) -> None:
    """Say that money came in by bank transfer for ORDER."""
    _transfer(name, "transfers", transfer, amount, currency, as_json)


@payment_commands.command("returned")
def returned(name: Named, transfer: Transfer, amount: Amount, currency: Currency, as_json: AsJson = False) -> None:
    """Say that money that ORDER does not need was sent back."""
    _transfer(name, "transfers/returned", transfer, amount, currency, as_json)


def _transfer(name: str, deed: str, transfer: str, amount: int, currency: str, as_json: bool) -> None:
    body = {"transfer": transfer, "amount": amount, "currency": currency}
    outcome(call("POST", f"/payments/{find_order(name)}/{deed}", body, f"{deed}-{transfer}"), as_json)
