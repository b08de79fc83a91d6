"""`oms refund …`: money that goes back to customers, for people and for scripts."""

from __future__ import annotations

from typing import Annotated

import typer

from oms.calls import AsJson, call, fail, part
from oms.lists import list_refunds
from oms.outcomes import outcome

__all__ = ["refund_commands"]

refund_commands = typer.Typer(help="Grant, approve, retry and list refunds.", no_args_is_help=True)

refund_commands.command("list")(list_refunds)

Key = Annotated[str | None, typer.Option("--key", help="The Idempotency-Key: the same one is done once.")]
Named = Annotated[str, typer.Argument(metavar="ORDER", help="The order's id, number or external id.")]
Refund = Annotated[str, typer.Argument(metavar="REFUND", help="The refund's number, as `oms order show` names it.")]
Detail = Annotated[str | None, typer.Option(help="Why, in words.")]


@refund_commands.command("grant")
def grant(
    name: Named,
    reason: Annotated[str, typer.Option(help="Why, in words. No name of a person.")],
    cause: Annotated[
        str, typer.Option(help="missing, damaged, wrong_item or lost, of lines; appeasement, of an amount.")
    ] = "damaged",
    line: Annotated[
        list[str] | None, typer.Option(help="A line and how many units of it, such as 1=2; may be repeated.")
    ] = None,
    amount: Annotated[int | None, typer.Option(min=1, help="An amount off, in minor units.")] = None,
    currency: Annotated[str | None, typer.Option(help="The currency of the amount.")] = None,
    percent: Annotated[str | None, typer.Option(help="A percentage off, such as 10 or 12.5.")] = None,
    credit: Annotated[bool, typer.Option("--credit", help="As store credit of the customer.")] = False,
    again: Annotated[bool, typer.Option("--again", help="Send the goods of the lines again, and pay nothing.")] = False,
    if_short: Annotated[
        str | None,
        typer.Option(help="What becomes of goods that nobody has: they wait (wait) or are paid back (refund)."),
    ] = None,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Give the customer of ORDER money back, or the goods again; above what you may give alone it waits for a second person."""
    off = amount is not None or percent is not None
    if again and credit:
        fail("say --again or --credit: the customer gets the goods, or store credit")
    said = {"amount": amount, "currency": currency, "percent": percent, "if_short": if_short}
    body = {
        "cause": "appeasement" if off and not line else cause,
        "lines": [_units(each) for each in line or ()],
        "reason": reason,
        "to": "replacement" if again else "store_credit" if credit else "original",
        **{name: value for name, value in said.items() if value},
    }
    outcome(call("POST", f"/orders/{part(name)}/refunds", body, key), as_json)


def _units(typed: str) -> dict[str, str | int]:
    """`1=2`: two units of line 1; `1` alone is one."""
    line, _, count = typed.partition("=")
    if not line or not (count or "1").isdecimal() or not int(count or 1):
        fail(f"{typed!r} is no line with a quantity; write 1=2 for two units of line 1")
    return {"line": line, "quantity": int(count or 1)}


def _on(name: str, refund: str, deed: str, detail: str | None, key: str | None, as_json: bool) -> None:
    path = f"/orders/{part(name)}/refunds/{part(refund)}/{deed}"
    outcome(call("POST", path, {"detail": detail}, key), as_json)


@refund_commands.command("approve")
def approve(name: Named, refund: Refund, detail: Detail = None, key: Key = None, as_json: AsJson = False) -> None:
    """Agree, as the second person, to a refund that was proposed."""
    _on(name, refund, "approve", detail, key, as_json)


@refund_commands.command("decline")
def decline(name: Named, refund: Refund, detail: Detail = None, key: Key = None, as_json: AsJson = False) -> None:
    """Do not agree to a refund that was proposed."""
    _on(name, refund, "decline", detail, key, as_json)


@refund_commands.command("retry")
def retry(name: Named, refund: Refund, detail: Detail = None, key: Key = None, as_json: AsJson = False) -> None:
    """Ask payments again for a refund that failed."""
    _on(name, refund, "retry", detail, key, as_json)


@refund_commands.command("withdraw")
def withdraw(
    name: Named,
    refund: Refund,
    detail: Annotated[str, typer.Option(help="Why, in words.")],
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Take back the decision about a refund that failed."""
    _on(name, refund, "withdraw", detail, key, as_json)
