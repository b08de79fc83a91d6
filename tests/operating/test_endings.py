"""How commands and processes end that cannot do what they were asked: a sentence, and an exit code that tells why."""

from __future__ import annotations

import errno
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from psycopg_pool import PoolTimeout

from chassis.log import LogError, TooManyUnanswered
from chassis.runtime import Exit
from chassis.sealing import MasterKeyRefused
from chassis.settings import SettingsRefused
from chassis.store import StoreAway
from chassis.tokens import TokensRefused
from deploy.local import errors
from deploy.local.process import free_port
from oms.calls import DOOR_EXIT_CODE
from oms.endings import LOG_EXIT_CODE, MASTER_KEY_EXIT_CODE, ending_of
from oms.importing.command import REJECTED_EXIT_CODE
from oms.importing.errors import FileRefused

DOCUMENT = Path(__file__).parents[2] / "docs" / "operating.md"


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.StalePid("it died"), 3),
        (errors.PortTaken("taken"), 4),
        (errors.DiskFull("full"), 5),
        (OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "home/run/order.pid"), 5),
        (errors.FolderMissing("missing"), 6),
        (PermissionError(errno.EACCES, os.strerror(errno.EACCES), "home/lock"), 6),
        (OSError(errno.EROFS, os.strerror(errno.EROFS), "home/lock"), 6),
        (SettingsRefused("wrong"), 2),
        (TokensRefused("wrong"), 2),
        (LogError("away"), LOG_EXIT_CODE),
        (TooManyUnanswered("8 calls have not returned"), LOG_EXIT_CODE),
        (StoreAway("away"), LOG_EXIT_CODE),
        (PoolTimeout("away"), LOG_EXIT_CODE),
        (FileRefused("no order"), FileRefused.exit_code),
        (MasterKeyRefused("gone"), MASTER_KEY_EXIT_CODE),
    ],
)
def test_what_people_can_act_on_is_a_sentence_and_a_code(error: Exception, code: int) -> None:
    ending = ending_of(error)

    assert ending is not None
    assert ending.exit_code == code
    assert str(getattr(error, "filename", None) or error) in ending.sentence


def test_a_defect_keeps_its_traceback() -> None:
    assert ending_of(KeyError("state")) is None
    assert ending_of(FileNotFoundError(errno.ENOENT, "No such file", "x")) is None


def test_every_exit_code_is_documented() -> None:
    table = DOCUMENT.read_text().partition("| exit code of `oms` |")[2].partition("\n\n")[0]
    documented = {int(code) for code in re.findall(r"^\| (\d+) \|", table, re.MULTILINE)}
    stack = {
        error.exit_code
        for error in vars(errors).values()
        if isinstance(error, type) and error is not object and issubclass(error, errors.StackError)
    }

    others = {0, SettingsRefused.exit_code, LOG_EXIT_CODE, DOOR_EXIT_CODE, MASTER_KEY_EXIT_CODE}

    assert documented == stack | others | {REJECTED_EXIT_CODE, FileRefused.exit_code}


def test_every_exit_code_of_a_service_is_documented() -> None:
    table = DOCUMENT.read_text().partition("| exit code of a process |")[2].partition("\n\n")[0]
    documented = {int(code) for code in re.findall(r"^\| (\d+) \|", table, re.MULTILINE)}

    assert documented == {code for name, code in vars(Exit).items() if name.isupper()}


def test_a_wrong_setting_is_told_in_one_sentence() -> None:
    wrong = {**os.environ, "OMS_PARTITIONS": "many"}
    done = subprocess.run(
        [sys.executable, "-m", "oms", "status"], env=wrong, capture_output=True, text=True, timeout=60, check=False
    )

    assert done.returncode == SettingsRefused.exit_code
    assert len(done.stderr.splitlines()) == 1
    assert "settings refused: partitions" in done.stderr


@pytest.mark.parametrize("command", ["topics", "demo"])
def test_a_broker_that_is_away_is_told_in_one_sentence(command: str) -> None:
    nobody = {**os.environ, "OMS_BOOTSTRAP": f"127.0.0.1:{free_port()}"}
    done = subprocess.run(
        [sys.executable, "-m", "oms", command], env=nobody, capture_output=True, text=True, timeout=60, check=False
    )

    assert done.returncode == LOG_EXIT_CODE
    assert len(done.stderr.splitlines()) == 1
    assert f"no broker answers at {nobody['OMS_BOOTSTRAP']}" in done.stderr
