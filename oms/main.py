"""The `oms` command: which commands there are, and how one ends that cannot do what it was asked."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup

__all__ = ["COMMANDS", "app", "main"]

COMMANDS = {
    "up": "oms.running:up",
    "down": "oms.running:down",
    "prepare": "oms.running:prepare",
    "status": "oms.running:status",
    "topics": "oms.running:topics",
    "demo": "oms.demo.command:demo",
    "init": "oms.opening.command:init",
    "import": "oms.importing.command:import_orders",
    "rebuild": "oms.rebuild.command:rebuild",
    "replay": "oms.replay.command:replay_log",
    "what-if": "oms.what_if.command:what_if_changed",
    "at": "oms.at:show_at",
    "backup": "oms.backup.command:backup",
    "restore": "oms.backup.command:restore",
    "verify": "oms.verifying:verify",
    "dead-letters": "oms.letters.command:dead_letters",
    "offsets": "oms.operating:offsets",
    "order": "oms.orders:order_commands",
    "refund": "oms.refunds:refund_commands",
    "stock": "oms.orders:stock_commands",
    "fulfillment": "oms.lists:fulfillment_commands",
    "return": "oms.returns:return_commands",
    "shipment": "oms.lists:shipment_commands",
    "payment": "oms.payments:payment_commands",
    "credit": "oms.credit:credit_commands",
    "journal": "oms.journal.command:write_journal",
    "export": "oms.numbers.command:export_events",
    "numbers": "oms.numbers.command:show_numbers",
    "invoice": "oms.invoices:invoice_commands",
    "payments": "oms.reconciling:payments_commands",
    "item": "oms.lists:item_commands",
    "location": "oms.lists:location_commands",
    "customer": "oms.customers:customer_commands",
    "token": "oms.tokens:token_commands",
    "account": "oms.accounts:account_commands",
}
"""By the name that is typed, the function of a command, or the typer application of a group of them."""


class _Commands(TyperGroup):
    """Imports a command when it is called, or listed with the others: none waits for the libraries of another."""

    def list_commands(self, ctx: Any) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name not in COMMANDS:
            return None
        module, _, name = COMMANDS[cmd_name].partition(":")
        found = getattr(import_module(module), name)
        if isinstance(found, typer.Typer):
            group = typer.main.get_group(found)
            group.name = cmd_name
            return group
        alone = typer.Typer(add_completion=False)
        alone.command(cmd_name)(found)
        return typer.main.get_command(alone)


app = typer.Typer(cls=_Commands, no_args_is_help=True, pretty_exceptions_enable=False, add_completion=False)


@app.callback()
def oms() -> None:
    """Orderlog on this machine: start it, look at it, work with it."""


def main() -> None:
    """Run the command; an error that people can act on becomes one sentence and an exit code."""
    try:
        app()
    except Exception as error:
        # Only now, as it imports whatever can go wrong.
        from oms.endings import ending_of

        ending = ending_of(error)
        if ending is None:
            raise
        sys.stderr.write(f"oms: {ending.sentence}\n")
        sys.exit(ending.exit_code)


if __name__ == "__main__":
    main()
