"""`oms order change …`: other quantities, lines and ways of an order, for people and for scripts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape

from oms.calls import AsJson, call, fail, part
from oms.outcomes import outcome

__all__ = ["change_commands"]

change_commands = typer.Typer(help="Propose, confirm and decline changes of an order.", no_args_is_help=True)
console = Console()

Key = Annotated[str | None, typer.Option("--key", help="The Idempotency-Key: the same one is done once.")]
Named = Annotated[str, typer.Argument(metavar="ORDER", help="The order's id, number or external id.")]
Change = Annotated[str, typer.Argument(metavar="CHANGE", help="The change's number, as it was proposed.")]
Detail = Annotated[str | None, typer.Option(help="Why, in words.")]


@change_commands.command("propose")
def propose(
    name: Named,
    line: Annotated[
        list[str] | None,
        typer.Option(metavar="LINE=QUANTITY", help="How many units of a line there are to be; may be repeated."),
    ] = None,
    exchange: Annotated[
        list[str] | None,
        typer.Option(
            metavar="LINE=QUANTITY:SKU", help="Units that come back, and what goes out for them; may be repeated."
        ),
    ] = None,
    reason: Annotated[str, typer.Option(help="Why it comes back, such as did_not_fit or defective.")] = "changed_mind",
    send: Annotated[str | None, typer.Option(help="When the others leave: on_receipt or at_once.")] = None,
    label: Annotated[bool, typer.Option("--label", help="It comes back on our label.")] = False,
    exception: Annotated[
        str | None, typer.Option(metavar="WHY", help="Why you let come back what the rules leave to a person.")
    ] = None,
    file: Annotated[Path | None, typer.Option(help="The change as JSON, with lines to add and ways to go.")] = None,
    detail: Detail = None,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Show what a change of ORDER comes to; nothing is done before it is confirmed."""
    body: dict[str, Any] = _read(file) if file else {}
    body["lines"] = [*body.get("lines", ()), *(_wanted(each) for each in line or ())]
    body["returns"] = [*body.get("returns", ()), *(_exchanged(each, reason) for each in exchange or ())]
    said = {"detail": detail, "send": send, "label": label or None, "exception": exception}
    body.update({name: value for name, value in said.items() if value is not None})
    document = call("POST", f"/orders/{part(name)}/changes", body, key)
    found = [event for event in document.get("events", ()) if event["type"] == "ChangeProposed"]
    if as_json or not found:
        outcome(document, as_json)
        return
    shown = call("GET", f"/orders/{part(name)}")["change"] or {}
    _show(shown)


def _show(change: dict[str, Any]) -> None:
    if not change:
        console.print("It is no longer open.", highlight=False)
        return
    for each in change["cancelled"]:
        console.print(f"less: {each['quantity']} of line {each['line']}", highlight=False)
    for each in change.get("returns", ()):
        console.print(f"back: {each['quantity']} of line {each['line']}", highlight=False)
    for each in change["lines"]:
        text = f"more: {each['quantity']} {each['sku']} as line {each['line']}, {each['amount']} minor units"
        console.print(escape(text), highlight=False)
    for each in change["groups"]:
        console.print(escape(f"ship group {each} goes another way"), highlight=False)
    console.print(
        f"owed {change['before']}, then {change['after']} {change['currency']} (minor units)", highlight=False
    )
    if "credit" in change:
        text = f"credit {change['credit']}, difference {change['difference']}; the rest leaves {change['send']}"
        console.print(text, highlight=False)
    console.print(
        f"change {change['change']} can be confirmed until {change['expires']}", highlight=False, soft_wrap=True
    )


def _read(file: Path) -> dict[str, Any]:
    try:
        document = json.loads(file.read_text("utf-8"))
    except OSError as error:
        fail(f"{file} cannot be read: {error.strerror}")
    except ValueError as error:
        fail(f"{file} is not JSON: {error}")
    if not isinstance(document, dict):
        fail(f"{file} is no change: write one JSON object")
    return document


def _wanted(text: str) -> dict[str, Any]:
    """`1=2`: line 1 is to have two units."""
    line, _, quantity = text.partition("=")
    if not line or not quantity.isdecimal():
        fail(f"{text!r} is no line with a quantity; write 1=2 for two units of line 1")
    return {"line": line, "quantity": int(quantity)}


def _exchanged(text: str, reason: str) -> dict[str, Any]:
    """`1=2:SKU-L`: two units of line 1 come back, and two SKU-L go out."""
    wanted, _, sku = text.partition(":")
    if not sku:
        fail(f"{text!r} names no article; write 1=2:SKU-L for two SKU-L instead of two units of line 1")
    return {**_wanted(wanted), "reason": reason, "sku": sku}


@change_commands.command("confirm")
def confirm(name: Named, change: Change, key: Key = None, as_json: AsJson = False) -> None:
    """Do what was proposed, or leave all as it is where that cannot be done."""
    outcome(call("POST", f"/orders/{part(name)}/changes/{part(change)}/confirm", None, key), as_json)


@change_commands.command("decline")
def decline(name: Named, change: Change, detail: Detail = None, key: Key = None, as_json: AsJson = False) -> None:
    """Leave ORDER as it is."""
    path = f"/orders/{part(name)}/changes/{part(change)}/decline"
    outcome(call("POST", path, {"detail": detail}, key), as_json)
