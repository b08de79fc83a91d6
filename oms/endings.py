"""How a command ends that cannot do what it was asked: one sentence, and the exit code (docs/operating.md has all)."""

from __future__ import annotations

import errno
from typing import NamedTuple

from psycopg import OperationalError

from chassis.log import LogError, TooManyUnanswered
from chassis.sealing import MasterKeyRefused
from chassis.settings import SettingsRefused
from chassis.store import StoreAway
from chassis.tokens import TokensRefused
from deploy.local.errors import DiskFull, FolderMissing, StackError
from oms.importing.errors import FileRefused
from services.payments.provider_ledger import LedgerAway
from services.payments.providers.settlement_file import SettlementRefused

__all__ = ["Ending", "ending_of"]

LOG_EXIT_CODE = 11
"""The broker refused or does not answer, a topic is not as it must be, a database is away, or a payment provider does
not show its books."""

MASTER_KEY_EXIT_CODE = 16
NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT})
NOT_OURS = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})


class Ending(NamedTuple):
    """What is told on standard error, and what the shell is given."""

    sentence: str
    exit_code: int


def ending_of(error: Exception) -> Ending | None:
    """How `error` ends a command; None when it is a defect of ours, whose traceback is wanted."""
    match error:
        case StackError() | SettingsRefused() | TokensRefused() | FileRefused() | SettlementRefused():
            return Ending(str(error), error.exit_code)
        case LogError() | TooManyUnanswered() | StoreAway() | LedgerAway():
            return Ending(str(error), LOG_EXIT_CODE)
        case OperationalError():
            return Ending(f"a database is away: {' '.join(str(error).split())}", LOG_EXIT_CODE)
        case MasterKeyRefused():
            return Ending(str(error), MASTER_KEY_EXIT_CODE)
        case OSError() if error.errno in NO_ROOM:
            return Ending(f"no room is left for {error.filename}: make room and ask again", DiskFull.exit_code)
        case OSError() if error.errno in NOT_OURS:
            return Ending(
                f"{error.filename} may not be used: {error.strerror}. It belongs to somebody else: ask as that user, or "
                f"choose another home in the settings",
                FolderMissing.exit_code,
            )
        case _:
            return None
