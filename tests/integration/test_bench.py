"""The harness works at toy size: on a broker it moves records exactly once, and counts what it moved."""

from __future__ import annotations

from bench.census import count
from bench.limit import LOOPS, Shape, limit
from chassis.kafka import KafkaLog

RECORDS = 2_000


def test_the_limit_is_taken_for_each_number_of_loops_and_every_record_is_counted(broker: str) -> None:
    # When the limit is taken on a broker
    found = limit(broker, Shape(1_000, 600, 200), RECORDS, seconds=2.0)
    # Then there is a figure for each number of loops, and the best of them is the limit
    assert list(found["by_loops"]) == [str(loops) for loops in LOOPS]
    assert found["records_per_second"] == max(found["by_loops"].values()) > 0
    # And a census finds each record, none of which a service wrote
    log = KafkaLog(broker)
    ends = {
        (topic, number): log.bounds(topic, number)[1]
        for topic, partitions in log.topics().items()
        if topic.startswith("bench-limit-") and topic.endswith("-in")
        for number in range(partitions)
    }
    census = count(broker, {}, ends)
    assert (census.records, census.from_doors) == (0, RECORDS)
