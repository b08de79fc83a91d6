"""`oms init`: what is typed, asked and printed."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import httpx
import typer
from rich.console import Console
from rich.markup import escape

from chassis.settings import Settings, load_settings
from oms.calls import CALL_SECONDS, DOOR_EXIT_CODE
from oms.opening.carrying_out import Outcome, Result, carry_out
from oms.opening.plan import Asked, Plan, make_plan, read_folder
from oms.patience import DoorsAway
from oms.tokens import console_token

__all__ = ["connect", "init"]

SHOWN_MAX = 20
"""Things that were refused or left, which the summary names; `--json` has all."""

KINDS = ("location", "item", "stock")


def init(
    folder: Annotated[
        Path | None,
        typer.Argument(
            help="Folder with locations.csv, items.csv, kits.csv and stock.csv, those that are there; without it you are asked."
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")] = False,
) -> None:
    """Say the first locations, items and stock. Doing it again changes nothing that is there.

    Exit code 0 when all of it is there, 12 when a door refused some of it or does not answer, 14 when a file is wrong.
    """
    plan = _ask() if folder is None else read_folder(folder)
    try:
        with connect(load_settings()) as client:
            results = carry_out(plan, client)
    except (DoorsAway, httpx.HTTPStatusError) as error:
        sys.stderr.write(f"oms: {error}\n")
        raise typer.Exit(DOOR_EXIT_CODE) from error
    if as_json:
        sys.stdout.write(json.dumps(_document(results), indent=2) + "\n")
    else:
        _show(results)
    if any(result.outcome is Outcome.REFUSED for result in results):
        raise typer.Exit(DOOR_EXIT_CODE)


def connect(settings: Settings) -> httpx.Client:
    """A client of the doors for the person at the console. Raises TokensRefused."""
    address = f"http://{settings.http_host}:{settings.http_port}"
    headers = {"Authorization": f"Bearer {console_token(settings)}"}
    return httpx.Client(base_url=address, headers=headers, timeout=CALL_SECONDS, trust_env=False)


def _ask() -> Plan:
    """The plan of what somebody types; an empty answer ends each list."""
    locations, items = [], []
    typer.echo("Locations: where goods lie. An empty name ends the list.")
    while location := _answer("  Name of a location"):
        said = {"location": location, "country": _answer("    Country (DE)"), "postcode": _answer("    Postcode")}
        locations.append(_asked(f"location {location}", said))
    typer.echo("Items: what is sold. An empty SKU ends the list.")
    while sku := _answer("  SKU"):
        unit = _answer("    Base unit (each, g, ml, mm; empty: each)")
        items.append(_asked(f"item {sku}", {"sku": sku, "description": _answer("    Description"), "unit": unit}))
    typer.echo("Stock: what lies there now. Empty is none.")
    stock = []
    for item in items:
        for place in locations:
            sku, location = item.cells["sku"], place.cells["location"]
            quantity = _answer(f"  {sku} at {location}")
            if quantity not in {"", "0"}:
                stock.append(_asked(f"{sku} at {location}", {"sku": sku, "location": location, "quantity": quantity}))
    return make_plan(locations, items, stock)


def _answer(question: str) -> str:
    return str(typer.prompt(question, default="", show_default=False)).strip()


def _asked(place: str, said: dict[str, str]) -> Asked:
    return Asked(place, {name: text for name, text in said.items() if text})


def _document(results: Sequence[Result]) -> dict[str, object]:
    return {
        **{kind: _counts(results, kind) for kind in KINDS},
        "notes": [
            {"kind": result.kind, "name": result.name, "outcome": result.outcome, "detail": result.detail}
            for result in results
            if result.detail
        ],
    }


def _counts(results: Sequence[Result], kind: str) -> dict[str, int]:
    counted = Counter(result.outcome for result in results if result.kind == kind)
    return {outcome.value: counted[outcome] for outcome in Outcome}


def _show(results: Sequence[Result]) -> None:
    def say(line: str) -> None:
        Console().print(escape(line), highlight=False, soft_wrap=True)

    for kind in KINDS:
        counts = _counts(results, kind)
        said = ", ".join(f"{count} {name}" for name, count in counts.items() if count)
        say(f"{kind:<9} {said or 'none'}")
    noted = [result for result in results if result.detail]
    for result in noted[:SHOWN_MAX]:
        say(f"  {result.kind} {result.name}, {result.outcome}: {result.detail}")
    if len(noted) > SHOWN_MAX:
        say(f"  and {len(noted) - SHOWN_MAX} more; --json names all")
