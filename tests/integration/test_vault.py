"""Every vault keeps its promise: one key a subject whoever races for it, and none after it was forgotten."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import psycopg
import pytest
from psycopg import conninfo

from chassis.vault import MemoryVault, PostgresVault, Vault, create_vault, destroy_keys

SUBJECT = "05862dfe-9882-5e28-b47e-3a452e2a5783"
RACERS = 8


@pytest.fixture(params=["memory", "postgres"])
def vaults(request: pytest.FixtureRequest) -> Iterator[list[Vault]]:
    """The same vault as two processes see it."""
    if request.param == "memory":
        yield [MemoryVault()] * 2
        return
    server, namespace = request.getfixturevalue("database"), request.getfixturevalue("namespace")
    url = conninfo.make_conninfo(server, dbname=f"vault-{namespace}")
    create_vault(url)
    opened = [PostgresVault(url), PostgresVault(url)]
    yield list(opened)
    for vault in opened:
        vault.close()


def test_a_subject_has_no_key_before_one_is_kept(vaults: list[Vault]) -> None:
    assert vaults[0].get(SUBJECT) is None
    assert vaults[0].get_or_put(SUBJECT, b"wrapped") == b"wrapped"
    assert vaults[1].get(SUBJECT) == b"wrapped"
    assert vaults[1].get("another") is None


def test_the_keys_of_many_are_told_at_once_and_nothing_of_who_has_none(vaults: list[Vault]) -> None:
    vaults[0].get_or_put(SUBJECT, b"one")
    vaults[0].get_or_put("another", b"two")
    vaults[0].forget("another")
    assert vaults[1].get_all([SUBJECT, "another", "nobody"]) == {SUBJECT: b"one"}
    assert vaults[1].get_all([]) == {}


def test_the_first_key_stays(vaults: list[Vault]) -> None:
    vaults[0].get_or_put(SUBJECT, b"first")
    assert vaults[1].get_or_put(SUBJECT, b"second") == b"first"


def test_all_who_race_get_the_same_key(vaults: list[Vault]) -> None:
    barrier = Barrier(RACERS)

    def race(number: int) -> bytes:
        barrier.wait(timeout=30)
        return vaults[number % 2].get_or_put(SUBJECT, b"key %d" % number)

    with ThreadPoolExecutor(RACERS) as racers:
        assert len(set(racers.map(race, range(RACERS)))) == 1


def test_a_forgotten_key_is_gone_and_another_may_follow(vaults: list[Vault]) -> None:
    vaults[0].get_or_put(SUBJECT, b"first")
    forgotten = vaults[1].forget(SUBJECT)
    assert forgotten is not None and forgotten.now
    assert vaults[0].get(SUBJECT) is None
    assert vaults[0].forget(SUBJECT) == forgotten._replace(now=False)
    assert vaults[0].get_or_put(SUBJECT, b"second") == b"second"
    assert vaults[1].forgotten(SUBJECT)


def test_who_never_had_a_key_was_not_forgotten(vaults: list[Vault]) -> None:
    assert vaults[0].forget(SUBJECT) is None
    assert not vaults[0].forgotten(SUBJECT)


def test_forgotten_again_after_they_came_back_the_moment_is_later(vaults: list[Vault]) -> None:
    vaults[0].get_or_put(SUBJECT, b"first")
    first = vaults[0].forget(SUBJECT)
    vaults[0].get_or_put(SUBJECT, b"second")
    second = vaults[0].forget(SUBJECT)
    assert first is not None and second is not None
    assert second.keys_until > first.keys_until


def test_what_is_destroyed_again_is_what_was_there_then_and_nothing_newer(database: str, namespace: str) -> None:
    url = conninfo.make_conninfo(database, dbname=f"vault-{namespace}")
    create_vault(url)
    vault = PostgresVault(url)
    vault.get_or_put(SUBJECT, b"first")
    forgotten = vault.forget(SUBJECT)
    assert forgotten is not None
    recorded = [(SUBJECT, forgotten.keys_until)]

    # A backup from before brings the old key back: it goes again.
    with psycopg.connect(url) as connection:
        connection.execute("insert into subject_key values (%s, 'first', %s - interval '1 second')", recorded[0])
        connection.execute("delete from forgotten")
        assert destroy_keys(connection, recorded) == 1
    assert vault.get(SUBJECT) is None and vault.forgotten(SUBJECT)

    # The key of who came back stays, however soon they did.
    vault.get_or_put(SUBJECT, b"second")
    with psycopg.connect(url) as connection:
        assert destroy_keys(connection, recorded) == 0
    assert vault.get(SUBJECT) == b"second"
    vault.close()


def test_making_a_vault_again_keeps_what_is_in_it(database: str, namespace: str) -> None:
    url = conninfo.make_conninfo(database, dbname=f"vault-{namespace}")
    with ThreadPoolExecutor(4) as makers:
        list(makers.map(create_vault, [url] * 4))
    vault = PostgresVault(url)
    vault.get_or_put(SUBJECT, b"wrapped")
    create_vault(url)
    assert vault.get(SUBJECT) == b"wrapped"
    vault.close()
