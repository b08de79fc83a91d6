"""The life of a process that is no loop: how it is while it opens, runs, and waits."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import cast
from unittest.mock import Mock

import pytest

from chassis.log import TooManyUnanswered
from chassis.projection import ProjectionFollower
from chassis.runtime import Exit, Health
from chassis.settings import Settings
from oms.console import Followers
from oms.process import Life, run_process, run_steps


def test_a_door_that_waits_while_it_opens_does_not_run_yet() -> None:
    async def states() -> list[tuple[str, str | None]]:
        life, seen = Life(Health("doors")), []
        for why in ("no broker", None, "runs", "no vault", None):
            if why == "runs":
                life.runs()
            else:
                life.waits(why)
            seen.append((life.health.state, life.health.last_error))
        return seen

    assert asyncio.run(states()) == [
        ("waiting", "no broker"),
        ("starting", "no broker"),
        ("running", None),
        ("waiting", "no vault"),
        ("running", "no vault"),
    ]


def test_a_process_that_left_too_many_clients_alone_ends_and_says_so_by_its_exit_code(tmp_path: Path) -> None:
    # given the console's read models, one of which leads, and may make no further client in place of one that stands still
    log = Mock()
    log.reader().poll.side_effect = TooManyUnanswered("8 calls have not returned")
    follower = ProjectionFollower(log, "postgresql://nowhere", "console", Mock(topics=["order.events"]), "")
    follower._connection = Mock()
    followers = object.__new__(Followers)
    followers._followers = [follower]

    async def follow(life: Life) -> None:
        async with asyncio.timeout(10):
            await run_steps(followers, life)

    # when they step, then their process ends with the code after which it is begun again
    settings = cast(Settings, SimpleNamespace(run_folder=tmp_path))
    assert run_process("console", settings, follow) == Exit.UNANSWERED


@pytest.mark.parametrize("module", ["oms.workers", "services.payments"])
def test_a_wrong_setting_ends_a_process_with_one_sentence(module: str) -> None:
    wrong = {**os.environ, "OMS_PARTITIONS": "many"}
    done = subprocess.run(
        [sys.executable, "-m", module], env=wrong, capture_output=True, text=True, timeout=60, check=False
    )

    assert done.returncode == Exit.SETTINGS
    assert len(done.stderr.splitlines()) == 1
    assert "settings refused: partitions" in done.stderr
