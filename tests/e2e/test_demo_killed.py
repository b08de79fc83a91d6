"""The demonstration over a whole installation, with each service killed once in the middle of it, checked from outside."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from chassis.kafka import KafkaLog
from contracts import topics
from deploy.local.process import free_port
from oms.demo.people import PLANTED
from tests.conftest import servers_folder
from tests.waiting import eventually

ORDERS, RATE = 300, 2
"""Orders, and how many of them a second: two minutes and a half in which all five services die and come back, however
fast the rest is done."""
UP_SECONDS = 180
DEMO_SECONDS = 480
REBUILD_SECONDS = 120
VERIFY_SECONDS = 300


@dataclass(frozen=True)
class Installation:
    """A stack of its own in a folder, worked by the `oms` command as a person would."""

    home: Path
    environment: dict[str, str]
    log: KafkaLog

    def oms(self, *arguments: str, seconds: int = UP_SECONDS) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "oms", *arguments],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )

    def kill(self, service: str) -> None:
        """End one process of a service as a power cut would."""
        pid = json.loads((self.home / "run" / f"{service}.json").read_text())["pid"]
        os.kill(pid, signal.SIGKILL)

    def written(self, topic: str) -> int:
        return sum(self.log.bounds(topic, number)[1] for number in range(self.log.partitions(topic)))


@pytest.fixture
def installation() -> Iterator[Installation]:
    with servers_folder() as folder:
        database, bootstrap = free_port(), f"127.0.0.1:{free_port()}"
        chosen = {
            "OMS_HOME": str(folder / "home"),
            "OMS_BOOTSTRAP": bootstrap,
            "OMS_DATABASE": f"postgresql://orderlog@127.0.0.1:{database}/orderlog",
            "OMS_VAULT": f"postgresql://orderlog@127.0.0.1:{database}/vault",
            "OMS_HTTP_PORT": str(free_port()),
            "OMS_SANDBOX_PORT": str(free_port()),
        }
        here = Installation(folder / "home", {**os.environ, **chosen}, KafkaLog(bootstrap))
        try:
            yield here
        finally:
            stopped = here.oms("down")
        assert stopped.returncode == 0, stopped.stderr


@pytest.mark.timeout(1800)
def test_each_service_is_killed_once_in_the_middle_and_every_sum_still_checks(installation: Installation) -> None:
    # Given a whole installation, and real baskets on their way through it
    up = installation.oms("up")
    assert up.returncode == 0, up.stdout + up.stderr
    output = installation.home / "demo.txt"
    with output.open("w") as file:
        demo = subprocess.Popen(
            [sys.executable, "-m", "oms", "demo", "--orders", str(ORDERS), "--rate", str(RATE)],
            env=installation.environment,
            stdout=file,
            stderr=subprocess.STDOUT,
        )
        try:
            # When each service is killed once while its events are being written, and started again
            for service in topics.SERVICES:
                eventually(_works(installation, service, demo), 120, f"{service} at work")
                assert demo.poll() is None, f"the run ended before {service} was killed:\n{output.read_text()}"
                installation.kill(service)
                again = installation.oms("up")
                assert again.returncode == 0, again.stdout + again.stderr
            # Then the run ends, and finds the mix whole and every promise kept
            assert demo.wait(DEMO_SECONDS) == 0, output.read_text()
        finally:
            demo.kill()
            demo.wait(30)
    # And every database is what its topic says
    for service in topics.SERVICES:
        rebuilt = installation.oms("rebuild", service, "--json", seconds=REBUILD_SECONDS)
        assert json.loads(rebuilt.stdout)["equal"], rebuilt.stdout + rebuilt.stderr
    # And who shares no code with any of this finds every promise kept, and nobody's data in any topic
    canaries = [f"--canary={text}" for text in PLANTED]
    verified = installation.oms("verify", *canaries, seconds=VERIFY_SECONDS)
    assert verified.returncode == 0, verified.stdout + verified.stderr
    # Nor in a log or health answer of any process
    logs = sorted(installation.home.glob("*/*.log"))
    assert len(logs) >= len(topics.SERVICES) + 2
    assert [log for log in logs for text in PLANTED if text.encode() in log.read_bytes()] == []
    assert [text for text in PLANTED if text in installation.oms("status", "--json").stdout] == []


def _works(installation: Installation, service: str, demo: subprocess.Popen[bytes]) -> Callable[[], bool]:
    """Whether a service wrote events since this was asked, or the run is over already."""
    topic = topics.events(service)
    before = installation.written(topic)
    return lambda: installation.written(topic) > before or demo.poll() is not None
