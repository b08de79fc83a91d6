"""What the specifications of the services reach in one run, for the last of them, and `--draw`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from chassis.testing import WATCHERS
from tests.reached.record import Reached

HERE = Path(__file__).parent


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--draw", action="store_true", help="draw the state diagrams of the services' pages anew")


@pytest.fixture(scope="session", autouse=True)
def reached() -> Iterator[Reached]:
    """What all specifications of this run reach, so far."""
    found = Reached()
    WATCHERS.append(found.watch)
    yield found
    WATCHERS.remove(found.watch)


@pytest.fixture(scope="session")
def all_reached(request: pytest.FixtureRequest, reached: Reached) -> Reached:
    """What the specifications reach, where all of them ran: chosen ones reach less than the pages promise."""
    ran = {item.path for item in request.session.items}
    chosen = request.config.getoption("keyword") or any("::" in argument for argument in request.config.args)
    if chosen or not ran.issuperset(HERE.glob("*/tests/test_*.py")) or request.session.testsfailed:
        pytest.skip("only when every specification of the services ran, and passed")
    return reached
