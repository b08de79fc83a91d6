"""Backups put back: keys of people come back but for those who were forgotten since, and older tables catch up."""

from __future__ import annotations

import stat
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

import psycopg
import pytest
from psycopg import conninfo

from chassis.bounded import BoundedLog
from chassis.comparison import compare_schemas
from chassis.memory import MemoryLog
from chassis.projection import ProjectionFollower
from chassis.reading import Reads
from chassis.rebuild import Copy, Positions, ends_of
from chassis.snapshots import state_version
from chassis.store import connect
from chassis.vault import Forgotten, PostgresVault, create_vault
from contracts import topics
from contracts.ids import stream
from contracts.order import CUSTOMER, ForgetCustomer, ForgetReason
from deploy.local.database import create_databases
from deploy.local.errors import Busy, FolderMissing, NotReady
from oms.backup.tables import back_up_tables, restore_tables, schemas_of
from oms.backup.vault import KeysBack, back_up_vault, recorded_forgettings, restore_vault
from oms.customers import Checked, look_for_keys
from oms.declared import declared
from oms.rebuild.channels import channel_models
from oms.rebuild.read_models import ReadModels, rebuild_read_models
from services.console.app import declare as declare_console
from tests.integration.test_rebuild import Silence
from tests.simulation.busy import busy_month, log_of
from tests.simulation.world import World

ADA, BEN, EVE = (
    "05862dfe-9882-5e28-b47e-3a452e2a5783",
    "6f0a7c2e-5e4f-5a51-9f55-0a1b2c3d4e5f",
    "0e6f2c4e-1111-5222-8333-944455566677",
)


@pytest.fixture
def url(database: str, namespace: str) -> str:
    """A vault of one test."""
    made = conninfo.make_conninfo(database, dbname=f"vault-{namespace}")
    create_vault(made)
    return made


@pytest.fixture
def vault(url: str) -> Iterator[PostgresVault]:
    opened = PostgresVault(url)
    yield opened
    opened.close()


def forgotten(vault: PostgresVault, subject: str) -> Forgotten:
    found = vault.forget(subject)
    assert found is not None
    return found


def recorded(*people: tuple[str, Forgotten]) -> dict[str, datetime]:
    """What the log says of them, written by the order service in memory and read as the command reads it."""
    world = World()
    for subject, found in people:
        command = ForgetCustomer(subject=subject, keys_until=found.keys_until, reason=ForgetReason.ASKED)
        world.tell("order", stream(CUSTOMER, subject), command)
    return recorded_forgettings(log_of(world), topics.events("order"))


def lose(url: str, *subjects: str) -> None:
    """As a disk does it: without a note."""
    with psycopg.connect(url) as connection:
        connection.execute("delete from subject_key where subject = any(%s)", [list(subjects)])


def test_lost_keys_come_back_and_no_key_is_replaced(url: str, vault: PostgresVault, tmp_path: Path) -> None:
    # Given a backup, then keys that are lost, of them one whose owner ordered again, and one that is new
    for subject in (ADA, BEN):
        vault.get_or_put(subject, f"of {subject}".encode())
    assert back_up_vault(url, tmp_path) == 2
    lose(url, ADA, BEN)
    vault.get_or_put(BEN, b"another")
    vault.get_or_put(EVE, b"newer than the backup")

    # When the backup is put back, twice
    first, second = restore_vault(url, tmp_path, {}), restore_vault(url, tmp_path, {})

    # Then what was missing is there, and what was there is as it was
    assert (first, second) == (KeysBack(1, 1, 1, 0), KeysBack(0, 2, 1, 0))
    assert vault.get(ADA) == f"of {ADA}".encode()
    assert (vault.get(BEN), vault.get(EVE)) == (b"another", b"newer than the backup")


def test_only_keys_that_a_backup_brought_are_counted_as_back(url: str, vault: PostgresVault, tmp_path: Path) -> None:
    # Given a backup, and a vault that any tool put back as it was before somebody was forgotten
    vault.get_or_put(ADA, b"of ada")
    back_up_vault(url, tmp_path)
    with psycopg.connect(url) as connection:
        kept = connection.execute("table subject_key").fetchall()
        log = recorded((ADA, forgotten(vault, ADA)))
        connection.execute("truncate forgotten")
        connection.execute("insert into subject_key values (%s, %s, %s)", kept[0])

    # When the backup is put back, then the key that was there is destroyed, and none came back
    assert restore_vault(url, tmp_path, log) == KeysBack(0, 1, 0, 1)
    assert vault.get(ADA) is None


