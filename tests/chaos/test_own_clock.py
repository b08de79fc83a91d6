"""A service whose clock is not the host's."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

MODULE = """
from chassis.runtime import datetime
from datetime import UTC
print(datetime.now(UTC).isoformat())
"""


@pytest.mark.parametrize("seconds", [300, -300])
def test_a_service_reads_the_clock_that_its_file_says(tmp_path: Path, seconds: int) -> None:
    # given a file, and something that reads the clock where a service does
    (tmp_path / "clock").write_text(str(seconds))
    (tmp_path / "service.py").write_text(MODULE)
    # when it runs with that clock
    command = [sys.executable, "-m", "tests.chaos.own_clock", str(tmp_path / "clock"), "service"]
    said = subprocess.run(
        command,
        env={"PYTHONPATH": f"{Path(__file__).parents[2]}:{tmp_path}"},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    ).stdout
    # then its time is as far from ours as the file says
    ahead = datetime.fromisoformat(said.strip()) - datetime.now(UTC)
    assert abs(ahead - timedelta(seconds=seconds)) < timedelta(seconds=60)
