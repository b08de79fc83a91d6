"""The life of a process that is no loop: how it is while it opens, runs, and waits."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys

import pytest

from chassis.runtime import Exit, Health
from oms.process import Life


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


@pytest.mark.parametrize("module", ["oms.workers", "services.payments"])
def test_a_wrong_setting_ends_a_process_with_one_sentence(module: str) -> None:
    wrong = {**os.environ, "OMS_PARTITIONS": "many"}
    done = subprocess.run(
        [sys.executable, "-m", module], env=wrong, capture_output=True, text=True, timeout=60, check=False
    )

    assert done.returncode == Exit.SETTINGS
    assert len(done.stderr.splitlines()) == 1
    assert "settings refused: partitions" in done.stderr