class People:
    """The read model of whose data orders hold."""

    def __init__(self, *subjects: str) -> None:
        self._subjects = sorted(subjects)

    def rows(self, query: str, parameters: Sequence[Any]) -> list[Any]:
        after, limit = parameters
        return [(subject,) for subject in self._subjects if subject > after][:limit]


def test_a_lost_key_is_named_until_it_is_back(
    url: str, vault: PostgresVault, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given three people, of whom one was forgotten, and one whose key a disk lost
    monkeypatch.setattr("oms.customers.PEOPLE_AT_ONCE", 2)
    people = cast(Reads, People(ADA, BEN, EVE))
    for subject in (ADA, BEN, EVE):
        vault.get_or_put(subject, b"wrapped")
    back_up_vault(url, tmp_path)
    forgotten(vault, BEN)
    assert look_for_keys(people, vault) == Checked(3, 0, [])
    lose(url, ADA)

    # Then that one is named, until the backup is put back
    assert look_for_keys(people, vault) == Checked(3, 1, [ADA])
    restore_vault(url, tmp_path, {})
    assert look_for_keys(people, vault) == Checked(3, 0, [])
    assert vault.get(BEN) is None


def test_who_was_forgotten_since_stays_forgotten(url: str, vault: PostgresVault, tmp_path: Path) -> None:
    # Given a backup from before two people were forgotten, of whom one came back, and a vault that is gone
    for subject in (ADA, BEN, EVE):
        vault.get_or_put(subject, f"of {subject}".encode())
    back_up_vault(url, tmp_path)
    log = recorded((ADA, forgotten(vault, ADA)), (BEN, forgotten(vault, BEN)))
    assert log.keys() == {ADA, BEN}
    with psycopg.connect(url) as connection:
        connection.execute("truncate subject_key, forgotten")
    vault.get_or_put(BEN, b"of who came back")

    # When it is put back
    assert restore_vault(url, tmp_path, log) == KeysBack(1, 1, 1, 1)

    # Then only who was never forgotten has the key of before, and it is known of the others that they were
    assert (vault.get(ADA), vault.get(BEN), vault.get(EVE)) == (None, b"of who came back", f"of {EVE}".encode())
    assert [vault.forgotten(subject) for subject in (ADA, BEN, EVE)] == [True, True, False]


def test_a_backup_knows_itself_who_was_forgotten(url: str, vault: PostgresVault, tmp_path: Path) -> None:
    vault.get_or_put(ADA, b"of ada")
    forgotten(vault, ADA)
    back_up_vault(url, tmp_path)
    with psycopg.connect(url) as connection:
        connection.execute("truncate subject_key, forgotten")
        early = datetime.now(UTC) - timedelta(days=1)
        connection.execute("insert into subject_key values (%s, 'brought by another backup', %s)", [ADA, early])

    restore_vault(url, tmp_path, {})

    assert vault.get(ADA) is None


def test_what_is_no_backup_of_keys_is_named_and_changes_nothing(url: str, vault: PostgresVault, tmp_path: Path) -> None:
    vault.get_or_put(ADA, b"wrapped")
    with pytest.raises(FolderMissing, match=r"subject_key\.csv is not there"):
        restore_vault(url, tmp_path, {})
    back_up_vault(url, tmp_path)
    lose(url, ADA)
    (tmp_path / "forgotten.csv").write_text("subject,until\n")
    with pytest.raises(FolderMissing, match="that can be read"):
        restore_vault(url, tmp_path, {})
    assert vault.get(ADA) is None


def test_a_backup_of_keys_is_its_owners_alone_and_is_never_written_over(url: str, tmp_path: Path) -> None:
    back_up_vault(url, tmp_path)
    assert {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()} == {0o600}
    with pytest.raises(FileExistsError):
        back_up_vault(url, tmp_path)


@pytest.fixture(scope="module")
def log() -> MemoryLog:
    return log_of(busy_month(2, days=8))


@pytest.fixture
def own_database(database: str, namespace: str) -> str:
    """One that nobody else uses."""
    create_databases(database, [f"own-{namespace}"])
    return urlsplit(database)._replace(path=f"/own-{namespace}").geturl()


@pytest.mark.parametrize("name", topics.SERVICES)
def test_older_tables_catch_up_and_are_what_a_rebuild_makes(
    name: str, log: MemoryLog, own_database: str, namespace: str, tmp_path: Path
) -> None:
    # Given a service's tables in the middle of its topics, backed up, and gone on with
    service = declared(name, "")
    ends = ends_of(log, service)
    live = Copy(service, log, own_database, f"{namespace}_live")
    live.advance(_half(ends))
    assert back_up_tables(own_database, tmp_path, [live.schema, "never_made"]) == [live.schema]
    half = live.positions()
    live.advance(ends)
    live.close()

    # When the backup is put in their place
    assert restore_tables(own_database, tmp_path, [live.schema]) == [live.schema]

    # Then the followers go on from the positions in it, and all is what the topics say
    with connect(own_database, live.schema) as connection:
        rows = connection.execute("select topic, partition, position from tracking").fetchall()
    assert {(topic, number): position for topic, number, position in rows if position} == {
        where: position for where, position in half.store.items() if position
    }
    again = Copy(service, log, own_database, live.schema)
    again.advance(ends)
    rebuilt = Copy(service, log, own_database, f"{namespace}_rebuilt")
    rebuilt.advance(ends)
    versions = {state_version(kind) for kind in service.kinds}
    with connect(own_database, again.schema) as left, connect(own_database, rebuilt.schema) as right:
        compared = compare_schemas(left, right, versions)
    assert [table.table for table in compared if not table.equal] == []
    assert sum(table.live.rows for table in compared if table.live) > 20
    again.close()
    rebuilt.close()


def test_older_tables_of_what_channels_hear_catch_up_and_are_what_a_rebuild_makes(
    log: MemoryLog, own_database: str, namespace: str, tmp_path: Path
) -> None:
    # Given what channels hear, in the middle of its topics, backed up, and gone on with
    models = channel_models("", f"{namespace}_channels")
    _follow_channels(models, log, own_database, parts=2)
    assert back_up_tables(own_database, tmp_path, [models.schema]) == [models.schema]
    half = _rows(own_database, models)
    _follow_channels(models, log, own_database)
    assert _rows(own_database, models) != half

    # When the backup is put in its place
    assert restore_tables(own_database, tmp_path, [models.schema]) == [models.schema]
    assert _rows(own_database, models) == half

    # Then the followers go on from the positions in it, and all is what the topics say
    _follow_channels(models, log, own_database)
    compared = rebuild_read_models(models, log, own_database, Silence())
    assert compared.equal and sum(table.live.rows for table in compared.tables if table.live) > 20


def _follow_channels(models: ReadModels, log: MemoryLog, url: str, parts: int = 1) -> None:
    """To the ends of the topics, or to such a part of the way."""
    for projection in models.projections():
        bounded = BoundedLog(log)
        numbers = [(topic, number) for topic in projection.topics for number in range(log.partitions(topic))]
        bounded.until({where: log.bounds(*where)[1] // parts for where in numbers})
        follower = ProjectionFollower(bounded, url, models.schema, projection, "")
        while follower.step():
            pass
        follower.close()


def _rows(url: str, models: ReadModels) -> list[Any]:
    with connect(url, models.schema) as connection:
        query = "select id, lines::text, parts::text from channel_orders order by id"
        return [
            *connection.execute(query).fetchall(),
            *connection.execute("select * from projection_tracking order by 1, 2, 3").fetchall(),
        ]


def _half(ends: Positions) -> Positions:
    return Positions(
        {where: end // 2 for where, end in ends.store.items()},
        {name: {where: end // 3 for where, end in of.items()} for name, of in ends.projections.items()},
    )


def test_tables_in_use_are_not_replaced_and_a_folder_without_a_backup_is_named(
    own_database: str, namespace: str, tmp_path: Path
) -> None:
    schema = f"{namespace}_live"
    with pytest.raises(FolderMissing, match=rf"{schema}\.dump"):
        restore_tables(own_database, tmp_path, [schema])
    with connect(own_database, schema) as somebody:
        somebody.execute(f"create schema {schema}")
        back_up_tables(own_database, tmp_path, [schema])
        with pytest.raises(Busy, match="oms down"):
            restore_tables(own_database, tmp_path, [schema])
    (tmp_path / f"{schema}.dump").write_bytes(b"no dump")
    with pytest.raises(NotReady, match="pg_restore failed"):
        restore_tables(own_database, tmp_path, [schema])


def test_every_schema_that_follows_topics_is_backed_up_but_the_one_that_keeps_digests_of_people() -> None:
    services = [declared(name, "shop").schema for name in topics.SERVICES]
    follows_topics = {*services, channel_models("shop").schema, declare_console("shop").schema}
    assert follows_topics - {*schemas_of("shop")} == {"shop_console"}
    assert schemas_of("shop") == [*services, "shop_channels"]
