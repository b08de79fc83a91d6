"""How everything but the loop reads and writes Kafka: FastStream subscribers, and one idempotent writer.

Each default of the client is wrong for us, so the settings stand here once. A subscriber reads what is committed, from
the earliest record on, and its position moves only after what it was given is done. The loop has a client of its own
(chassis/kafka/).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Any, Protocol, TypeVar

from aiokafka import AIOKafkaProducer, ConsumerRecord
from aiokafka.errors import KafkaError
from faststream import AckPolicy
from faststream.kafka import KafkaBroker, KafkaMessage
from psycopg import OperationalError
from psycopg_pool import PoolTimeout

from chassis.faultpoints import faultpoint
from chassis.header_names import read_odd_names
from chassis.log import LogError, NewRecord
from chassis.sealing import MasterKeyMisfit
from chassis.store import StoreAway
from contracts.topics import DEAD_LETTER_BYTES_MAX

__all__ = [
    "AWAY",
    "BATCH_RECORDS_MAX",
    "CLIENT_SETTINGS",
    "CONSUMER_SETTINGS",
    "PRODUCER_SETTINGS",
    "KafkaWriter",
    "Records",
    "Writer",
    "keep_trying",
    "make_broker",
    "subscribe",
]

log = logging.getLogger("orderlog")

T = TypeVar("T")

Records = Sequence["ConsumerRecord[bytes, bytes]"]

BATCH_RECORDS_MAX = 200
"""Records that a subscriber is given at once; its position is committed once a batch."""

BATCH_WAIT_MS = 50
"""How long a subscriber waits for more."""

WRITE_SECONDS = 15.0
"""How long a write may take before the broker counts as away. What was written may still be there: ids are stable."""

STOP_SECONDS = 10.0

ENDING_MAX = 2
"""Producers that failed and still send what others wrote by them, before one more is started in their place."""

CLIENT_SETTINGS: dict[str, Any] = {"request_timeout_ms": 10_000, "metadata_max_age_ms": 5_000}
"""How long the broker may take for one answer, and how often is asked who leads. The client's own are 40 s and five
minutes: whoever asks a broker that is cut off without a word waits for so long, though another leads."""

PRODUCER_SETTINGS: dict[str, Any] = {
    **CLIENT_SETTINGS,
    "acks": "all",
    "enable_idempotence": True,
    "max_request_size": DEAD_LETTER_BYTES_MAX,
    "linger_ms": 2,
}
CONSUMER_SETTINGS: dict[str, Any] = {
    "isolation_level": "read_committed",
    "auto_offset_reset": "earliest",
    "max_partition_fetch_bytes": DEAD_LETTER_BYTES_MAX,
    "fetch_max_bytes": DEAD_LETTER_BYTES_MAX,
    "fetch_max_wait_ms": 500,
}
"""All partitions of an answer have together as much as one record may, and the client's own 50 MB are the more memory the more
of it is made records at once. The wait is for when there is nothing: each answer is made and read in Python, a millisecond
of a process that has nothing to do. What is written meanwhile is answered at once."""

SESSION_TIMEOUT_MS = 6_000
HEARTBEAT_INTERVAL_MS = 2_000
"""After how long without a sign the coordinator takes a member of a group for gone. So long it also keeps back the answer to
one that joins, while others are missing: shorter than request_timeout_ms, or the client gives that answer up just before
it comes. Not shorter than brokers allow by themselves."""

RETRY_SECONDS = 1.0
"""Between attempts at something that is away."""

AWAY = (LogError, StoreAway, OperationalError, PoolTimeout, MasterKeyMisfit, OSError)
"""What passes by itself, or when somebody mends a server, frees a disk or brings back the master key."""


class Writer(Protocol):
    """Writes records that are there for good when it returns."""

    async def write(self, records: Sequence[NewRecord]) -> None:
        """Write all, in order within a partition; raises LogError when the broker did not take them in time."""


class KafkaWriter:
    """The one producer of a process that is not a loop: acks of all replicas, idempotent."""

    def __init__(self, bootstrap: str) -> None:
        self._bootstrap = bootstrap
        self._producer: AIOKafkaProducer | None = None
        self._ending: set[asyncio.Task[None]] = set()
        """Of the producers before, which end beside it."""
        self._changing = asyncio.Lock()
        self._stopped = False

    async def start(self) -> None:
        """Connect; raises LogError when no broker answers."""
        await self._connected()

    async def _connected(self) -> AIOKafkaProducer:
        async with self._changing:
            if self._stopped:
                raise LogError("this writer was stopped")
            if self._producer is None:
                while len(self._ending) >= ENDING_MAX:
                    await asyncio.wait(self._ending, return_when=asyncio.FIRST_COMPLETED)
                producer = AIOKafkaProducer(bootstrap_servers=self._bootstrap, **PRODUCER_SETTINGS)
                try:
                    await producer.start()
                except KafkaError as error:
                    await producer.stop()
                    raise LogError(f"no broker answers at {self._bootstrap}: {error}") from error
                except BaseException:
                    await producer.stop()
                    raise
                self._producer = producer
            return self._producer

    async def write(self, records: Sequence[NewRecord]) -> None:
        """See Writer.write. After it failed the next write is another producer's: one that gave up a batch before it was
        sent has used up its sequence numbers, and the broker would refuse whatever follows in that partition for ever."""
        faultpoint("writer.before_write")
        producer: AIOKafkaProducer | None = None
        try:
            async with asyncio.timeout(WRITE_SECONDS):
                producer = await self._connected()
                futures = [
                    await producer.send(
                        record.topic,
                        value=record.value,
                        key=record.key,
                        partition=record.partition,
                        headers=list(record.headers),
                    )
                    for record in records
                ]
                await asyncio.gather(*futures)
        except TimeoutError as error:
            self._give_up(producer)
            raise LogError(f"the broker at {self._bootstrap} took nothing for {WRITE_SECONDS:.0f} s") from error
        except KafkaError as error:
            self._give_up(producer)
            raise LogError(f"the broker at {self._bootstrap} refused a record: {error}") from error
        faultpoint("writer.written")

    def _give_up(self, producer: AIOKafkaProducer | None) -> None:
        """Let the next write have another than this one, unless a write beside this has seen to that. What others wrote by
        it is still sent while it ends."""
        if producer is not None and producer is self._producer and not self._stopped:
            self._producer = None
            ending = asyncio.create_task(_end(producer), name="producer-end")
            self._ending.add(ending)
            ending.add_done_callback(self._ending.discard)

    async def stop(self) -> None:
        """Give the connections back."""
        self._stopped = True
        async with self._changing:
            if self._producer is not None:
                await _end(self._producer)
            await asyncio.gather(*self._ending)


async def _end(producer: AIOKafkaProducer) -> None:
    """Let it send what it has and go; a client whose broker is gone would wait for ever (aiokafka 1101)."""
    try:
        await asyncio.wait_for(producer.stop(), STOP_SECONDS)
    except TimeoutError:
        log.warning("the broker did not let the producer go within %.0f s", STOP_SECONDS)
        # Its own stop was waiting for what it will never send; this is what it does after that.
        await producer._sender.close()
        await producer.client.close()


def make_broker(bootstrap: str) -> KafkaBroker:
    """A FastStream broker with our settings; subscribers are added with `subscribe`."""
    read_odd_names()
    return KafkaBroker(
        bootstrap,
        acks=PRODUCER_SETTINGS["acks"],
        enable_idempotence=PRODUCER_SETTINGS["enable_idempotence"],
        max_request_size=PRODUCER_SETTINGS["max_request_size"],
        allow_auto_create_topics=False,
        **CLIENT_SETTINGS,
        ack_policy=AckPolicy.MANUAL,
        graceful_timeout=STOP_SECONDS,
        logger=None,
    )


def subscribe(
    broker: KafkaBroker,
    topic: str,
    group: str,
    handle: Callable[[Records], Awaitable[None]],
    failed: Callable[[BaseException], None],
) -> None:
    """Give `handle` the raw records of `topic`, in batches, and commit after each that it finished.

    `handle` tries as long as it takes; what it raises is a defect: `failed` hears of it, and nothing more is handled or
    committed, since FastStream would go on with the next batch and commit past this one.
    """

    async def take(message: KafkaMessage) -> None:
        raw = message.raw_message
        try:
            await handle(raw if isinstance(raw, tuple) else (raw,))
        except Exception as error:  # noqa: BLE001 - whatever it is ends the process
            failed(error)
            await asyncio.Event().wait()
        await message.ack()

    broker.subscriber(
        topic,
        group_id=group,
        batch=True,
        max_records=BATCH_RECORDS_MAX,
        batch_timeout_ms=BATCH_WAIT_MS,
        ack_policy=AckPolicy.MANUAL,
        parser=_without_headers,
        decoder=_undecoded,
        session_timeout_ms=SESSION_TIMEOUT_MS,
        heartbeat_interval_ms=HEARTBEAT_INTERVAL_MS,
        **CONSUMER_SETTINGS,
    )(take)


async def _without_headers(records: tuple[ConsumerRecord[bytes, bytes], ...], parse: Any) -> KafkaMessage:
    """Headers of strangers need not be text, which FastStream takes for granted: it is not shown them."""
    message: KafkaMessage = await parse(tuple(replace(record, headers=()) for record in records))
    message.raw_message = records
    return message


async def _undecoded(message: KafkaMessage) -> Any:
    return message.body


async def keep_trying(
    attempt: Callable[[], Awaitable[T]], waits: Callable[[str | None], None], seconds_max: float | None = None
) -> T:
    """Try until it works: what came in is not let go of. `waits` hears what for, and None when it goes on. The pause
    between attempts doubles up to `seconds_max`, where one is given: for servers that mind being asked every second."""
    waited, pause = False, RETRY_SECONDS
    while True:
        try:
            result = await attempt()
        except AWAY as error:
            waited = True
            waits(str(error))
            await asyncio.sleep(pause)
            pause = min(2 * pause, seconds_max or pause)
        except Exception:
            if waited:
                waits(None)
            raise
        else:
            if waited:
                waits(None)
            return result
