"""The servers that tests stand on, started once a run and only when a test asks for them.

`OMS_TEST_BROKER` chooses the broker: nothing is the embedded one, `testcontainers` one in Docker, anything else is the
address of a broker that already runs.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import uuid4

import pytest

from deploy.local.broker import start_broker
from deploy.local.database import start_database

_numbers = count(1)
_run = uuid4().hex[:6]


def pytest_configure() -> None:
    """A run that is asked to end ends as after Ctrl-C: fixtures stop what they started."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)


@pytest.fixture(scope="session")
def stack_folder() -> Iterator[Path]:
    """Where the embedded servers of this run keep their files."""
    with servers_folder() as folder:
        yield folder


@contextmanager
def servers_folder() -> Iterator[Path]:
    """A folder for servers, removed afterwards. Not pytest's: each run of pytest closes the parent of all its folders
    to others, and a database that root starts runs as somebody else."""
    with TemporaryDirectory(prefix="orderlog-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


@pytest.fixture(scope="session")
def broker(stack_folder: Path) -> Iterator[str]:
    """The bootstrap address of a broker, the same for all tests: keep apart by `namespace`."""
    chosen = os.environ.get("OMS_TEST_BROKER", "")
    if chosen == "testcontainers":
        yield from _container_broker()
    elif chosen:
        yield chosen
    else:
        server = start_broker(stack_folder / "broker", dies_with_parent=True)
        yield server.address
        server.stop()


def _container_broker() -> Iterator[str]:
    # Imported here: only where Docker runs.
    from testcontainers.kafka import KafkaContainer

    with KafkaContainer("apache/kafka:4.2.2").with_kraft() as container:
        yield container.get_bootstrap_server()


@pytest.fixture(scope="session")
def database(stack_folder: Path) -> Iterator[str]:
    """The URL of an embedded PostgreSQL database, the same for all tests: keep apart by `namespace`."""
    server = start_database(stack_folder / "database", databases=("orderlog", "vault"), dies_with_parent=True)
    yield server.url
    server.stop()


@pytest.fixture
def namespace() -> str:
    """A namespace that no other test uses, for topics, groups, transactional ids and schemas."""
    return f"t{_run}n{next(_numbers)}"
