"""Durations as people read them, and the CPU of processes told apart."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import psutil
import pytest

from bench.machine import Meter, describe, percentiles


def test_percentiles_are_milliseconds() -> None:
    assert percentiles([number / 1_000 for number in range(1, 102)]) == {"p50": 51, "p95": 96, "p99": 100}


def test_one_duration_says_nothing() -> None:
    with pytest.raises(ValueError, match="1 durations say nothing"):
        percentiles([0.1])


def test_a_meter_tells_what_a_process_took_since_it_was_read_last() -> None:
    # Given a meter of this process
    meter = Meter({"specification": os.getpid()})
    # When the process works for a while
    until = time.process_time() + 0.1
    while time.process_time() < until:
        sum(range(1_000))
    # Then it has taken that much, and next to nothing by the next reading
    worked = meter.read().cpu["specification"]
    assert worked > 0
    assert meter.read().cpu["specification"] < worked


def test_a_child_that_ends_while_it_is_read_takes_nothing_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    # Given a meter of this process, whose child is gone by the time its turn comes
    meter = Meter({"specification": os.getpid()})
    gone = subprocess.Popen([sys.executable, "-c", ""])
    child = psutil.Process(gone.pid)
    gone.wait()
    monkeypatch.setattr(psutil.Process, "children", lambda self, recursive: [child])
    # When it is read, then what the process itself took and holds is told
    read = meter.read()
    assert read.cpu["specification"] >= 0
    assert read.memory["specification"] > 0


def test_a_machine_says_how_busy_it_is_and_which_broker_it_runs() -> None:
    said = describe()
    assert len(said["load"]) == 3
    assert said["kafka"].count(".") == 2
