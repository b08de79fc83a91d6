"""`oms account …`: who may sign in at the console with a name and a password."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from chassis.accounts import Account, Accounts, new_password
from chassis.settings import load_settings
from chassis.tokens import Role
from contracts.message import format_instant, to_milliseconds

__all__ = ["account_commands"]

DAYS_MAX = 3_650

account_commands = typer.Typer(
    help="Who may sign in at the console: add, list, remove accounts, change passwords.", no_args_is_help=True
)
console = Console()

Named = Annotated[str, typer.Argument(help="The account that is recorded as actor: no address of a person.")]
Asked = Annotated[bool, typer.Option("--ask", help="Ask for the password, in place of making and printing one.")]


@account_commands.command("add")
def add(
    name: Named,
    role: Annotated[list[Role], typer.Option(help="What they may do; say it again for another.")],
    ask: Asked = False,
    days: Annotated[int | None, typer.Option(min=1, max=DAYS_MAX, help="Days that it counts; for ever.")] = None,
) -> None:
    """Make an account, and print its password, this once: it is kept nowhere."""
    expires = None if days is None else to_milliseconds(datetime.now(UTC) + timedelta(days=days))
    password = _password(ask)
    Accounts(load_settings().accounts).add(name, frozenset(role), password, expires)
    _tell(password, ask)


@account_commands.command("list")
def list_accounts(as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")] = False) -> None:
    """List the accounts, and what they may do."""
    accounts, now = Accounts(load_settings().accounts).all(), datetime.now(UTC)
    if as_json:
        sys.stdout.write(json.dumps([_document(account, now) for account in accounts], indent=2) + "\n")
        return
    table = Table("name", "roles", "expires", box=None, pad_edge=False)
    for account in accounts:
        expires = "never" if account.expires is None else format_instant(account.expires)
        table.add_row(account.name, ", ".join(sorted(account.roles)), expires if account.counts(now) else "expired")
    console.print(table)


@account_commands.command("password")
def change_password(name: Named, ask: Asked = False) -> None:
    """Give an account another password, which ends its sessions."""
    password = _password(ask)
    if not Accounts(load_settings().accounts).change(name, password):
        raise _unknown(name)
    _tell(password, ask)


@account_commands.command("remove")
def remove(name: Named) -> None:
    """Remove an account, which ends its sessions. Tokens of the same subject stay: `oms token revoke` takes those back."""
    if not Accounts(load_settings().accounts).remove(name):
        raise _unknown(name)
    console.print(f"{name} signs in no more", highlight=False)


def _password(ask: bool) -> str:
    if not ask:
        return new_password()
    given: str = typer.prompt("Password", hide_input=True, confirmation_prompt=True)
    return given


def _tell(password: str, ask: bool) -> None:
    if not ask:
        sys.stdout.write(f"{password}\n")


def _unknown(name: str) -> typer.BadParameter:
    return typer.BadParameter(f"there is no account {name}; `oms account list` shows them")


def _document(account: Account, now: datetime) -> dict[str, object]:
    return {
        "name": account.name,
        "roles": sorted(account.roles),
        "expires": None if account.expires is None else format_instant(account.expires),
        "counts": account.counts(now),
    }
