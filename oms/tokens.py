"""`oms token …`, and who the person at the console is: the token that `oms` itself sends, and whom it stands for."""

from __future__ import annotations

import getpass
import json
import re
import sys
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from chassis.settings import Settings, load_settings
from chassis.tokens import OF_OTHERS, SUBJECT, Grant, Kind, Role, Tokens, TokensRefused, new_token, write_secret
from contracts.message import format_instant, to_milliseconds

__all__ = ["at_console", "console_token", "create_console_token", "token_commands"]

DAYS_MAX = 3_650
LOOKS = r"[A-Za-z0-9_-]{1,128}"
NOBODY = "console"
"""The person at the console where the machine has no name for them that a token may carry."""

token_commands = typer.Typer(help="Who may come in: add, list, revoke tokens.", no_args_is_help=True)
console = Console()


@token_commands.command("add")
def add(
    subject: Annotated[str, typer.Argument(help="The account that is recorded as actor: no address of a person.")],
    role: Annotated[list[Role], typer.Option(help="What they may do; say it again for another.")],
    kind: Annotated[Kind, typer.Option(help="What the subject is.")] = Kind.PERSON,
    days: Annotated[int | None, typer.Option(min=1, max=DAYS_MAX, help="Days that the token counts; for ever.")] = None,
) -> None:
    """Make a token and print it, this once: only its digest is kept."""
    expires = None if days is None else to_milliseconds(datetime.now(UTC) + timedelta(days=days))
    token = Tokens(load_settings().tokens).issue(subject, kind, frozenset(role), expires)
    sys.stdout.write(f"{token}\n")


@token_commands.command("list")
def list_tokens(as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")] = False) -> None:
    """List whom the tokens stand for, and what they may do."""
    grants, now = Tokens(load_settings().tokens).grants(), datetime.now(UTC)
    if as_json:
        sys.stdout.write(json.dumps([_document(grant, now) for grant in grants], indent=2) + "\n")
        return
    table = Table("id", "subject", "kind", "roles", "expires", box=None, pad_edge=False)
    for grant in grants:
        table.add_row(grant.id, grant.subject, grant.kind, ", ".join(sorted(grant.roles)), _expiry(grant, now))
    console.print(table)


@token_commands.command("revoke")
def revoke(name: Annotated[str, typer.Argument(help="A token's id, or a subject: then all of theirs.")]) -> None:
    """Take tokens back; the doors refuse them from the next request on."""
    gone = Tokens(load_settings().tokens).revoke(name)
    if not gone:
        raise typer.BadParameter(f"no token has the id or the subject {name}; `oms token list` shows them")
    for grant in gone:
        console.print(f"{grant.id} of {grant.subject} counts no more", highlight=False)


def create_console_token(settings: Settings) -> bool:
    """Make the file of tokens with one for the person at the console, who may do everything; False, and nothing
    touched, where there is a file already."""
    if settings.tokens.exists():
        return False
    token = new_token()
    # The file of tokens comes last: what was interrupted is done again by the next `oms up`.
    settings.console_token.parent.mkdir(parents=True, exist_ok=True)
    write_secret(settings.console_token, f"{token}\n")
    Tokens(settings.tokens).admit(token, _user(), Kind.PERSON, frozenset({Role.ADMIN}))
    return True


def console_token(settings: Settings) -> str:
    """The token that `oms` sends; raises TokensRefused when there is none."""
    path = settings.console_token
    try:
        mode, token = path.stat().st_mode, path.read_text("ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise TokensRefused(f"the token that `oms` sends cannot be read: {error}; `oms up` makes the first") from error
    if mode & OF_OTHERS:
        raise TokensRefused(f"others may read or write {path}: run chmod 600 {path}, and revoke the token if they did")
    if not re.fullmatch(LOOKS, token):
        raise TokensRefused(f"{path} holds no token; put there what `oms token add` prints, and nothing else")
    return token


def at_console(settings: Settings, role: Role) -> Grant:
    """Who works here, for what `oms` writes past the doors. Raises TokensRefused when they may not."""
    grant = Tokens(settings.tokens).holder(console_token(settings))
    if grant is None:
        raise TokensRefused(
            f"the token in {settings.console_token} does not count; put there what `oms token add` prints"
        )
    if not grant.roles & {role, Role.ADMIN}:
        raise TokensRefused(f"{grant.subject} may not do this: it needs the role {role}")
    return grant


def _user() -> str:
    try:
        name = getpass.getuser()
    except (KeyError, OSError):
        return NOBODY
    return name if re.fullmatch(SUBJECT, name) else NOBODY


def _expiry(grant: Grant, now: datetime) -> str:
    if grant.expires is None:
        return "never"
    return format_instant(grant.expires) if grant.counts(now) else "expired"


def _document(grant: Grant, now: datetime) -> dict[str, object]:
    return {
        "id": grant.id,
        "subject": grant.subject,
        "kind": grant.kind,
        "roles": sorted(grant.roles),
        "expires": None if grant.expires is None else format_instant(grant.expires),
        "counts": grant.counts(now),
    }
