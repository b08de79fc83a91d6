"""What holds for all specifications: no property is timed, and how they are shared out among processes."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import settings
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

# A machine may be busy. Benchmarks measure speed.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

ROOT = Path(__file__).parent
SERVED = tuple(ROOT / "tests" / name for name in ("e2e", "integration", "guides"))
SERVERS = {"broker", "database"}
"""Fixtures that start a server, for specifications of other folders."""

LONGEST = (ROOT / "tests/e2e/test_demo_killed.py", ROOT / "tests/integration/test_payment_worker.py")
"""They begin first, so that no process is left with one of them at the end."""

ALONE = "tests/integration/test_chassis_"
"""Files whose specifications each make a world of their own, and take long: any process may do any of them."""


class _InGroups(LoadScopeScheduling):  # type: ignore[misc]  # xdist's schedulers have no types that mypy may follow
    """Keeps together what one process has to do: a file, whose specifications may share a fixture, and all that the
    services specify, because the last of these (`services/test_reached.py`) asks what the others reached."""

    def _split_scope(self, nodeid: str) -> str:
        if nodeid.startswith("services/"):
            return "services"
        return nodeid if nodeid.startswith(ALONE) else nodeid.partition("::")[0]


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadScopeScheduling:
    return _InGroups(config, log)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what needs `servers`, before these are chosen or left out; the longest first."""
    for item in items:
        if not SERVERS.isdisjoint(getattr(item, "fixturenames", ())) or any(map(item.path.is_relative_to, SERVED)):
            item.add_marker("servers")
    items.sort(key=lambda item: item.path not in LONGEST)
