"""A world of the two small services for each test that asks for one; its processes end with the test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.small.harness import World


@pytest.fixture
def world(broker: str, database: str, tmp_path: Path) -> Iterator[World]:
    """Both services' topics in a namespace of their own; no process runs yet."""
    made = World(broker, database, tmp_path)
    yield made
    made.end()
