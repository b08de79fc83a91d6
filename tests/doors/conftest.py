"""What tests of the doors and of the console before them share: tokens, and a browser at the doors that a test gives."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from chassis.tokens import Tokens
from tests.doors.test_console import Tables, Untold, opened


@pytest.fixture
def tokens(tmp_path: Path) -> Tokens:
    return Tokens(tmp_path / "tokens.toml")


@pytest.fixture
def browser(doors: Any, tokens: Tokens) -> Iterator[TestClient]:
    """The console before `doors`, a fixture of the test whose `app` answers; nobody has signed in. A test of which somebody
    has, or whose tables tell more, has its own."""
    with opened(doors.app, tokens, Tables(), Untold()) as client:
        yield client
