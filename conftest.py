"""What holds for all specifications: no property is timed, and how they are shared out among processes."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import settings

# A machine may be busy. Benchmarks measure speed.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

ROOT = Path(__file__).parent
SERVED = tuple(ROOT / "tests" / name for name in ("e2e", "integration", "guides"))
SERVERS = {"broker", "database"}
"""Fixtures that start a server, for specifications of other folders."""

FIRST = SERVED[0]
"""Takes longest, so it begins first."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what needs `servers`, and keep together what one process has to do: all that shares a fixture of its file,
    and all that the services specify, because the last of these (`services/test_reached.py`) asks what the others
    reached."""
    for item in items:
        file = item.path.relative_to(ROOT)
        fixtures = _fixtures(item)
        served = not SERVERS.isdisjoint(fixtures) or any(map(item.path.is_relative_to, SERVED))
        if served:
            item.add_marker("servers")
        if file.parts[0] == "services":
            item.add_marker(pytest.mark.xdist_group("services"))
        elif not served or str(file) in fixtures.values():
            item.add_marker(pytest.mark.xdist_group(str(file)))
    items.sort(key=lambda item: not item.path.is_relative_to(FIRST))


def _fixtures(item: pytest.Item) -> dict[str, str]:
    """The fixtures of an item that live longer than it does, each with where it is made."""
    if not isinstance(item, pytest.Function):
        return {}
    made = item._fixtureinfo.name2fixturedefs.items()
    return {name: found[-1].baseid for name, found in made if found and found[-1].scope != "function"}
