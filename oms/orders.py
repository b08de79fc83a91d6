"""`oms order …` and `oms stock …`: clients of the HTTP doors, for people and for scripts."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any, NoReturn
from urllib.parse import quote
from uuid import uuid4

import httpx
import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from chassis.settings import load_settings
from oms.tokens import console_token

__all__ = ["DOOR_EXIT_CODE", "find_order", "order_commands", "stock_commands"]

WAIT_SECONDS = 10
"""How long a command waits for the outcome of what it sent."""

CALL_SECONDS = 45.0
DOOR_EXIT_CODE = 12
"""The door refused, or does not answer."""

order_commands = typer.Typer(help="Place, look at and cancel orders.", no_args_is_help=True)
stock_commands = typer.Typer(help="Receive and look at stock.", no_args_is_help=True)
console = Console()

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
Key = Annotated[str | None, typer.Option("--key", help="The Idempotency-Key: the same one is done once.")]


@order_commands.command("place")
def place(
    file: Annotated[Path, typer.Argument(help="An order as JSON.")], key: Key = None, as_json: AsJson = False
) -> None:
    """Place the order in FILE and say what became of it."""
    try:
        order = json.loads(file.read_text("utf-8"))
    except OSError as error:
        _fail(f"{file} cannot be read: {error.strerror}")
    except ValueError as error:
        _fail(f"{file} is not JSON: {error}")
    _outcome(_call("POST", "/orders", order, key), as_json)


@order_commands.command("show")
def show(
    name: Annotated[str, typer.Argument(help="The order's id, number or external id.")],
    at: Annotated[str | None, typer.Option(help="As it was recorded then, such as 2026-01-05T09:00:00Z.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show an order and everything that happened to it."""
    order = _call("GET", f"/orders/{_part(name)}", parameters={"at": at} if at else None)
    history = _call("GET", f"/orders/{_part(name)}/timeline")
    history["events"] = [event for event in history["events"] if event["version"] <= order["version"]]
    if as_json:
        _print_json({**order, "timeline": history["events"]})
        return
    console.print(f"[bold]{order['number']}[/]  {order['status']}  {escape(order['external_id'])}", highlight=False)
    console.print(f"{order['total']} {order['currency']} (minor units), captured {order['captured']}", highlight=False)
    ways = {group["group"]: _way(group) for group in order["ship_groups"]}
    lines = Table("line", "sku", "quantity", "way", "where its units stand", box=None, pad_edge=False)
    for line in order["lines"]:
        stands = ", ".join(f"{count} {bucket}" for bucket, count in line["units"].items())
        way = escape(ways.get(line["ship_group"], "none"))
        lines.add_row(line["line"], escape(line["sku"]), f"{line['quantity']} {line['unit']}", way, stands)
    console.print(lines)
    for held in order["holds"]:
        console.print(f"[yellow]held[/] {held['hold']}: {held['kind']}", highlight=False)
    for notice in order["notices"]:
        console.print(f"notice {notice['notice']}: {notice['kind']}, {notice['status']}", highlight=False)
    events = Table("when", "what", "who", "why", box=None, pad_edge=False)
    for event in history["events"]:
        who = f"{event['who']['kind']}:{event['who']['subject']}"
        events.add_row(event["when"], event["what"], escape(who), escape(event["why"] or ""))
    console.print(events)


def _way(group: dict[str, Any]) -> str:
    """How goods go, such as `pickup at berlin`."""
    return f"{group['method']} at {group['location']}" if "location" in group else str(group["method"])


@order_commands.command("why")
def why(
    name: Annotated[str, typer.Argument(help="The order's id, number or external id.")], as_json: AsJson = False
) -> None:
    """Say what an order waits for, since when, and who can move it."""
    found = _call("GET", f"/orders/{_part(name)}/why")
    if as_json:
        _print_json(found)
        return
    console.print(escape(found["sentence"]), highlight=False, soft_wrap=True)
    for wait in found["waits"][1:]:
        console.print(f"  also {escape(wait['for'])}, since {wait['since']}; {escape(wait['who'])}", highlight=False)


