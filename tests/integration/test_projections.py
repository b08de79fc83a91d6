"""A projection that cannot go on stops itself and nothing else, and goes on from where its tables are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, LiteralString

import psycopg
import pytest

from chassis import projection
from chassis.log import LogError, NewRecord, Record
from chassis.memory import MemoryLog
from chassis.projection import ProjectionFailed, ProjectionFollower
from chassis.runtime import Health, let_follow
from chassis.store import connect
from contracts.topics import TopicSpec


class Words:
    """Writes each value of the topic into a table, and cannot write some."""

    name = "words"
    topics = ("words",)
    tables: LiteralString = "create table if not exists words (word text primary key)"

    def __init__(self) -> None:
        self.mended = False

    def apply(self, connection: psycopg.Connection[Any], records: Sequence[Record]) -> None:
        for record in records:
            word = (record.value or b"").decode()
            connection.execute("insert into words values (%s)", [word.replace("\0", "?") if self.mended else word])


class Bench:
    """A topic in memory and a projection of it into a schema of its own."""

    def __init__(self, url: str, schema: str) -> None:
        self.log = MemoryLog(lambda: datetime.now(UTC))
        self.log.create_topics([TopicSpec("words", 1, {})])
        self.words = Words()
        self.follower = ProjectionFollower(self.log, url, schema, self.words, "")
        self._url, self._schema = url, schema

    def write(self, *words: str) -> None:
        producer = self.log.producer("p")
        producer.begin()
        producer.send([NewRecord("words", 0, b"", word.encode(), ()) for word in words])
        producer.commit()

    def written(self) -> list[str]:
        with connect(self._url, self._schema) as connection:
            return [word for (word,) in connection.execute("select word from words order by word").fetchall()]


@pytest.fixture
def bench(database: str, namespace: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    monkeypatch.setattr(projection, "LEAD_AGAIN_SECONDS", 0.0)
    made = Bench(database, namespace)
    yield made
    made.follower.close()


def test_what_a_projection_cannot_write_fails_it_again_and_again_and_nothing_else(bench: Bench) -> None:
    # given a projection that has written one record, and is given another that no table can keep
    bench.write("one")
    bench.follower.step()
    bench.write("two", "th\0ree")
    # when it is asked to go on, then it fails as a whole each time, and health waits for it
    for _ in range(3):
        with pytest.raises(ProjectionFailed, match="the projection words cannot go on: DataError"):
            bench.follower.step()
    health = Health("service", state="running")
    health.tell(let_follow([bench.follower], "service"))
    assert "the projection words cannot go on" in str(health.last_error)
    assert (health.state, bench.written()) == ("waiting", ["one"])
    # when it is mended, then it goes on from where its table is, and health with it
    bench.words.mended = True
    health.tell(let_follow([bench.follower], "service"))
    assert (health.state, bench.written()) == ("running", ["one", "th?ree", "two"])


def test_the_end_of_an_empty_partition_leaves_no_row(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """A broker tells that end to whoever asks, again and again: tables made again would differ by it."""
    bench.follower.step()
    monkeypatch.setattr(bench.follower._reader, "poll", lambda limit, timeout: ([], {("words", 0): 0}))
    bench.follower.step()
    with connect(bench._url, bench._schema) as connection:
        assert connection.execute("select * from projection_tracking").fetchall() == []


def test_a_projection_whose_topic_is_not_there_yet_waits_for_it(database: str, namespace: str) -> None:
    follower = ProjectionFollower(MemoryLog(lambda: datetime.now(UTC)), database, namespace, Words(), "")
    with pytest.raises(LogError, match="words does not exist"):
        follower.step()
    assert "words does not exist" in str(let_follow([follower], "service"))
    follower.close()
