"""`oms backup` and `oms restore`: what is typed and printed."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from chassis.kafka import KafkaLog
from chassis.settings import Settings, load_settings
from chassis.tokens import Role
from contracts import topics
from deploy.local.errors import FolderMissing
from deploy.local.process import require_folder
from oms.backup.tables import back_up_tables, restore_tables, schemas_of
from oms.backup.vault import back_up_vault, recorded_forgettings, restore_vault
from oms.stack import Stack
from oms.tokens import at_console

__all__ = ["backup", "restore"]

console = Console()


class What(StrEnum):
    """What is backed up: the keys of people, or the tables of services. Never both into one place."""

    VAULT = "vault"
    TABLES = "tables"


Which = Annotated[What, typer.Argument(help="The keys of people, or the tables of services.")]
Folder = Annotated[Path, typer.Argument(help="Of one backup.")]


def backup(what: Which, folder: Folder) -> None:
    """Write the keys of people, or the tables of services, into a new FOLDER, while everything goes on."""
    settings = load_settings()
    at_console(settings, Role.ADMIN)
    require_folder(folder)
    if any(folder.iterdir()):
        raise FolderMissing(f"{folder} is not empty: each backup has a folder of its own, so that none is written over")
    if what is What.VAULT:
        keys = back_up_vault(settings.vault, folder)
        _say(
            f"{keys} keys are in {folder}. Keep them apart from the master key, and no longer than docs/privacy.md says."
        )
        return
    written = back_up_tables(settings.database, folder, schemas_of(settings.namespace))
    _say(f"{', '.join(written) or 'no schema'}: in {folder}.")


def restore(what: Which, folder: Folder) -> None:
    """Bring back missing keys of people from FOLDER, or put tables from it in the place of those that are there. Broker and
    database are started for it where they do not run."""
    settings = load_settings()
    at_console(settings, Role.ADMIN)
    if not folder.is_dir():
        raise FolderMissing(f"there is no folder {folder}")
    Stack(settings, ()).up(_say)
    if what is What.VAULT:
        _restore_vault(settings, folder)
        return
    put = restore_tables(settings.database, folder, schemas_of(settings.namespace))
    _say(f"{', '.join(put)}: as in {folder}. `oms up` starts everything, and they follow from there.")


def _restore_vault(settings: Settings, folder: Path) -> None:
    recorded = recorded_forgettings(KafkaLog(settings.bootstrap), topics.events("order", settings.namespace))
    found = restore_vault(settings.vault, folder, recorded)
    _say(f"{found.back} keys are back, {found.there} were there.")
    if found.forgotten:
        _say(f"{found.forgotten} are of people who were forgotten since: they stay forgotten.")
    if found.others:
        _say(
            f"{found.others} people have another key by now: what was sealed under the one in the backup stays "
            "unreadable."
        )


def _say(line: str) -> None:
    console.print(escape(line), highlight=False, soft_wrap=True)