@order_commands.command("list")
def list_orders(
    limit: Annotated[int, typer.Option(min=1, max=200, help="Orders on a page.")] = 50,
    cursor: Annotated[str | None, typer.Option(help="The `next` of the page before.")] = None,
    stage: Annotated[str | None, typer.Option(help="placed, confirmed, completed or cancelled.")] = None,
    notice_failed: Annotated[
        bool, typer.Option("--notice-failed", help="Those whose customer could not be told something.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """List orders, the last changed first."""
    asked = {"limit": limit, "cursor": cursor, "stage": stage, "notice_failed": notice_failed or None}
    page = _call("GET", "/orders", parameters={name: value for name, value in asked.items() if value is not None})
    if as_json:
        _print_json(page)
        return
    table = Table("number", "external id", "stage", "holds", "changed", box=None, pad_edge=False)
    for order in page["orders"]:
        table.add_row(
            order["number"], escape(order["external_id"]), order["stage"], str(order["holds"]), order["changed_at"]
        )
    console.print(table)
    if "next" in page:
        console.print(f"more: oms order list --cursor {page['next']}", highlight=False, soft_wrap=True)


@order_commands.command("cancel")
def cancel(
    name: Annotated[str, typer.Argument(help="The order's id, number or external id.")],
    detail: Annotated[str | None, typer.Option(help="Why, in words.")] = None,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Cancel what has not left of an order."""
    _outcome(_call("POST", f"/orders/{_part(name)}/cancel", {"detail": detail}, key), as_json)


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
    _outcome(_call("POST", f"/stock-items/{_part(sku)}/receipts", body, key), as_json)


@stock_commands.command("show")
def show_stock(sku: str, as_json: AsJson = False) -> None:
    """Show an item at all its locations."""
    item = _call("GET", f"/stock-items/{_part(sku)}")
    if as_json:
        _print_json(item)
        return
    table = Table("location", "on hand", "reserved", "available", "picked", box=None, pad_edge=False)
    for level in item["levels"]:
        numbers = (str(level[name]) for name in ("on_hand", "reserved", "available", "picked"))
        table.add_row(escape(level["location"]), *numbers)
    console.print(table)
    console.print(f"{item['claims_count']} open claims, {item['claims_waiting']} waiting", highlight=False)


def find_order(name: str) -> str:
    """The id of an order that people name by id, number or external id; ends the command when there is none."""
    return str(_call("GET", f"/orders/{_part(name)}")["order_id"])


def _part(name: str) -> str:
    """A name as one part of an address."""
    return quote(name, safe="")


def _call(
    method: str,
    path: str,
    body: Any = None,
    key: str | None = None,
    parameters: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """The answer of a door; ends the command with one sentence when there is none, or a problem."""
    settings = load_settings()
    address = f"http://{settings.http_host}:{settings.http_port}"
    headers = {"Authorization": f"Bearer {console_token(settings)}"}
    if method == "POST":
        headers |= {"Idempotency-Key": key or uuid4().hex, "Prefer": f"wait={WAIT_SECONDS}"}
    try:
        with httpx.Client(base_url=address, timeout=CALL_SECONDS, trust_env=False) as client:
            answer = client.request(method, path, json=body, headers=headers, params=parameters)
            document: dict[str, Any] = answer.json()
    except httpx.HTTPError as error:
        _fail(f"no door answers at {address} ({error}); `oms up` opens it, `oms status` shows what runs")
    except ValueError:
        _fail(f"what answers at {address} is no door of Orderlog; look at the settings http_host and http_port")
    if answer.is_error:
        _fail(f"{document.get('title')}. {document.get('detail')}")
    return document


def _outcome(document: dict[str, Any], as_json: bool) -> None:
    if as_json:
        _print_json(document)
        return
    for event in document.get("events", ()):
        detail = event.get("detail") or event.get("number") or ""
        console.print(f"{event['type']} {escape(str(detail))}".rstrip(), highlight=False)
    if "events" not in document:
        console.print(f"Taken, and not yet decided after {WAIT_SECONDS} s.", highlight=False)
    console.print(document["location"], highlight=False, soft_wrap=True)


def _print_json(document: object) -> None:
    sys.stdout.write(json.dumps(document, indent=2) + "\n")


def _fail(sentence: str) -> NoReturn:
    sys.stderr.write(f"oms: {sentence}\n")
    raise typer.Exit(DOOR_EXIT_CODE)
